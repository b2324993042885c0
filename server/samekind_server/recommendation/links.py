"""Knows in which row of its catalog each item with events is: what the store is asked for once, and then for what is new alone."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np

from samekind_server.catalog.memory import Memory
from samekind_server.index.base import Rows
from samekind_server.recommendation.interactions import Codes
from samekind_server.store import histories
from samekind_server.store.base import Row, Transaction

NOWHERE = -1


@dataclass(frozen=True, eq=False)
class Links:
    """The numbers of items with events, ascending, and the row of each, NOWHERE for one that was never there; up to which row that is told.

    A row may be of an item that is gone by now: who goes by it asks the catalog's indexes.
    """

    numbers: Codes
    at: Rows
    last: int

    def rows(self, numbers: Codes) -> Rows:
        """The row of each of these numbers."""
        return _looked_up(numbers, self.numbers, self.at)

    def of(self, rows: Rows) -> Codes:
        """The number of the item in each of these rows; NOWHERE for one without events."""
        return _looked_up(rows, *self._by_row)

    @cached_property
    def _by_row(self) -> tuple[Rows, Codes]:
        # An item whose events all went has a new number once there are others: the last of a row is the one that counts.
        order = np.argsort(self.at, kind="stable")
        rows, numbers = self.at[order], self.numbers[order]
        last = np.append(rows[1:] != rows[:-1], True)[: len(rows)]
        return rows[last], numbers[last]


NOTHING = Links(np.empty(0, np.int64), np.empty(0, np.int64), 0)


class Linking:
    """The links of each catalog that is in memory. For any thread."""

    def __init__(self) -> None:
        self._held: WeakKeyDictionary[Memory, _Held] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def now(self, memory: Memory, of: Transaction) -> Links:
        """A catalog's links, at least as new as the transaction."""
        with self._lock:
            held = self._held.setdefault(memory, _Held())
        return held.now(memory.head.id, of)


class _Held:
    def __init__(self) -> None:
        self._links, self._lock = NOTHING, threading.Lock()

    def now(self, catalog: int, of: Transaction) -> Links:
        with self._lock:
            before = self._links
            more = histories.numbered(of, catalog, int(before.numbers[-1]) if len(before.numbers) else 0)
            last = histories.last_row(of, catalog)
            moved = histories.written(of, catalog, before.last) if len(before.numbers) and last > before.last else []
            if more or last > before.last:
                self._links = _extended(before, more, moved, last)
            return self._links


def _extended(links: Links, more: list[Row], moved: list[Row], last: int) -> Links:
    told = np.array([(number, NOWHERE if row is None else row) for number, row in more], np.int64).reshape(-1, 2)
    numbers, at = np.concatenate([links.numbers, told[:, 0]]), np.concatenate([links.at, told[:, 1]])
    anew = np.array(moved, np.int64).reshape(-1, 2)
    at[np.searchsorted(numbers, anew[:, 0])] = anew[:, 1]
    return Links(numbers, at, max(links.last, last))


def _looked_up(keys: Codes, among: Codes, values: Codes) -> Codes:
    """The value of each key; NOWHERE where it is not among those that ascend."""
    if not len(among):
        return np.full(len(keys), NOWHERE, np.int64)
    places = np.minimum(np.searchsorted(among, keys), len(among) - 1)
    return np.where(among[places] == keys, values[places], NOWHERE)
