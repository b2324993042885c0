"""Answers a stream's batches, each as soon as it is ready, and reads no more of them than there is room for."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeAlias

from google.protobuf.message import Message

from samekind import wire
from samekind.errors import BadRequest, DeadlineExceeded, Internal, Overloaded, SamekindError, Unavailable, Violation
from samekind_server.edge import drain, validation
from samekind_server.edge.asking import asker
from samekind_server.edge.handlers import Context, request_id
from samekind_server.embedding.askers import Asker, Lane

# Under way for one stream, from when a batch is read until its answer is written; a batch larger than all that is let in alone.
BATCHES, BYTES = 16, 32 << 20
LONGEST = 0.5  # Seconds between two looks whether there is room for a batch.
# The messages of all streams have the same form: options, sequence, contents, timeout; sequence and answer or error.
Request: TypeAlias = Any
Ask: TypeAlias = Callable[[Request, Asker], Awaitable[Message]]
Open: TypeAlias = Callable[[Any, Asker], Awaitable[Ask]]

log = logging.getLogger(__name__)


async def answered(requests: AsyncIterator[Request], context: Context, open: Open, respond: Callable[..., Any]) -> AsyncIterator[Any]:
    """A `respond(sequence=…, answer=…)` or `respond(sequence=…, error=…)` for each batch that is read.

    `open` is told the options of the first message, and makes what is asked of each batch. What it raises ends the stream.
    A server that is told to stop answers what it has read, and ends the stream as Unavailable.
    """
    messages = heard(requests, drain.asked())
    if not (first := await anext(messages, None)):
        return
    ask = await open(_options(first), _asker(context))

    async def answer(request: Request) -> Any:
        try:
            _check(request, first)
            return respond(sequence=request.sequence, answer=await _answer(request, context, ask))
        except Exception as error:
            return respond(sequence=request.sequence, error=wire.status(_told(error), field="contents", request_id=request_id.get()))

    async with aclosing(_bounded(_begun(first, messages), answer)) as responses:
        async for response in responses:
            yield response


async def heard(requests: AsyncIterator[Request], asked: asyncio.Event) -> AsyncIterator[Request]:
    """The messages, until there are no more. Raises Unavailable once the server is asked to stop."""
    while True:
        reading, stopping = asyncio.ensure_future(anext(requests, None)), asyncio.ensure_future(asked.wait())
        try:
            await asyncio.wait((reading, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                raise Unavailable("the server is stopping and has read no more of this stream; send what it did not answer again, in another")
            if (message := reading.result()) is None:
                return
        finally:
            await ended(reading, stopping)
        yield message


async def _bounded(requests: AsyncIterator[Request], answer: Callable[[Request], Awaitable[Any]]) -> AsyncGenerator[Any, None]:
    """The answers as they are ready. What ends the requests is raised when all that were read are answered."""
    under_way: dict[asyncio.Future[Any], int] = {}
    reading: asyncio.Future[Request] | None = None
    end: Exception | None = None
    try:
        while under_way or not end:
            if not (reading or end) and len(under_way) < BATCHES and sum(under_way.values()) < BYTES:
                reading = asyncio.ensure_future(anext(requests))
            done, _ = await asyncio.wait((*under_way, *([reading] if reading else [])), return_when=asyncio.FIRST_COMPLETED)
            if reading and reading in done:
                (request, end), reading = read(reading), None
                if not end:
                    under_way[asyncio.ensure_future(answer(request))] = request.ByteSize()
            for ready in done & under_way.keys():
                yield ready.result()
                del under_way[ready]  # Not before: while its reader is slow it takes room.
        if isinstance(end, SamekindError):
            raise end
    finally:
        await ended(*under_way, *([reading] if reading else []))


def read(reading: asyncio.Future[Request]) -> tuple[Request, Exception | None]:
    """The request, or why there are no more of them."""
    try:
        return reading.result(), None
    except (SamekindError, StopAsyncIteration) as end:
        return None, end


async def _begun(first: Request, others: AsyncIterator[Request]) -> AsyncIterator[Request]:
    if first.contents:
        yield first
    async for other in others:
        yield other


async def ended(*futures: asyncio.Future[Any]) -> None:
    """Cancels what is under way, and waits until it is gone."""
    for future in futures:
        future.cancel()
    await asyncio.gather(*futures, return_exceptions=True)


def _options(first: Request) -> Any:
    if not first.HasField("options"):
        raise _refused("the first message of a stream has options; send them, empty ones at least")
    validation.check(first)
    return first.options


def _check(request: Request, first: Request) -> None:
    validation.check(request)
    if request is not first and request.HasField("options"):
        raise _refused("only the first message of a stream has options; open another stream for others")


async def _answer(request: Request, context: Context, ask: Ask) -> Message:
    """Raises DeadlineExceeded where the batch's own time is over."""
    seconds = request.timeout.ToNanoseconds() / 1e9 if request.HasField("timeout") else None
    try:
        async with asyncio.timeout(seconds):
            return await _let_in(request, _asker(context, seconds), ask)
    except TimeoutError:
        raise DeadlineExceeded(f"no answer within the {seconds:g} s that the batch was given; give it more time, or send less at once") from None


async def _let_in(request: Request, asker: Asker, ask: Ask) -> Message:
    """Waits while the server has too much to do: as no more is read meanwhile, the caller waits too."""
    while True:
        try:
            return await ask(request, asker)
        except Overloaded as error:
            await asyncio.sleep(min(error.retry_after or LONGEST, LONGEST))


def _asker(context: Context, seconds: float | None = None) -> Asker:
    by_the_call = asker(context)
    deadline = by_the_call.deadline if seconds is None else min(by_the_call.deadline, time.monotonic() + seconds)
    return replace(by_the_call, lane=Lane.BULK, deadline=deadline, waits=True)


def _told(error: Exception) -> SamekindError:
    if isinstance(error, SamekindError):
        return error
    log.error("a batch of request %s failed", request_id.get(), exc_info=error)
    return Internal(f"a fault in the server; its log has it as request {request_id.get()}")


def _refused(message: str) -> BadRequest:
    return BadRequest(message, violations=(Violation("options", message),))
