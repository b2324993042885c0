"""Conditions on attributes: a tree of values, written `(F.price < 20) & F.brand.one_of("acme", "ajax")`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NoReturn

from samekind.errors import BadRequest, Violation
from samekind.types import Value

DEEPEST = 16
MOST = 256
NAME = r"[^\W\d]\w*(?:[.-]\w+)*"  # An attribute that needs no backticks in text, unless it is one of these words.
WORDS = frozenset({"and", "or", "not", "in", "contains", "exists", "is", "null", "true", "false"})


class Operator(Enum):
    """How an attribute is compared: whole numbers and others as numbers; any other two types, or a missing value, never match.

    `NOT_EQUAL` is true wherever `EQUAL` is false. `CONTAINS` is of a list's value or of a part of a text.
    """

    EQUAL = "=="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="
    CONTAINS = "contains"


class Filter:
    """A condition; joined with others by `&`, `|` and `~`. Its `str` is the text that the command line takes (see filter_text)."""

    def __and__(self, other: Filter) -> Filter:
        return Every((*_joined(self, Every), *_joined(other, Every)))

    def __or__(self, other: Filter) -> Filter:
        return Some((*_joined(self, Some), *_joined(other, Some)))

    def __invert__(self) -> Filter:
        return Not(self)

    def __bool__(self) -> NoReturn:
        # `F.a < F.b < 3` and `x and y` would else silently drop a condition.
        raise TypeError("a condition is neither true nor false here; join conditions with &, | and ~, and put each in brackets")


@dataclass(frozen=True)
class Compare(Filter):
    """An attribute against a value."""

    attribute: str
    operator: Operator
    value: Value

    def __str__(self) -> str:
        sign = "=" if self.operator is Operator.EQUAL else self.operator.value
        return f"{_name(self.attribute)} {sign} {_written(self.value)}"


@dataclass(frozen=True)
class OneOf(Filter):
    """An attribute that equals one of several values."""

    attribute: str
    values: tuple[Value, ...]

    def __str__(self) -> str:
        return f"{_name(self.attribute)} in ({', '.join(map(_written, self.values))})"


@dataclass(frozen=True)
class Exists(Filter):
    """An attribute that is there and not null."""

    attribute: str

    def __str__(self) -> str:
        return f"exists({_name(self.attribute)})"


@dataclass(frozen=True)
class Every(Filter):
    """All of these; of none, true."""

    filters: tuple[Filter, ...]

    def __str__(self) -> str:
        return " and ".join(_bracketed(each, Every, Some) for each in self.filters) or "true"


@dataclass(frozen=True)
class Some(Filter):
    """At least one of these; of none, false."""

    filters: tuple[Filter, ...]

    def __str__(self) -> str:
        return " or ".join(_bracketed(each, Some) for each in self.filters) or "false"


@dataclass(frozen=True)
class Not(Filter):
    """What that does not match."""

    filter: Filter

    def __str__(self) -> str:
        match _plain(self.filter):
            case Exists(name):
                return f"{_name(name)} is null"
            case inner:
                return f"not {_bracketed(inner, Every, Some)}"


@dataclass(frozen=True, eq=False)
class Attribute:
    """An attribute by its name, to be compared: `F.price`, or `F["price in euro"]`."""

    name: str

    def __eq__(self, value: object) -> Filter:  # type: ignore[override]
        return Compare(self.name, Operator.EQUAL, _value(value))

    def __ne__(self, value: object) -> Filter:  # type: ignore[override]
        return Compare(self.name, Operator.NOT_EQUAL, _value(value))

    def __lt__(self, value: Value) -> Filter:
        return Compare(self.name, Operator.LESS, _value(value))

    def __le__(self, value: Value) -> Filter:
        return Compare(self.name, Operator.LESS_OR_EQUAL, _value(value))

    def __gt__(self, value: Value) -> Filter:
        return Compare(self.name, Operator.GREATER, _value(value))

    def __ge__(self, value: Value) -> Filter:
        return Compare(self.name, Operator.GREATER_OR_EQUAL, _value(value))

    __hash__ = None  # type: ignore[assignment]

    def contains(self, value: Value) -> Filter:
        """A list with this value in it, or a text with this part."""
        return Compare(self.name, Operator.CONTAINS, _value(value))

    def one_of(self, *values: Value) -> Filter:
        """Equal to one of these."""
        return OneOf(self.name, tuple(_value(value) for value in values))

    def exists(self) -> Filter:
        """There, and not null."""
        return Exists(self.name)

    def is_null(self) -> Filter:
        """Null, or not there at all."""
        return Not(Exists(self.name))

    def __bool__(self) -> NoReturn:
        raise TypeError(f"the attribute {self.name!r} is neither true nor false here; compare it, as in F.{self.name} == True")


class Attributes:
    """Any attribute by its name."""

    def __getattr__(self, name: str) -> Attribute:
        if name.startswith("__"):
            raise AttributeError(name)
        return Attribute(name)

    def __getitem__(self, name: str) -> Attribute:
        return Attribute(name)


F = Attributes()


def check(given: Filter, *, field: str = "filter") -> None:
    """Raises BadRequest where a condition is deeper than 16 or has more than 256 parts."""
    parts = deepest = 0
    for depth in _depths(given, 1):
        parts, deepest = parts + 1, max(deepest, depth)
    if parts > MOST or deepest > DEEPEST:
        message = f"a filter has at most {MOST} conditions, {DEEPEST} deep; this one has {parts}, {deepest} deep"
        raise BadRequest(message, violations=(Violation(field, message),))


def _depths(given: Filter, depth: int) -> Iterator[int]:
    yield depth
    if depth > DEEPEST:
        return
    match given:
        case Every(filters) | Some(filters):
            for each in filters:
                yield from _depths(each, depth + 1)
        case Not(inner):
            yield from _depths(inner, depth + 1)


def _joined(filter: Filter, kind: type[Every] | type[Some]) -> tuple[Filter, ...]:
    return filter.filters if isinstance(filter, kind) else (filter,)


def _value(value: object) -> Value:
    if isinstance(value, Attribute | Filter):
        raise TypeError("an attribute is compared to a value, not to another attribute or condition")
    return value  # type: ignore[return-value]


def _plain(given: Filter) -> Filter:
    """Without groups of one, which are what is in them."""
    while isinstance(given, Every | Some) and len(given.filters) == 1:
        [given] = given.filters
    return given


def _bracketed(given: Filter, *kinds: type[Every] | type[Some]) -> str:
    inner = _plain(given)
    return f"({inner})" if isinstance(inner, kinds) and inner.filters else str(inner)


def _name(name: str) -> str:
    if re.fullmatch(NAME, name) and name.lower() not in WORDS:
        return name
    escaped = json.dumps(name, ensure_ascii=False)[1:-1].replace("`", "\\`")
    return f"`{escaped}`"


def _written(value: Value) -> str:
    match value:
        case datetime():
            told = value.isoformat()
            return f"{told[:-6]}Z" if told.endswith("+00:00") else told
        case list():
            return f"[{', '.join(map(_written, value))}]"
        case str() | bool() | None:
            return json.dumps(value, ensure_ascii=False)
    return str(value)
