"""One pure builder per operation on what users did with a catalog's items."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, overload

from samekind import wire
from samekind.batches import Asks, AsyncAsks, Batch, Call, Entry, Method, Several, Streamed, several
from samekind.errors import SamekindError
from samekind.recommendations import Event, EventKind, RecommendationModel, Recorded, Recording
from samekind.turns import chained
from samekind.v1 import recommendation_service_pb2 as pb

SERVICE = "/samekind.v1.RecommendationService"
RECORD_EVENTS = Method(f"{SERVICE}/RecordEvents", pb.RecordEventsResponse.FromString)
INGEST_EVENTS = Method(f"{SERVICE}/IngestEvents", pb.IngestEventsResponse.FromString)
LIST_EVENTS = Method(f"{SERVICE}/ListEvents", pb.ListEventsResponse.FromString)
DELETE_USER = Method(f"{SERVICE}/DeleteUser", pb.DeleteUserResponse.FromString)
GET_MODEL = Method(f"{SERVICE}/GetRecommendationModel", pb.GetRecommendationModelResponse.FromString)

PAGE = 1000
TOGETHER = 1024  # Events in one message of a stream: they are small.


@dataclass(frozen=True)
class Listed:
    """Events of any number, a page at a time as they are asked for."""

    page: Callable[[str], Call[Any, pb.ListEventsResponse, pb.ListEventsResponse]]

    def by(self, asks: Asks, /) -> Iterator[Event]:
        """The events."""
        answer = asks._run(self.page(""))
        yield from map(wire.read_event, answer.events)
        while token := answer.next_page_token:
            answer = asks._run(self.page(token))
            yield from map(wire.read_event, answer.events)

    async def awaited_by(self, asks: AsyncAsks, /) -> AsyncIterator[Event]:
        """The events."""
        answer = await asks._run(self.page(""))
        for message in answer.events:
            yield wire.read_event(message)
        while token := answer.next_page_token:
            answer = await asks._run(self.page(token))
            for message in answer.events:
                yield wire.read_event(message)


class Tally:
    """Counts what became of events, in their order."""

    def __init__(self) -> None:
        self._place = self._known = 0
        self._failures: dict[int, SamekindError] = {}

    def add(self, recorded: Recorded) -> None:
        """One more."""
        if recorded.error:
            self._failures[self._place] = recorded.error
        self._place, self._known = self._place + 1, self._known + recorded.known

    @property
    def total(self) -> Recording:
        """All so far."""
        return Recording(self._place - len(self._failures), self._known, self._failures)


@dataclass(frozen=True)
class Summed:
    """What became of many events."""

    asked: Several[pb.RecordEventsResponse, Recorded] | Streamed[pb.RecordEventsResponse, Recorded]

    def by(self, asks: Asks, /) -> Recording:
        """All are recorded when this returns."""
        tally = Tally()
        for recorded in self.asked.by(asks):
            tally.add(recorded)
        return tally.total

    async def awaited_by(self, asks: AsyncAsks, /) -> Recording:
        """All are recorded when this returns."""
        tally = Tally()
        if isinstance(self.asked, Streamed):
            async for recorded in self.asked.awaited_by(asks):
                tally.add(recorded)
        else:
            for recorded in await self.asked.awaited_by(asks):
                tally.add(recorded)
        return tally.total


@overload
def record(catalog: str, events: Iterable[Event] | AsyncIterable[Event], *, progress: bool = ...) -> Summed: ...
@overload
def record(catalog: str, events: Event) -> Call[Any, Recorded, Recorded]: ...
@overload
def record(
    catalog: str,
    *,
    user: str,
    item: str,
    kind: EventKind | str,
    value: float | None = ...,
    time: datetime | None = ...,
    id: str = ...,
    attribution: str = ...,
) -> Call[Any, Recorded, Recorded]: ...
def record(
    catalog: str,
    events: Event | Iterable[Event] | AsyncIterable[Event] | None = None,
    *,
    user: str = "",
    item: str = "",
    kind: EventKind | str = "",
    value: float | None = None,
    time: datetime | None = None,
    id: str = "",
    attribution: str = "",
    progress: bool = False,
) -> Call[Any, Recorded, Recorded] | Summed:
    """Records what a user did with an item, or events of any number; when it returns they are durable.

    Of one event its error is raised; of several each that failed is told by its place. An event without a time is of now. What is recorded
    already, by its `id` or else by user, item, kind and time, is recorded once, so whoever was interrupted begins again.
    """
    batch = Batch(
        RECORD_EVENTS,
        lambda given: wire.record_events_request(catalog, given),
        wire.read_recorded,
        lambda error, _: Recorded(error=error),
        INGEST_EVENTS,
        _message,
        wire.ingest_events_options(catalog),
        together=TOGETHER,
    )
    if events is not None and not isinstance(events, Event):
        return Summed(several(events, _entry, batch, progress=progress))
    event = events or Event(user, item, kind, value, time, id, attribution)
    return Call(batch.method, lambda: batch.part(0, [_entry(event)]), _one)


def events(catalog: str, *, user: str = "", item: str = "") -> Listed:
    """The events of a user, of an item, or of both, latest first, read as they are asked for."""

    def page(token: str) -> Call[Any, pb.ListEventsResponse, pb.ListEventsResponse]:
        request = wire.list_events_request(catalog, user=user, item=item, page_size=PAGE, page_token=token)
        return chained(LIST_EVENTS, [request], lambda response: [response], lambda responses: responses[0])

    return Listed(page)


def forget(catalog: str, user: str) -> Call[Any, int, int]:
    """Deletes all that is known of a user; how many events. Copies of the store that were made before keep them."""
    return chained(DELETE_USER, [wire.delete_user_request(catalog, user)], lambda response: [int(response.events)], sum)


def recommendation_model(catalog: str) -> Call[Any, RecommendationModel, RecommendationModel]:
    """What was learned of the catalog's events."""
    request = wire.recommendation_model_request(catalog)
    return chained(GET_MODEL, [request], lambda response: [wire.read_recommendation_model(response.model)], lambda told: told[0])


def _entry(event: Event) -> Entry:
    if not isinstance(event, Event):
        raise TypeError(f"an event is an Event, as Event('u1', 'sku-1', 'purchase'), not {event!r:.100}")
    try:
        # With a time of its own it can be sent again and is the same.
        return wire.event(event if event.time or event.id else replace(event, time=datetime.now(UTC)))
    except SamekindError as error:
        return error


def _message(*, contents: Iterable[pb.Event] = (), timeout: object = None, **given: Any) -> pb.IngestEventsRequest:
    """A message of the stream; it has as long as it takes."""
    return pb.IngestEventsRequest(events=contents, **given)


def _one(outcomes: list[Recorded]) -> Recorded:
    [outcome] = outcomes
    if outcome.error:
        raise outcome.error
    return outcome
