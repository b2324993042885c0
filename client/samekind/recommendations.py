"""What users did with items, what is recommended for it and why: the values of recommendation, shared by both sides of the wire."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from samekind.errors import SamekindError
from samekind.filters import Filter
from samekind.queries import ItemView
from samekind.types import Item, LongText, Report, Term


class EventKind(Enum):
    """What a user did with an item; how much each counts is told by the catalog's `event_weights`."""

    VIEW = "view"
    LIKE = "like"
    CART = "cart"
    PURCHASE = "purchase"
    RATING = "rating"
    DISLIKE = "dislike"
    HIDE = "hide"


@dataclass(frozen=True)
class Event:
    """What a user did with an item.

    `value` is a rating, on a scale of 1, 5, 10 or 100, and of other kinds how often it counts. Sent again under the same `id` it is recorded
    once; without one, events of the same user, item, kind and time are the same. `attribution` names the answer that led to it.
    """

    user: str
    item: str
    kind: EventKind | str
    value: float | None = None
    time: datetime | None = None
    id: str = ""
    attribution: str = ""


@dataclass(frozen=True)
class Recorded:
    """What became of one event: whether it was `known` already, or the error it failed with."""

    known: bool = False
    error: SamekindError | None = None


@dataclass(frozen=True)
class Recording:
    """What became of many events: how many are recorded, how many of them were known already, and those that failed, by place."""

    count: int
    known: int
    failures: Mapping[int, SamekindError] = field(default_factory=dict, hash=False)


class ExampleStrategy(Enum):
    """How several examples make a score: by their mean, by the nearest, or by the sum of the nearness to each."""

    MEAN = "mean"
    BEST = "best"
    SUM = "sum"


@dataclass(frozen=True)
class Wish:
    """What to recommend by, among which items, and how the answer is put together; `recommendation_service.proto` tells each."""

    user: str = ""
    examples: tuple[Term, ...] = ()
    strategy: ExampleStrategy = ExampleStrategy.MEAN
    recent: tuple[str, ...] = ()
    context_item: str = ""
    where: Filter | None = None
    include_seen: bool = False
    seen_kinds: tuple[EventKind, ...] = ()
    exclude: tuple[str, ...] = ()
    behaviour: float | None = None
    diversity: float = 0.0
    new_boost: float = 0.0
    new_days: float = 30.0
    limit: int = 10
    view: ItemView = field(default_factory=ItemView)
    long_text: LongText = LongText.TRUNCATE


class ReasonKind(Enum):
    """Why an item is recommended: it is like something liked, chosen with something, chosen by many lately, or new."""

    ALIKE = "alike"
    CHOSEN_WITH = "chosen_with"
    POPULAR = "popular"
    NEW = "new"


@dataclass(frozen=True)
class Reason:
    """Why an item is recommended: the item, or the place of the example, that led to it, and how much of the score that is."""

    kind: ReasonKind
    part: float
    item: str = ""
    example: int | None = None


@dataclass(frozen=True)
class ScoreParts:
    """What a score is made of; the parts add up to it."""

    content: float = 0.0
    behaviour: float = 0.0
    popularity: float = 0.0
    newness: float = 0.0


@dataclass(frozen=True)
class Recommendation:
    """An item that is recommended, its score and why, the strongest reason first."""

    item: Item
    score: float
    parts: ScoreParts = field(default_factory=ScoreParts)
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class RecommendationReport:
    """How an answer was made; `behaviour` is how much behaviour counted beside content, `events` how many of the user's counted."""

    embedding: Report
    behaviour: float = 0.0
    interests: int = 0
    events: int = 0
    candidates: int = 0
    complete: bool = True
    shortfall: str = ""
    learn_time: datetime | None = None
    wait_ms: float = 0.0
    embed_ms: float = 0.0
    search_ms: float = 0.0
    load_ms: float = 0.0


@dataclass(frozen=True)
class Recommended:
    """A page of recommendations, best first; `attribution` names the answer, for the events that it leads to."""

    recommendations: tuple[Recommendation, ...] = ()
    attribution: str = ""
    report: RecommendationReport | None = None
    next_page_token: str = ""

    @property
    def hits(self) -> tuple[Recommendation, ...]:
        """The recommendations, by the name that they have in every answer."""
        return self.recommendations

    def __iter__(self) -> Iterator[Recommendation]:
        return iter(self.recommendations)

    def __len__(self) -> int:
        return len(self.recommendations)

    def __getitem__(self, place: int) -> Recommendation:
        return self.recommendations[place]


@dataclass(frozen=True)
class Measure:
    """How good a method is by one measure, as `recall@20`, on events that it did not see."""

    name: str
    method: str
    value: float


@dataclass(frozen=True)
class RecommendationModel:
    """What was learned of users' behaviour, from how much, when, and how good it is; without a method nothing was learned yet.

    `recorded_events` and `recorded_users` are those there are by now; `failure` says why it could not be learned the last time.
    """

    method: str = ""
    learn_time: datetime | None = None
    learn_seconds: float = 0.0
    events: int = 0
    users: int = 0
    items: int = 0
    recorded_events: int = 0
    recorded_users: int = 0
    learning: bool = False
    failure: str = ""
    measures: tuple[Measure, ...] = ()
