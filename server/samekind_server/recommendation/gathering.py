"""Reads a catalog's events and the vectors of their items from the store, a little at a time, to learn from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np

from samekind.recommendations import EventKind
from samekind.types import Catalog, EventWeights, Floats
from samekind_server.catalog.vectors import compared
from samekind_server.embedding.base import unit
from samekind_server.recommendation.events import NUMBERS
from samekind_server.recommendation.interactions import Codes, Events, Scale, on_five, scale
from samekind_server.store import events as rows
from samekind_server.store import items
from samekind_server.store.base import Transaction

T = TypeVar("T")

CHUNK = 1000  # Users, or items, that are read as of one moment.
MOST_ITEMS = 100_000  # Those with most events are learned from.
USER, ITEM, KIND, VALUE, TIME = range(5)


class Look(Protocol):
    """Reads a store."""

    def read(self, work: Callable[[Transaction], T]) -> T:
        """What `work` answers, of one moment."""
        ...


def gathered(look: Look, id: int, catalog: Catalog, *, most: int = MOST_ITEMS) -> tuple[Events, Floats, Codes]:
    """The events, the unit vectors of their items, (items, dimensions), rows of zeros for those not there, and the numbers of these."""
    told = np.concatenate([np.empty((0, 5)), *_events(look, id)])
    numbers, counts = np.unique(told[:, ITEM], return_counts=True)
    numbers = np.sort(numbers[np.argsort(-counts, kind="stable")[:most]])
    told = told[np.isin(told[:, ITEM], numbers)]
    at = {number: row for number, _, row in _items(look, id)}
    events, vectors = arrays(told, numbers, catalog.event_weights), _vectors(look, [at.get(int(number)) for number in numbers], catalog)
    return events, vectors, numbers.astype(np.int64)


def arrays(told: Any, numbers: Any, weights: EventWeights, known: Scale | None = None) -> Events:
    """Rows as `USER` to `TIME` name their columns, (n, 5), as events of the items of these numbers, ascending, by kinds that weigh so much.

    Ratings are on the smallest scale that holds them and the one that is known.
    """
    kinds = told[:, KIND].astype(np.int64)
    rating = kinds == NUMBERS[EventKind.RATING]
    counted = np.array([0.0, *astuple(weights)])[kinds] * np.where(rating | np.isnan(told[:, VALUE]), 1.0, told[:, VALUE])
    users: Codes = np.unique(told[:, USER], return_inverse=True)[1].astype(np.int64).reshape(-1)
    codes: Codes = np.searchsorted(numbers, told[:, ITEM]).astype(np.int64)
    ratings = np.where(rating, told[:, VALUE], np.nan)
    of = scale(ratings, known)
    return Events(users, codes, counted, on_five(ratings, of), told[:, TIME] / 1e6, of)


def _events(look: Look, catalog: int) -> Iterator[Any]:
    """(n, 5) float64 for some users at a time, as `USER` to `TIME` name it; whole numbers up to 2^53 are exact."""
    after = ""
    while True:
        users, found = look.read(partial(_of_some, catalog, after))
        if not users:
            return
        yield np.array([(user, item, kind, np.nan if value is None else value, time) for user, item, kind, value, time in found]).reshape(-1, 5)
        after = users[-1][1]


def _of_some(catalog: int, after: str, of: Transaction) -> tuple[list[tuple[int, str]], list[Any]]:
    users = rows.users(of, catalog, after, CHUNK)
    return users, list(rows.of_users(of, [number for number, _ in users]))


def _items(look: Look, catalog: int) -> Iterator[tuple[int, str, int | None]]:
    after = ""
    while some := look.read(partial(rows.items, catalog=catalog, after=after, most=CHUNK)):
        yield from some
        after = some[-1][1]


def _vectors(look: Look, found: Sequence[int | None], catalog: Catalog) -> Floats:
    made = np.zeros((len(found), catalog.dimensions), np.float32)
    there = [(place, row) for place, row in enumerate(found) if row is not None]
    for start in range(0, len(there), CHUNK):
        some = there[start : start + CHUNK]
        for (place, _), vector in zip(some, look.read(partial(_of_rows, catalog, [row for _, row in some])), strict=True):
            if vector is not None:
                made[place] = vector
    return made


def _of_rows(catalog: Catalog, found: Sequence[int], of: Transaction) -> list[Floats | None]:
    return [_vector(of, row, catalog) for row in found]


def _vector(of: Transaction, row: int, catalog: Catalog) -> Floats | None:
    """What an item is like: all its vectors as one."""
    held = {each.modality: np.frombuffer(each.data, "<f4") for each in items.vectors(of, row) if each.sound and each.space == catalog.space}
    each: list[Floats] = list(compared(held, catalog.comparison, catalog.metric).values()) if held else []
    whole: Floats = sum(each, np.zeros(catalog.dimensions, np.float32))
    return unit(whole[None, :])[0] if whole.any() else None
