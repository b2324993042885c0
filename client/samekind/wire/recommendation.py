"""What RecommendationService is asked and answers (recommendation_service.proto)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from samekind.errors import BadRequest, SamekindError, Violation
from samekind.recommendations import Event, EventKind, Measure, RecommendationModel, Recorded
from samekind.v1 import recommendation_service_pb2 as pb
from samekind.wire.contents import known, utf8
from samekind.wire.statuses import read_status, status
from samekind.wire.values import read_moment

KINDS = {
    pb.EVENT_KIND_VIEW: EventKind.VIEW,
    pb.EVENT_KIND_LIKE: EventKind.LIKE,
    pb.EVENT_KIND_CART: EventKind.CART,
    pb.EVENT_KIND_PURCHASE: EventKind.PURCHASE,
    pb.EVENT_KIND_RATING: EventKind.RATING,
    pb.EVENT_KIND_DISLIKE: EventKind.DISLIKE,
    pb.EVENT_KIND_HIDE: EventKind.HIDE,
}
NUMBERS = {kind: number for number, kind in KINDS.items()}


def event(each: Event) -> pb.Event:
    """The message of an event. Raises BadRequest for a kind or a time that cannot be one."""
    return pb.Event(
        user=utf8(each.user),
        item=utf8(each.item),
        kind=NUMBERS[event_kind(each.kind)],
        value=each.value,
        time=None if each.time is None else _moment(each.time),
        id=utf8(each.id),
        attribution=utf8(each.attribution),
    )


def read_event(message: pb.Event) -> Event:
    """The event of a message."""
    return Event(
        message.user,
        message.item,
        known(KINDS, message.kind, "kind"),
        message.value if message.HasField("value") else None,
        read_moment(message.time) if message.HasField("time") else None,
        message.id,
        message.attribution,
    )


def record_events_request(catalog: str, events: Iterable[pb.Event]) -> pb.RecordEventsRequest:
    """A request to record a batch."""
    return pb.RecordEventsRequest(catalog=utf8(catalog), events=events)


def record_events_response(outcomes: Sequence[Recorded]) -> pb.RecordEventsResponse:
    """The response of a batch."""
    return pb.RecordEventsResponse(results=[_result(f"events[{place}]", each) for place, each in enumerate(outcomes)])


def read_recorded(response: pb.RecordEventsResponse) -> list[Recorded]:
    """What became of each event of a batch."""
    return [Recorded(error=read_status(each.error)) if each.HasField("error") else Recorded(known=each.recorded.known) for each in response.results]


def ingest_events_options(catalog: str) -> pb.IngestEventsOptions:
    """Where the events of a stream go."""
    return pb.IngestEventsOptions(catalog=utf8(catalog))


def list_events_request(catalog: str, *, user: str = "", item: str = "", page_size: int = 0, page_token: str = "") -> pb.ListEventsRequest:
    """A request for a page of events."""
    return pb.ListEventsRequest(catalog=utf8(catalog), user=utf8(user), item=utf8(item), page_size=page_size, page_token=page_token)


def list_events_response(events: Iterable[Event], *, next_page_token: str = "") -> pb.ListEventsResponse:
    """The response of a page of events."""
    return pb.ListEventsResponse(events=map(event, events), next_page_token=next_page_token)


def delete_user_request(catalog: str, user: str) -> pb.DeleteUserRequest:
    """A request to forget a user."""
    return pb.DeleteUserRequest(catalog=utf8(catalog), user=utf8(user))


def recommendation_model_request(catalog: str) -> pb.GetRecommendationModelRequest:
    """A request for what was learned."""
    return pb.GetRecommendationModelRequest(catalog=utf8(catalog))


def recommendation_model(value: RecommendationModel) -> pb.RecommendationModel:
    """The message of what was learned."""
    return pb.RecommendationModel(
        method=value.method,
        learn_time=None if value.learn_time is None else _moment(value.learn_time),
        learn_seconds=value.learn_seconds,
        events=value.events,
        users=value.users,
        items=value.items,
        recorded_events=value.recorded_events,
        recorded_users=value.recorded_users,
        learning=value.learning,
        failure=value.failure,
        measures=[pb.Measure(name=each.name, method=each.method, value=each.value) for each in value.measures],
    )


def read_recommendation_model(message: pb.RecommendationModel) -> RecommendationModel:
    """What was learned, of a message."""
    return RecommendationModel(
        method=message.method,
        learn_time=read_moment(message.learn_time) if message.HasField("learn_time") else None,
        learn_seconds=message.learn_seconds,
        events=message.events,
        users=message.users,
        items=message.items,
        recorded_events=message.recorded_events,
        recorded_users=message.recorded_users,
        learning=message.learning,
        failure=message.failure,
        measures=tuple(Measure(each.name, each.method, each.value) for each in message.measures),
    )


def _result(field: str, outcome: Recorded) -> pb.EventResult:
    if outcome.error:
        return pb.EventResult(error=status(_blamed(outcome.error, field), field=field))
    return pb.EventResult(recorded=pb.RecordedEvent(known=outcome.known))


def _blamed(error: SamekindError, field: str) -> SamekindError:
    """The same error, its fields named from the request on."""
    fields = tuple(replace(each, field=each.field if each.field.startswith(field) else f"{field}.{each.field}") for each in error.violations)
    return type(error)(error.message, violations=fields, metadata=error.metadata, retry_after=error.retry_after)


def event_kind(given: EventKind | str) -> EventKind:
    """The kind itself. Raises BadRequest where there is none of that name."""
    try:
        return EventKind(given)
    except ValueError:
        message = f"an event's kind is one of {', '.join(each.value for each in EventKind)}, not {given!r:.40}"
        raise BadRequest(message, violations=(Violation("kind", message),)) from None


def _moment(given: datetime) -> Timestamp:
    if given.tzinfo is None:
        told = f"an event's time has no time zone: {given}; use datetime(..., tzinfo=UTC)"
        raise BadRequest(told, violations=(Violation("time", told),))
    message = Timestamp()
    message.FromDatetime(given.astimezone(UTC))
    return message
