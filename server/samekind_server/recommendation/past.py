"""What is known of whom it is for: the user's events, read anew for each answer, and what somebody looked at just now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from samekind.recommendations import EventKind, Wish
from samekind.types import Catalog, EventWeights, Floats
from samekind_server.recommendation.events import NUMBERS
from samekind_server.recommendation.gathering import arrays
from samekind_server.recommendation.interactions import Scale, interactions
from samekind_server.recommendation.measuring import LONG
from samekind_server.store import histories
from samekind_server.store.base import Row, Transaction

ITEM, KIND, VALUE, TIME = range(4)
FADING = 10  # Items after which what was looked at counts half.
CONTEXT = 3.0  # Times as much as an item that is liked counts the one beside which the answer is shown.
NEVER = NUMBERS[EventKind.HIDE]


@dataclass(frozen=True)
class Liking:
    """An item that is there, how much it is liked, and when it last had an event, in seconds since 1970."""

    id: str
    row: int
    weight: float
    time: float


@dataclass(frozen=True)
class Past:
    """What somebody likes or not, latest first; the ids that are not to come, with the rows of those that are there; and how many events counted.

    `beyond`: whether likings are known beyond the examples.
    """

    likings: tuple[Liking, ...]
    ids: frozenset[str]
    rows: frozenset[int]
    events: int
    beyond: bool

    @property
    def weights(self) -> Floats:
        """How much each is liked, (n,)."""
        return np.array([each.weight for each in self.likings], np.float32)

    @property
    def times(self) -> np.ndarray:
        """When each last had an event, (n,)."""
        return np.array([each.time for each in self.likings], np.float64)


def read(of: Transaction, id: int, catalog: Catalog, wish: Wish, examples: Mapping[str, float], now: float, scale: Scale | None) -> Past:
    """What the store knows by now. `examples` are the items among the wish's, with their weights; `scale` is that of ratings, where it is known."""
    done = histories.of_user(of, id, wish.user) if wish.user else []
    there = histories.those_there(of, list({int(each[ITEM]) for each in done}))
    counted = [each for each in done if each[ITEM] in there]
    beside = (wish.context_item,) if wish.context_item else ()
    named = histories.rows_of(of, id, [*dict.fromkeys((*wish.exclude, *wish.recent, *beside, *examples))])
    given = _given(wish, examples, catalog.event_weights)
    wished = [Liking(item, named[item], weight, now) for item, weight in given.items() if item in named]
    before = [each for each in _liked(counted, there, catalog.event_weights, scale) if each.id not in given]
    seen = dict(there[each[ITEM]] for each in counted if _left_out(each, wish))
    beyond = bool(before) or any(each.id not in examples for each in wished)
    return Past((*wished, *before), frozenset(seen.keys() | named.keys()), frozenset([*seen.values(), *named.values()]), len(counted), beyond)


def _given(wish: Wish, examples: Mapping[str, float], weights: EventWeights) -> dict[str, float]:
    """How much each item counts that the wish names, the one that says most first."""
    unit, latest = max(weights.like, 1.0), wish.recent[::-1]
    told = {wish.context_item: CONTEXT * unit} if wish.context_item else {}
    told |= {item: unit * weight for item, weight in examples.items() if item not in told}
    for age, item in enumerate(latest):
        told.setdefault(item, unit * 2 ** (-age / FADING))
    return told


def _liked(done: Sequence[Row], there: Mapping[int, tuple[str, int]], weights: EventWeights, scale: Scale | None) -> list[Liking]:
    """What the events say on the whole of each item, latest first."""
    if not done:
        return []
    told = np.array([(0, item, kind, np.nan if value is None else value, time) for item, kind, value, time in done])
    numbers = np.unique(told[:, 1])
    made = interactions(arrays(told, numbers, weights, scale), 1, len(numbers))
    order = np.argsort(-made.times, kind="stable")[:LONG]
    found = zip(made.matrix.indices[order].tolist(), made.matrix.data[order].tolist(), made.times[order].tolist(), strict=True)
    return [Liking(*there[int(numbers[code])], weight, time) for code, weight, time in found]


def _left_out(event: Row, wish: Wish) -> bool:
    """Whether an event's item is not to come again; one that was hidden never does."""
    seen = not wish.seen_kinds or event[KIND] in {NUMBERS[kind] for kind in wish.seen_kinds}
    return event[KIND] == NEVER or (seen and not wish.include_seen)
