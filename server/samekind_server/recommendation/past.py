"""What is known of whom it is for: the user's events, read anew for each answer, and what somebody looked at just now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from samekind.recommendations import EventKind, Wish
from samekind.types import EventWeights, Floats
from samekind_server.catalog.memory import Memory
from samekind_server.index.base import Rows
from samekind_server.recommendation import likeness
from samekind_server.recommendation.events import NUMBERS
from samekind_server.recommendation.gathering import arrays
from samekind_server.recommendation.interactions import Codes, Numbers, Scale, standing
from samekind_server.recommendation.links import Links
from samekind_server.recommendation.measuring import LONG
from samekind_server.store import histories
from samekind_server.store.base import Row, Transaction

LATEST = 2_000  # Events of a user that say what they like. What they saw is known of all.
FADING = 10  # Items after which what was looked at counts half.
MOMENT = 1e-3  # Seconds from one to the next of what was looked at just now.
CONTEXT = 3.0  # Times as much as an item that is liked counts the one beside which the answer is shown.
NEVER = NUMBERS[EventKind.HIDE]
ITEM, KIND, VALUE, TIME = range(4)


@dataclass(frozen=True, eq=False)
class Past:
    """What somebody likes or not, latest first, (n,) each: the items' rows and numbers, how much they are liked, and when each last had an event.

    `left_out`: rows that are not to come, ascending; some may be gone by now. `events`: how many of the latest counted. `beyond`: whether
    likings are known beyond the examples.
    """

    rows: Rows
    numbers: Codes
    weights: Floats
    times: Numbers
    left_out: Rows
    events: int
    beyond: bool


def read(of: Transaction, memory: Memory, links: Links, wish: Wish, examples: Mapping[str, float], now: float, scale: Scale | None) -> Past:
    """What the store knows by now. `examples` are the items among the wish's, with their weights; `scale` is that of ratings, where it is known."""
    id, weights = memory.head.id, memory.catalog.event_weights
    done = histories.latest(of, id, wish.user, LATEST) if wish.user else []
    told = _told(done[::-1])
    told = told[likeness.there(memory, links.rows(told[:, 1].astype(np.int64)))]
    given = _given(wish, examples, weights)
    named = histories.rows_of(of, id, [*dict.fromkeys((*wish.exclude, *given))])
    given = {item: weight for item, weight in given.items() if item in named}
    wished = np.array([named[item] for item in given], np.int64)
    numbers, liked, times = _liked(told, weights, scale)
    rows = links.rows(numbers)
    before = ~np.isin(rows, wished)
    return Past(
        np.concatenate([wished, rows[before]]),
        np.concatenate([links.of(wished), numbers[before]]),
        np.concatenate([np.fromiter(given.values(), np.float32, len(given)), liked[before]]),
        np.concatenate([_moments(given, wish, now), times[before]]),
        likeness.distinct(np.concatenate([_seen(of, id, wish, links, done), np.fromiter(named.values(), np.int64, len(named))])),
        len(told),
        bool(before.any()) or any(item not in examples for item in given),
    )


def _told(done: list[Row]) -> Numbers:
    """The events as `arrays` takes them, all of one user."""
    return np.array([(0, item, kind, np.nan if value is None else value, time) for item, kind, value, time in done], np.float64).reshape(-1, 5)


def _seen(of: Transaction, id: int, wish: Wish, links: Links, done: list[Row]) -> Rows:
    """The rows of all items that are not to come again; one that was hidden never does. Of who did a lot, more than `done` tells."""
    kinds = set[int]() if wish.include_seen else {NUMBERS[kind] for kind in wish.seen_kinds or EventKind}
    if len(done) < LATEST:
        numbers = np.array([each[ITEM] for each in done if each[KIND] in kinds | {NEVER}], np.int64)
    else:
        numbers = np.fromstring(histories.touched(of, id, wish.user, [*kinds | {NEVER}]), np.int64, sep=",")
    return links.rows(likeness.distinct(numbers))


def _given(wish: Wish, examples: Mapping[str, float], weights: EventWeights) -> dict[str, float]:
    """How much each item counts that the wish names, the one that says most first."""
    unit, latest = max(weights.like, 1.0), wish.recent[::-1]
    told = {wish.context_item: CONTEXT * unit} if wish.context_item else {}
    told |= {item: unit * weight for item, weight in examples.items() if item not in told}
    for age, item in enumerate(latest):
        told.setdefault(item, unit * 2 ** (-age / FADING))
    return told


def _moments(given: Mapping[str, float], wish: Wish, now: float) -> Numbers:
    """When each that the wish names was looked at: the latest now, others one after the other before it; what no order is told of, now."""
    looked = {item: now - age * MOMENT for age, item in enumerate(dict.fromkeys(wish.recent[::-1]))}
    return np.array([looked.get(item, now) for item in given])


def _liked(told: Numbers, weights: EventWeights, scale: Scale | None) -> tuple[Codes, Floats, Numbers]:
    """What the events say on the whole of each item, latest first: its number, how much it is liked, and when it last had an event."""
    numbers = np.unique(told[:, 1])
    events = arrays(told, numbers, weights, scale)
    codes, stands, times = standing(events, events.items)
    order = np.argsort(-times, kind="stable")[:LONG]
    return numbers[codes[order]].astype(np.int64), stands[order].astype(np.float32), times[order]
