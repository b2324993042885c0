"""Attributes as typed columns in memory: a condition on all items at once is a mask over their rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from samekind.filters import Compare, Every, Exists, Filter, Not, OneOf, Operator, Some
from samekind.types import Value
from samekind_server.catalog.column import Column, Key, Mask, moved

Rows = NDArray[np.int64]

LEAST = 64


class Columns:
    """The attributes of live rows. Not for several threads at once."""

    def __init__(self) -> None:
        self._rows: Rows = np.zeros(LEAST, np.int64)
        self._live: Mask = np.zeros(LEAST, bool)
        self._places: dict[int, int] = {}
        self._columns: dict[str, Column] = {}
        self._end = 0

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, row: int) -> bool:
        return row in self._places

    @property
    def rows(self) -> Rows:
        """The live rows, in no order."""
        return self._rows[: self._end][self._live[: self._end]]

    @property
    def nbytes(self) -> int:
        """About what this takes in memory."""
        return self._rows.nbytes + self._live.nbytes + 100 * len(self._places) + sum(column.nbytes for column in self._columns.values())

    def put(self, row: int, attributes: Mapping[str, Value]) -> None:
        """Adds a row, or changes its attributes."""
        place = self._places.get(row)
        if place is None:
            place = self._take(row)
        for name in self._columns.keys() | attributes.keys():
            if name not in self._columns:
                self._columns[name] = Column(len(self._rows))
            self._columns[name].put(place, attributes.get(name))

    def remove(self, rows: Iterable[int]) -> None:
        """Takes rows away; those that are not here are none."""
        for row in rows:
            if (place := self._places.pop(row, None)) is not None:
                self._live[place] = False
        if self._end > LEAST and len(self._places) < self._end // 2:
            self._pack(max(LEAST, 2 * len(self._places)))

    def matching(self, given: Filter) -> Rows:
        """The live rows that meet a condition, in no order."""
        return self._rows[: self._end][self._mask(given) & self._live[: self._end]]

    def counted(self, name: str, given: Filter | None) -> tuple[Counter[Key], list[Value], int]:
        """How many live rows that meet a condition have each value of an attribute; values still to be counted; and how many rows have any."""
        among = self._live[: self._end] if given is None else self._mask(given) & self._live[: self._end]
        column = self._column(name)
        return column.counted(among), column.odd(among), int(np.count_nonzero(among & column.there(self._end)))

    def groups(self, name: str, rows: Rows) -> NDArray[np.int64]:
        """A number for each row that is the same where an attribute's values are equal; -1 where it has none, or the row is gone."""
        places = np.array([self._places.get(row, -1) for row in rows.tolist()], np.intp)
        return np.where(places < 0, -1, self._column(name).groups(np.maximum(places, 0)))

    def _mask(self, given: Filter) -> Mask:
        match given:
            case Every(each):
                return ~_any([~self._mask(one) for one in each], self._end)
            case Some(each):
                return _any(map(self._mask, each), self._end)
            case Not(inner):
                return ~self._mask(inner)
            case Exists(name):
                return self._column(name).there(self._end)
            case OneOf(name, values):
                return _any((self._column(name).equal(value, self._end) for value in values), self._end)
            case Compare(name, Operator.NOT_EQUAL, value):
                return ~self._column(name).equal(value, self._end)
            case Compare(name, how, value):
                return self._column(name).compare(how, value, self._end)
        raise TypeError(f"no condition: {given!r:.100}")

    def _column(self, name: str) -> Column:
        return self._columns.get(name) or Column(len(self._rows))

    def _take(self, row: int) -> int:
        if self._end == len(self._rows):
            self._pack(2 * max(LEAST, len(self._places)))
        place, self._end = self._end, self._end + 1
        self._rows[place], self._live[place], self._places[row] = row, True, place
        return place

    def _pack(self, size: int) -> None:
        """Makes room for so many, and leaves out what is not live."""
        kept = np.flatnonzero(self._live[: self._end])
        self._rows = moved(self._rows, kept, size)
        self._columns = {name: column.packed(kept, size) for name, column in self._columns.items()}
        self._columns = {name: column for name, column in self._columns.items() if column.there(len(kept)).any()}
        self._end = len(kept)
        self._live = np.arange(size) < self._end
        self._places = {row: place for place, row in enumerate(self._rows[: self._end].tolist())}


def _any(masks: Iterable[Mask], end: int) -> Mask:
    found = np.zeros(end, bool)
    for mask in masks:
        found |= mask
    return found
