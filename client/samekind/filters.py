"""Conditions on attributes: a tree of values, written `(F.price < 20) & F.brand.one_of("acme", "ajax")`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NoReturn

from samekind.types import Value


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
    """A condition; joined with others by `&`, `|` and `~`."""

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


@dataclass(frozen=True)
class OneOf(Filter):
    """An attribute that equals one of several values."""

    attribute: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Exists(Filter):
    """An attribute that is there and not null."""

    attribute: str


@dataclass(frozen=True)
class Every(Filter):
    """All of these; of none, true."""

    filters: tuple[Filter, ...]


@dataclass(frozen=True)
class Some(Filter):
    """At least one of these; of none, false."""

    filters: tuple[Filter, ...]


@dataclass(frozen=True)
class Not(Filter):
    """What that does not match."""

    filter: Filter


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


def _joined(filter: Filter, kind: type[Every] | type[Some]) -> tuple[Filter, ...]:
    return filter.filters if isinstance(filter, kind) else (filter,)


def _value(value: object) -> Value:
    if isinstance(value, Attribute | Filter):
        raise TypeError("an attribute is compared to a value, not to another attribute or condition")
    return value  # type: ignore[return-value]
