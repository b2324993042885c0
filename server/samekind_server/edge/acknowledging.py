"""Takes a stream's batches in their order, a few at a time, and hands on what became of each in the same order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

from samekind.errors import BadRequest, SamekindError, Violation
from samekind_server.edge import streams, validation

# The messages of such streams have the same form: options, sequence, contents.
Request: TypeAlias = Any
Outcome = TypeVar("Outcome")


async def in_order(
    requests: AsyncIterator[Request],
    write: Callable[[Request, list[asyncio.Future[Outcome]]], Awaitable[Outcome]],
    *,
    batches: int,
    size: int,
) -> AsyncGenerator[tuple[Request, Outcome], None]:
    """Each request with what `write` makes of it, told those that are under way before it.

    Under way are so many `batches`, of so many bytes. What ends the requests is raised when all that were read are written.
    """
    under_way: deque[tuple[Request, asyncio.Future[Outcome]]] = deque()
    reading: asyncio.Future[Request] | None = None
    end: Exception | None = None
    try:
        while under_way or not end:
            if not (reading or end) and len(under_way) < batches and sum(request.ByteSize() for request, _ in under_way) < size:
                reading = asyncio.ensure_future(anext(requests))
            awaited: list[asyncio.Future[Any]] = [*([reading] if reading else []), *(batch for _, batch in list(under_way)[:1])]
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            if reading and reading.done():
                (request, end), reading = streams.read(reading), None
                if not end:
                    under_way.append((request, asyncio.ensure_future(write(request, [batch for _, batch in under_way]))))
            if under_way and under_way[0][1].done():
                yield under_way[0][0], under_way[0][1].result()
                under_way.popleft()  # Not before: while its reader is slow it takes room.
        if isinstance(end, SamekindError):
            raise end
    finally:
        await streams.ended(*(batch for _, batch in under_way), *([reading] if reading else []))


def options(first: Request) -> Any:
    """The options of a stream's first message. Raises BadRequest where it is not as it has to be."""
    if not first.HasField("options"):
        raise _refused("options", "the first message of a stream has options; send them, with the catalog's name")
    validation.check(first)
    return first.options


async def checked(first: Request, others: AsyncIterator[Request], contents: str) -> AsyncIterator[Request]:
    """The messages that have `contents`. Raises BadRequest where one is not as it has to be."""
    last = -1
    if getattr(first, contents):
        last = first.sequence
        yield first
    async for other in others:
        validation.check(other)
        if other.HasField("options"):
            raise _refused("options", "options come with the first message of a stream alone; for others begin another stream")
        if other.sequence <= last:
            raise _refused("sequence", f"the batch {other.sequence} comes after {last}; number them upwards, so that an acknowledgement is clear")
        last = other.sequence
        yield other


def _refused(field: str, message: str) -> BadRequest:
    return BadRequest(message, violations=(Violation(field, message),))
