"""What a condition on attributes means, plainly: one item at a time."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import datetime

from samekind.filters import Compare, Every, Exists, Filter, Not, OneOf, Operator, Some, check
from samekind.types import Value

__all__ = ["check", "compare", "equal", "kind", "matches", "names"]
ORDERS: Mapping[Operator, Callable[..., bool]] = {
    Operator.LESS: operator.lt,
    Operator.LESS_OR_EQUAL: operator.le,
    Operator.GREATER: operator.gt,
    Operator.GREATER_OR_EQUAL: operator.ge,
}


def matches(given: Filter, attributes: Mapping[str, Value]) -> bool:
    """Whether an item of these attributes meets the condition."""
    match given:
        case Every(filters):
            return all(matches(each, attributes) for each in filters)
        case Some(filters):
            return any(matches(each, attributes) for each in filters)
        case Not(inner):
            return not matches(inner, attributes)
        case Exists(name):
            return attributes.get(name) is not None
        case OneOf(name, values):
            return any(equal(attributes.get(name), value) for value in values)
        case Compare(name, how, value):
            return compare(attributes.get(name), how, value)
    raise TypeError(f"no condition: {given!r:.100}")


def names(given: Filter) -> list[str]:
    """The attributes that a condition is about, each once."""
    match given:
        case Every(filters) | Some(filters):
            return list(dict.fromkeys(name for each in filters for name in names(each)))
        case Not(inner):
            return names(inner)
        case Exists(name) | OneOf(name) | Compare(name):
            return [name]
    raise TypeError(f"no condition: {given!r:.100}")


def compare(held: Value, how: Operator, value: Value) -> bool:
    """Whether what an item holds, None where it holds nothing, stands so to a value."""
    if how is Operator.EQUAL:
        return equal(held, value)
    if how is Operator.NOT_EQUAL:
        return not equal(held, value)
    if how is Operator.CONTAINS:
        return _contains(held, value)
    return kind(held) == kind(value) and kind(held) in (float, str, datetime) and ORDERS[how](held, value)


def equal(held: Value, value: Value) -> bool:
    """Whether two values are of one kind and the same; nothing equals null."""
    if held is None or kind(held) != kind(value):
        return False
    if isinstance(held, list) and isinstance(value, list):
        return len(held) == len(value) and all(map(equal, held, value))
    return held == value


def kind(value: Value) -> type:
    """The type as which a value is compared: whole numbers and others are one."""
    return float if isinstance(value, int) and not isinstance(value, bool) else type(value)


def _contains(held: Value, value: Value) -> bool:
    if isinstance(held, list):
        return any(equal(each, value) for each in held)
    return isinstance(held, str) and isinstance(value, str) and value in held
