"""The pure builder of recommendations: what they go by, and how their pages come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain
from typing import Any, TypeAlias, cast

from samekind import filter_text, inputs, wire
from samekind.batches import Call, Method
from samekind.errors import BadRequest, Violation
from samekind.filters import Filter
from samekind.inputs import Given
from samekind.queries import ItemView
from samekind.recommendations import EventKind, ExampleStrategy, Recommended, Wish
from samekind.turns import paged
from samekind.types import ById, LongText, Term
from samekind.v1 import recommendation_service_pb2 as pb

RECOMMEND = Method("/samekind.v1.RecommendationService/Recommend", pb.RecommendResponse.FromString)

PAGE = 1000
Example: TypeAlias = "Given | ById | Term"


def recommend(
    catalog: str,
    *,
    user: str = "",
    like: Example | Sequence[Example] = (),
    dislike: Example | Sequence[Example] = (),
    strategy: ExampleStrategy | str = ExampleStrategy.MEAN,
    recent: Sequence[str] = (),
    item: str = "",
    where: Filter | str | None = None,
    limit: int = 10,
    include_seen: bool = False,
    seen_kinds: EventKind | str | Sequence[EventKind | str] = (),
    exclude: Sequence[str] = (),
    behaviour: float | None = None,
    diversity: float = 0.0,
    new_boost: float = 0.0,
    new_days: float = 30.0,
    view: ItemView | None = None,
    long_text: LongText = LongText.TRUNCATE,
) -> Call[pb.RecommendResponse, Recommended, Recommended]:
    """Items for a `user`, by examples, by what somebody looked at lately, beside an `item`, or by all of it, best first, each with its reasons.

    In `like` and `dislike` a `str` is an item's id; texts are `Text("…")`, images a `Path` or Image, and `0.5 * Text("leather")` counts half.
    `recent` has ids of items, the latest last; `item` is the one beside which the answer is shown: what others chose with it. Where nothing
    is given, or nothing is known of it, what many like is recommended.

    What the user has seen is left out unless `include_seen`; `seen_kinds` are the kinds of events that count as seeing, else all. `exclude`
    has ids more. `behaviour` from 0 to 1 is how much behaviour counts beside content, else as was learned; `diversity` has hits differ,
    `new_boost` lifts what was written lately. `where`, `limit` (to 1,000) and `view` are as in `search`. `attribution` of the answer may go
    with the events that it leads to: `record(…, attribution=…)`.
    """
    return _pages(
        catalog,
        Wish(
            user,
            (*_examples(like), *_against(_examples(dislike))),
            _strategy(strategy),
            inputs.names(recent),
            item,
            filter_text.where(where),
            include_seen,
            tuple(map(wire.event_kind, [seen_kinds] if isinstance(seen_kinds, EventKind | str) else seen_kinds)),
            inputs.names(exclude),
            behaviour,
            diversity,
            new_boost,
            new_days,
            inputs.count("limit", limit, least=1),
            view or ItemView(),
            long_text,
        ),
    )


def _pages(catalog: str, wish: Wish) -> Call[pb.RecommendResponse, Recommended, Recommended]:
    """Files are read once, for the first page."""

    @cache
    def first() -> pb.RecommendRequest:
        ready = replace(wish, examples=tuple(map(inputs.term, wish.examples)))
        return wire.recommend_request(catalog, ready, page_size=min(wish.limit, PAGE))

    def page(token: str) -> pb.RecommendRequest:
        request = pb.RecommendRequest(page_token=token)
        request.MergeFrom(first())
        return request

    return paged(RECOMMEND, page, lambda response: [wire.read_recommend_response(response)], _whole)


def _whole(pages: list[Recommended]) -> Recommended:
    """All pages as one, by the first's name and the last's report."""
    return Recommended(tuple(chain(*pages)), pages[0].attribution, pages[-1].report)


def _strategy(given: ExampleStrategy | str) -> ExampleStrategy:
    try:
        return ExampleStrategy(given)
    except ValueError:
        message = f"a strategy for examples is one of {', '.join(each.value for each in ExampleStrategy)}, not {given!r:.40}"
        raise BadRequest(message, violations=(Violation("strategy", message),)) from None


def _examples(given: Example | Sequence[Example]) -> tuple[Term, ...]:
    one = isinstance(given, ById | Term) or inputs.is_one(given)
    several: Sequence[Any] = [given] if one else cast("Sequence[Any]", given)
    return tuple(each if isinstance(each, Term) else Term(ById(each) if isinstance(each, str) else each) for each in several)


def _against(examples: Iterable[Term]) -> Iterable[Term]:
    """A weight says how much, whichever sign it was given."""
    return (replace(each, weight=-abs(each.weight)) for each in examples)
