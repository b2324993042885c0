"""Says in words what a field's, a oneof's or a message's protovalidate rules ask."""

from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.message import Message

from samekind.v1.rules import validate_pb2

# Which rules bound what, in which unit, from the least to the most.
BOUNDS = {
    "characters": ("min_len", "max_len"),
    "bytes": ("min_bytes", "max_bytes"),
    "items": ("min_items", "max_items"),
    "entries": ("min_pairs", "max_pairs"),
    "": ("gte", "lte"),
}
PARTS = {"items": "each", "keys": "keys", "values": "values"}
WORDS = {
    "defined_only": "one of its values",
    "unique": "all different",
    "finite": "finite",
    "gt": "more than {}",
    "lt": "less than {}",
    "const": "exactly {}",
    "len": "exactly {} characters",
    "len_bytes": "exactly {} bytes",
    "pattern": "matches `{}`",
    "prefix": "begins with `{}`",
    "suffix": "ends with `{}`",
    "contains": "holds `{}`",
    "not_contains": "does not hold `{}`",
    "in": "one of {}",
    "not_in": "none of {}",
}


def of_field(options: Message) -> str:
    """The rules that a field's options hold."""
    return "; ".join(_said(_extension(options, validate_pb2.field)))


def of_oneof(options: Message) -> str:
    """Whether a oneof's options ask for one of its fields."""
    return "exactly one" if _extension(options, validate_pb2.oneof).required else "at most one"


def of_message(options: Message) -> str:
    """The rules that a message's options hold over several of its fields."""
    rules = _extension(options, validate_pb2.message)
    several = [f"{'exactly' if one.required else 'at most'} one of {_list(one.fields)}" for one in rules.oneof]
    return "; ".join([*several, *_expressions(rules)])


def _extension(options: Any, extension: Any) -> Any:
    return options.Extensions[extension]


def _said(rules: Any) -> Iterator[str]:
    if rules.required:
        yield "required"
    if rules.ignore == validate_pb2.IGNORE_ALWAYS:
        yield "checked by itself"
    kind = rules.WhichOneof("type")
    if kind:
        yield from _kind(kind, getattr(rules, kind))
    yield from _expressions(rules)


def _kind(kind: str, rules: Message) -> Iterator[str]:
    """The rules of one type; one that has no words here is said by its own name."""
    given = {field.name: value for field, value in rules.ListFields() if field.name != "example"}
    for unit, (least, most) in BOUNDS.items():
        if least in given or most in given:
            yield _between(given.pop(least, None), given.pop(most, None), "bytes" if kind == "bytes" else unit)
    for name, value in given.items():
        if name in PARTS:
            yield f"{PARTS[name]}: {', '.join(_said(value))}"
        elif value is not False:
            yield WORDS.get(name, name.replace("_", " ") + ("" if value is True else " {}")).format(_value(value))


def _between(least: object, most: object, unit: str) -> str:
    bounds = f"{_value(least)} to {_value(most)}"
    if most is None:
        bounds = f"{_value(least)} or more"
    elif least is None:
        bounds = f"at most {_value(most)}"
    elif least == most:
        bounds = f"exactly {_value(most)}"
    return f"{bounds} {unit}".rstrip()


def _value(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:,.15g}"
    if isinstance(value, str):
        return value
    if isinstance(value, Message):
        return f"{getattr(value, 'seconds', 0) + getattr(value, 'nanos', 0) / 1e9:,.15g} s"
    return _list(value) if isinstance(value, Iterable) else str(value)


def _list(values: Iterable[object]) -> str:
    return ", ".join(f"`{_value(value)}`" for value in values)


def _expressions(rules: Any) -> list[str]:
    return [rule.message or f"`{rule.expression}`" for rule in rules.cel] + [f"`{expression}`" for expression in rules.cel_expression]
