"""Records a stream's batches of events, and acknowledges each when it is durable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import TypeAlias

from samekind import wire
from samekind.errors import Overloaded, SamekindError
from samekind.recommendations import Event, Recorded
from samekind.v1 import recommendation_service_pb2 as pb
from samekind_server.edge import acknowledging, callers, drain, streams, validation
from samekind_server.edge.handlers import request_id
from samekind_server.recommendation.events import Events

# Under way for one stream: those that wait for the store share one commit.
BATCHES, BYTES = 32, 16 << 20
AT_ONCE = 64  # Events that are read before other calls have their turn: a whole batch takes ten milliseconds.
Request: TypeAlias = pb.IngestEventsRequest
Outcomes: TypeAlias = "list[Recorded] | SamekindError"


async def acknowledged(requests: AsyncIterator[Request], events: Events) -> AsyncIterator[pb.IngestEventsResponse]:
    """An acknowledgement for each batch, in their order. A message that is not as it has to be ends the stream, all before it being acknowledged."""
    messages = streams.heard(requests, drain.asked())
    if not (first := await anext(messages, None)):
        return
    catalog, tenant = acknowledging.options(first).catalog, callers.current().tenant
    await events.check(tenant, catalog)

    turn = asyncio.Lock()

    async def write(request: Request, before: list[asyncio.Future[Outcomes]]) -> Outcomes:
        async with turn:  # Batches go to the store in the order they came.
            given = await read(request.events)
        return await _recorded(events, tenant, catalog, given)

    checked = acknowledging.checked(first, messages, "events")
    async with aclosing(acknowledging.in_order(checked, write, batches=BATCHES, size=BYTES)) as written:
        async for request, outcomes in written:
            if isinstance(outcomes, SamekindError):
                yield pb.IngestEventsResponse(sequence=request.sequence, error=wire.status(outcomes, field="events", request_id=request_id.get()))
            else:
                yield pb.IngestEventsResponse(sequence=request.sequence, answer=wire.record_events_response(outcomes))


async def read(messages: Sequence[pb.Event]) -> list[Event | SamekindError]:
    """Each message's event, or what is wrong with it, in order."""
    found: list[Event | SamekindError] = []
    for start in range(0, len(messages), AT_ONCE):
        await asyncio.sleep(0)
        found += [_read(message, place) for place, message in enumerate(messages[start : start + AT_ONCE], start)]
    return found


def _read(message: pb.Event, place: int) -> Event | SamekindError:
    try:
        validation.check(message, field=f"events[{place}]")
        return wire.read_event(message)
    except SamekindError as error:
        return error


async def _recorded(events: Events, tenant: str, catalog: str, given: list[Event | SamekindError]) -> Outcomes:
    """What became of a batch; it waits while the store has too much to do."""
    while True:
        try:
            return await events.record(tenant, catalog, given)
        except Overloaded as error:
            await asyncio.sleep(error.retry_after or 1.0)
        except SamekindError as error:
            return error
