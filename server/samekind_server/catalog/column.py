"""One attribute's values as typed arrays: comparing, counting and grouping them is a few calls of numpy."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samekind.filters import Operator
from samekind.types import Scalar, Value
from samekind_server.catalog import filters

Mask = NDArray[np.bool_]
Key = tuple[str, Hashable]  # A value's kind and itself: the same for values that are equal, and for them alone.

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

    def counted(self, among: Mask) -> Counter[Key]:
        """How many of these places have each value, but for those that are `odd`."""
        counts: Counter[Key] = Counter()
        end = len(among)
        for kind, read in ((Kind.BOOL, bool), (Kind.NUMBER, _plain), (Kind.MOMENT, _moment)):
            held = self._moments if kind is Kind.MOMENT else self._numbers
            if len(held):
                values, times = np.unique(held[:end][among & self._of(kind, end)], return_counts=True)
                counts.update({key(read(value)): many for value, many in zip(values.tolist(), times.tolist(), strict=True)})
        if len(self._codes):
            times = np.bincount(self._codes[:end][among & self._of(Kind.TEXT, end)], minlength=len(self._known))
            counts.update({key(text): many for text, many in zip(self._known, times.tolist(), strict=True) if many})
        return counts

    def odd(self, among: Mask) -> list[Value]:
        """The values of these places that are in no array."""
        chosen = among.tobytes()
        return [value for place, value in self._odd.items() if place < len(chosen) and chosen[place]]

    def groups(self, places: NDArray[np.intp]) -> NDArray[np.int64]:
        """A number for each place that is the same where values are equal, and for them alone; -1 where there is none."""
        kinds, values = self._kinds[places], np.zeros(len(places), np.int64)
        for kind, held in ((Kind.BOOL, self._numbers), (Kind.NUMBER, self._numbers), (Kind.TEXT, self._codes), (Kind.MOMENT, self._moments)):
            if (some := kinds == kind).any():
                # 0 and -0 are equal, and their bits are not.
                values[some] = (held[places[some]] + 0.0).view(np.int64) if held is self._numbers else held[places[some]]
        odd = dict[Key, int]()
        for place in np.flatnonzero(kinds >= Kind.LIST).tolist():
            values[place] = odd.setdefault(key(self._odd[int(places[place])]), len(odd))
        groups: NDArray[np.int64] = np.unique(values, return_inverse=True)[1] * len(Kind) + kinds
        return np.where(kinds == Kind.NOTHING, -1, groups)

    def packed(self, kept: NDArray[np.intp], size: int) -> Column:
        """The same column with the places `kept` alone, in room for `size`."""
        new = Column(size)
        new._kinds = moved(self._kinds, kept, size)
        new._numbers, new._moments = moved(self._numbers, kept, size), moved(self._moments, kept, size)
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


def tally(values: Iterable[Value]) -> Counter[Key]:
    """How many of these have each value; of lists each element counts, once a list."""
    counts: Counter[Key] = Counter()
    for value in values:
        counts.update({key(each) for each in (value if isinstance(value, list) else [value]) if each is not None})
    return counts


def key(value: Value) -> Key:
    """The key of a value that is not null; of lists, one of their elements' keys."""
    if isinstance(value, list):
        return "list", tuple(None if each is None else key(each) for each in value)
    return _key(value)


@lru_cache(512, typed=True)
def _key(value: Scalar) -> Key:
    return filters.kind(value).__name__, value


def value(of: Key) -> Value:
    """The value of a key; whole numbers are whole."""
    held: Any = of[1]
    return [None if each is None else value(each) for each in held] if isinstance(held, tuple) else held


def moved(array: NDArray[Any], kept: NDArray[np.intp], size: int) -> NDArray[Any]:
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


def _moment(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


def _plain(number: float) -> int | float:
    return int(number) if number.is_integer() else number
