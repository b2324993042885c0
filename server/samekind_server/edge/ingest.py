"""Writes a stream's batches in their order, and acknowledges each when it is durable; no more are read than there is room for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TypeAlias

from samekind import wire
from samekind.errors import Overloaded, SamekindError
from samekind.types import Written
from samekind.v1 import catalog_service_pb2 as pb
from samekind_server.catalog.catalog import OpenCatalog
from samekind_server.edge import acknowledging, drain, items, repeats, streams
from samekind_server.edge.asking import asker
from samekind_server.edge.handlers import Context, request_id
from samekind_server.embedding.askers import Lane

# Under way for one stream: while one batch is written, the next are embedded.
BATCHES, BYTES = 4, 16 << 20
Open: TypeAlias = Callable[[pb.IngestItemsOptions], Awaitable[OpenCatalog]]
Request: TypeAlias = pb.IngestItemsRequest
Outcomes: TypeAlias = "list[Written] | SamekindError"
Batch: TypeAlias = "asyncio.Future[Outcomes]"


async def acknowledged(requests: AsyncIterator[Request], context: Context, open: Open) -> AsyncIterator[pb.IngestItemsResponse]:
    """An acknowledgement for each batch, in their order. A message that is not as it has to be ends the stream, all before it being acknowledged."""
    messages = streams.heard(requests, drain.asked())
    if not (first := await anext(messages, None)):
        return
    options = acknowledging.options(first)
    catalog = await open(options)

    async def write(request: Request, before: list[Batch]) -> Outcomes:
        return await _written(request, options, catalog, context, before)

    async with aclosing(acknowledging.in_order(acknowledging.checked(first, messages, "items"), write, batches=BATCHES, size=BYTES)) as written:
        async for request, outcomes in written:
            if isinstance(outcomes, SamekindError):
                yield pb.IngestItemsResponse(sequence=request.sequence, error=wire.status(outcomes, field="items", request_id=request_id.get()))
            else:
                answer = wire.upsert_items_response(items.named(outcomes, request.items))
                yield pb.IngestItemsResponse(sequence=request.sequence, answer=answer)


async def _written(request: Request, options: pb.IngestItemsOptions, catalog: OpenCatalog, context: Context, before: list[Batch]) -> Outcomes:
    """What became of a batch. It is embedded beside those before it, written after them, and waits while there is too much to do."""

    async def turn() -> None:
        for batch in before:
            await asyncio.shield(batch)

    again = repeats.batch(options, request)
    whose = replace(asker(context), lane=Lane.BULK, waits=True)
    mode, long_text = wire.read_write_mode(options.mode), wire.read_wanted_long_text(options.long_text)
    given = await catalog.taken(items.read(request.items))
    while True:
        try:
            return await catalog.upsert(given, mode=mode, asker=whose, long_text=long_text, request=again, turn=turn)
        except Overloaded as error:
            await asyncio.sleep(error.retry_after or 1.0)
        except SamekindError as error:
            return error
