"""Writes a stream's batches in their order, and acknowledges each when it is durable; no more are read than there is room for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeAlias

from samekind import wire
from samekind.errors import BadRequest, Overloaded, SamekindError, Violation
from samekind.types import Written
from samekind.v1 import catalog_service_pb2 as pb
from samekind_server.catalog.catalog import OpenCatalog
from samekind_server.edge import drain, items, repeats, streams, validation
from samekind_server.edge.asking import asker
from samekind_server.edge.handlers import Context, request_id
from samekind_server.embedding.askers import Lane

# Under way for one stream: while one batch is written, the next are embedded.
BATCHES, BYTES = 4, 16 << 20
Open: TypeAlias = Callable[[pb.IngestItemsOptions], Awaitable[OpenCatalog]]
Request: TypeAlias = pb.IngestItemsRequest
Outcomes: TypeAlias = "list[Written] | SamekindError"
Write: TypeAlias = Callable[[Request, "list[Batch]"], Awaitable[Outcomes]]
Batch: TypeAlias = "asyncio.Future[Outcomes]"


async def acknowledged(requests: AsyncIterator[Request], context: Context, open: Open) -> AsyncIterator[pb.IngestItemsResponse]:
    """An acknowledgement for each batch, in their order. A message that is not as it has to be ends the stream, all before it being acknowledged."""
    messages = streams.heard(requests, drain.asked())
    if not (first := await anext(messages, None)):
        return
    options = _options(first)
    catalog = await open(options)

    async def write(request: Request, before: list[Batch]) -> Outcomes:
        return await _written(request, options, catalog, context, before)

    async with aclosing(_in_order(_checked(first, messages), write)) as written:
        async for request, outcomes in written:
            if isinstance(outcomes, SamekindError):
                yield pb.IngestItemsResponse(sequence=request.sequence, error=wire.status(outcomes, field="items", request_id=request_id.get()))
            else:
                answer = wire.upsert_items_response(items.named(outcomes, request.items))
                yield pb.IngestItemsResponse(sequence=request.sequence, answer=answer)


async def _in_order(requests: AsyncIterator[Request], write: Write) -> AsyncGenerator[tuple[Request, Outcomes], None]:
    """Each request with its outcomes, or what it failed with as a whole. What ends the requests is raised when all that were read are written."""
    under_way: deque[tuple[Request, Batch]] = deque()
    reading: asyncio.Future[Request] | None = None
    end: Exception | None = None
    try:
        while under_way or not end:
            if not (reading or end) and len(under_way) < BATCHES and sum(request.ByteSize() for request, _ in under_way) < BYTES:
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


async def _written(request: Request, options: pb.IngestItemsOptions, catalog: OpenCatalog, context: Context, before: list[Batch]) -> Outcomes:
    """What became of a batch. It is embedded beside those before it, written after them, and waits while there is too much to do."""

    async def turn() -> None:
        for batch in before:
            await asyncio.shield(batch)

    again = repeats.batch(options, request)
    whose = replace(asker(context), lane=Lane.BULK, waits=True)
    given, mode, long_text = items.read(request.items), wire.read_write_mode(options.mode), wire.read_long_text(options.long_text)
    while True:
        try:
            return await catalog.upsert(given, mode=mode, asker=whose, long_text=long_text, request=again, turn=turn)
        except Overloaded as error:
            await asyncio.sleep(error.retry_after or 1.0)
        except SamekindError as error:
            return error


def _options(first: pb.IngestItemsRequest) -> pb.IngestItemsOptions:
    if not first.HasField("options"):
        raise _refused("options", "the first message of a stream has options; send them, with the catalog's name")
    validation.check(first)
    return first.options


async def _checked(first: Request, others: AsyncIterator[Request]) -> AsyncIterator[Request]:
    """The messages that have items. Raises BadRequest where one is not as it has to be."""
    last = -1
    if first.items:
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
