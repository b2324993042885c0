"""What `Recommend` is asked and answers (recommendation_service.proto)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from samekind.recommendations import (
    ExampleStrategy,
    Reason,
    ReasonKind,
    Recommendation,
    RecommendationReport,
    Recommended,
    ScoreParts,
    Wish,
)
from samekind.v1 import recommendation_service_pb2 as pb
from samekind.wire.contents import LONG_TEXTS, known, number, read_long_text, read_report, report, utf8
from samekind.wire.filters import filter_message, read_filter
from samekind.wire.items import put_item, read_item
from samekind.wire.recommendation import KINDS, NUMBERS
from samekind.wire.search import read_term, read_view, term, view
from samekind.wire.values import read_moment

STRATEGIES = {
    pb.EXAMPLE_STRATEGY_UNSPECIFIED: ExampleStrategy.MEAN,
    pb.EXAMPLE_STRATEGY_MEAN: ExampleStrategy.MEAN,
    pb.EXAMPLE_STRATEGY_BEST: ExampleStrategy.BEST,
    pb.EXAMPLE_STRATEGY_SUM: ExampleStrategy.SUM,
}
REASONS = {
    pb.REASON_KIND_ALIKE: ReasonKind.ALIKE,
    pb.REASON_KIND_CHOSEN_WITH: ReasonKind.CHOSEN_WITH,
    pb.REASON_KIND_POPULAR: ReasonKind.POPULAR,
    pb.REASON_KIND_NEW: ReasonKind.NEW,
}


def recommend_request(catalog: str, wish: Wish, *, page_size: int = 0, page_token: str = "") -> pb.RecommendRequest:
    """A request for a page of recommendations; images are bytes already (see inputs)."""
    return pb.RecommendRequest(
        catalog=utf8(catalog),
        user=utf8(wish.user),
        examples=map(term, wish.examples),
        strategy=number(STRATEGIES, wish.strategy),
        recent=map(utf8, wish.recent),
        context_item=utf8(wish.context_item),
        filter=None if wish.where is None else filter_message(wish.where),
        include_seen=wish.include_seen,
        seen_kinds=[NUMBERS[each] for each in wish.seen_kinds],
        exclude=map(utf8, wish.exclude),
        behaviour=wish.behaviour,
        diversity=wish.diversity,
        new_boost=wish.new_boost,
        new_days=wish.new_days,
        limit=wish.limit,
        page_size=page_size,
        page_token=page_token,
        view=view(wish.view),
        long_text=number(LONG_TEXTS, wish.long_text),
    )


def read_wish(message: pb.RecommendRequest) -> Wish:
    """What is wished for in a request; what is left out is the default. Raises BadRequest or BadVector for what cannot be read of it."""
    return Wish(
        user=message.user,
        examples=tuple(map(read_term, message.examples)),
        strategy=known(STRATEGIES, message.strategy, "strategy"),
        recent=tuple(message.recent),
        context_item=message.context_item,
        where=read_filter(message.filter) if message.HasField("filter") else None,
        include_seen=message.include_seen,
        seen_kinds=tuple(known(KINDS, each, "kind") for each in message.seen_kinds),
        exclude=tuple(message.exclude),
        behaviour=message.behaviour if message.HasField("behaviour") else None,
        diversity=message.diversity,
        new_boost=message.new_boost,
        new_days=message.new_days or Wish.new_days,
        limit=message.limit or Wish.limit,
        view=read_view(message.view),
        long_text=read_long_text(message.long_text),
    )


def recommend_response(found: Recommended) -> pb.RecommendResponse:
    """The response of a page of recommendations."""
    response = pb.RecommendResponse(next_page_token=found.next_page_token, attribution=found.attribution)
    for each in found.recommendations:
        message = response.recommendations.add(score=each.score, parts=pb.ScoreParts(**asdict(each.parts)), reasons=map(_reason, each.reasons))
        put_item(message.item, each.item)
    if found.report:
        response.report.CopyFrom(_report(found.report))
    return response


def read_recommend_response(response: pb.RecommendResponse) -> Recommended:
    """The page of recommendations of a response."""
    made = _read_report(response.report) if response.HasField("report") else None
    return Recommended(tuple(map(_read_recommendation, response.recommendations)), response.attribution, made, response.next_page_token)


def _reason(value: Reason) -> pb.Reason:
    return pb.Reason(kind=number(REASONS, value.kind), item=utf8(value.item), example=value.example, part=value.part)


def _read_recommendation(message: pb.Recommendation) -> Recommendation:
    parts = message.parts
    read = ScoreParts(parts.content, parts.behaviour, parts.popularity, parts.newness)
    return Recommendation(read_item(message.item), message.score, read, tuple(map(_read_reason, message.reasons)))


def _read_reason(message: pb.Reason) -> Reason:
    example = message.example if message.HasField("example") else None
    return Reason(known(REASONS, message.kind, "reason"), message.part, message.item, example)


def _report(made: RecommendationReport) -> pb.RecommendationReport:
    return pb.RecommendationReport(**vars(made) | {"embedding": report(made.embedding), "learn_time": _moment(made.learn_time)})


def _read_report(message: pb.RecommendationReport) -> RecommendationReport:
    return RecommendationReport(
        read_report(message.embedding),
        message.behaviour,
        message.interests,
        message.events,
        message.candidates,
        message.complete,
        message.shortfall,
        read_moment(message.learn_time) if message.HasField("learn_time") else None,
        message.wait_ms,
        message.embed_ms,
        message.search_ms,
        message.load_ms,
    )


def _moment(given: datetime | None) -> Timestamp | None:
    if given is None:
        return None
    message = Timestamp()
    message.FromDatetime(given.astimezone(UTC))
    return message
