"""Attributes as typed columns in memory: a condition on all items at once is a mask over their rows."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samekind.filters import Compare, Every, Exists, Filter, Not, OneOf, Operator, Some
from samekind.types import Value
from samekind_server.catalog import filters

Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]

LEAST = 64
EXACT = 2.0**53  # From here on a float64 does not tell two whole numbers apart.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ORDERS: Mapping[Operator, Callable[[Any, Any], Any]] = {Operator.EQUAL: operator.eq, **filters.ORDERS}


class Kind(IntEnum):
    """What a place in a column holds."""

    NOTHING = 0
    BOOL = 1
    NUMBER = 2
    TEXT = 3
    MOMENT = 4
    LIST = 5
    LARGE = 6


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
        self._rows = _moved(self._rows, kept, size)
        self._columns = {name: column.packed(kept, size) for name, column in self._columns.items()}
        self._columns = {name: column for name, column in self._columns.items() if column.there(len(kept)).any()}
        self._end = len(kept)
        self._live = np.arange(size) < self._end
        self._places = {row: place for place, row in enumerate(self._rows[: self._end].tolist())}


class Column:
    """One attribute's values by place; arrays for each kind are made when the first of it comes."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kinds: NDArray[np.uint8] = np.zeros(size, np.uint8)
        self._numbers: NDArray[np.float64] = np.zeros(0)
        self._codes: NDArray[np.int32] = np.zeros(0, np.int32)
        self._moments: NDArray[np.int64] = np.zeros(0, np.int64)
        self._known: dict[str, int] = {}
        self._odd: dict[int, Value] = {}  # Lists, and numbers too large for a float64 to be exact, by place.

    @property
    def nbytes(self) -> int:
        """About what this takes in memory."""
        arrays = self._kinds.nbytes + self._numbers.nbytes + self._codes.nbytes + self._moments.nbytes
        return arrays + sum(150 + len(text) for text in self._known) + 500 * len(self._odd)

    def put(self, place: int, value: Value) -> None:
        """Sets one place; None: nothing."""
        self._odd.pop(place, None)
        match value:
            case None:
                self._kinds[place] = Kind.NOTHING
            case bool():
                self._set(place, Kind.BOOL, "_numbers", value)
            case int() | float() if abs(value) < EXACT:
                self._set(place, Kind.NUMBER, "_numbers", value)
            case str():
                self._set(place, Kind.TEXT, "_codes", self._known.setdefault(value, len(self._known)))
            case datetime():
                self._set(place, Kind.MOMENT, "_moments", _micros(value))
            case _:
                self._kinds[place] = Kind.LIST if isinstance(value, list) else Kind.LARGE
                self._odd[place] = value

    def there(self, end: int) -> Mask:
        """Where there is a value."""
        there: Mask = self._kinds[:end] != Kind.NOTHING
        return there

    def equal(self, value: Value, end: int) -> Mask:
        """Where the value is this one."""
        return self.compare(Operator.EQUAL, value, end)

    def compare(self, how: Operator, value: Value, end: int) -> Mask:
        """Where the value stands so to this one; not for NOT_EQUAL, which is what is not equal."""
        found = self._plainly(how, value, end)
        for place, held in self._odd.items():
            if place < end:
                found[place] = filters.compare(held, how, value)
        return found

    def packed(self, kept: NDArray[np.intp], size: int) -> Column:
        """The same column with the places `kept` alone, in room for `size`."""
        new = Column(size)
        new._kinds = _moved(self._kinds, kept, size)
        new._numbers, new._moments = _moved(self._numbers, kept, size), _moved(self._moments, kept, size)
        if len(self._codes):
            texts, places = list(self._known), np.flatnonzero(new._kinds[: len(kept)] == Kind.TEXT)
            for place, code in zip(places.tolist(), self._codes[kept][places].tolist(), strict=True):
                new._set(place, Kind.TEXT, "_codes", new._known.setdefault(texts[code], len(new._known)))
        new._odd = {place: self._odd[old] for place, old in enumerate(kept.tolist()) if old in self._odd} if self._odd else {}
        return new

    def _plainly(self, how: Operator, value: Value, end: int) -> Mask:
        """The same without the odd ones, among which no place is true."""
        found = np.zeros(end, bool)
        match value:
            case bool() if how is Operator.EQUAL and len(self._numbers):
                found = self._of(Kind.BOOL, end) & (self._numbers[:end] == value)
            case bool():
                pass
            case int() | float() if how in ORDERS and len(self._numbers):
                # Beyond EXACT a rounded value still stands on the same side of all that is held here.
                found = self._of(Kind.NUMBER, end) & ORDERS[how](self._numbers[:end], _float(value))
            case str() if len(self._codes):
                found = self._of(Kind.TEXT, end) & self._texts(how, value)[self._codes[:end]]
            case datetime() if how in ORDERS and len(self._moments):
                found = self._of(Kind.MOMENT, end) & ORDERS[how](self._moments[:end], _micros(value))
        return found

    def _of(self, kind: Kind, end: int) -> Mask:
        found: Mask = self._kinds[:end] == kind
        return found

    def _texts(self, how: Operator, value: str) -> Mask:
        """Which of the known texts stand so to this one, by code."""
        if how is Operator.EQUAL:
            found = np.zeros(len(self._known), bool)
            found[[code for code in [self._known.get(value)] if code is not None]] = True
            return found
        return np.fromiter((filters.compare(text, how, value) for text in self._known), bool, len(self._known))

    def _set(self, place: int, kind: Kind, name: str, value: float) -> None:
        array = getattr(self, name)
        if not len(array):
            array = np.zeros(self._size, array.dtype)
            setattr(self, name, array)
        self._kinds[place], array[place] = kind, value


def _any(masks: Iterable[Mask], end: int) -> Mask:
    found = np.zeros(end, bool)
    for mask in masks:
        found |= mask
    return found


def _moved(array: NDArray[Any], kept: NDArray[np.intp], size: int) -> NDArray[Any]:
    """The kept places in room for `size`; nothing where nothing was."""
    new = np.zeros(size if len(array) else 0, array.dtype)
    new[: len(kept) if len(array) else 0] = array[kept] if len(array) else array
    return new


def _micros(value: datetime) -> int:
    return (value - EPOCH) // timedelta(microseconds=1)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
