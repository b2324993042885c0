"""The JSON schema of a label set's file, and what of a file breaks it, by line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

Schema = Mapping[str, Any]

NAME = {"type": "string", "minLength": 1, "maxLength": 256}
DESCRIPTION = {"type": "string", "minLength": 1, "maxLength": 4096}
LARGEST = 1.7976931348623157e308
INTEGER = {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}
NUMBER = {"type": "number", "minimum": -LARGEST, "maximum": LARGEST}
SCALARS: list[Schema] = [{"type": "null"}, {"type": "boolean"}, INTEGER, NUMBER, {"type": "string"}]
MOMENT: Schema = {
    "description": "A moment.",
    "type": "object",
    "required": ["time"],
    "additionalProperties": False,
    "properties": {"time": {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$"}},
}
VALUE: Schema = {"$ref": "#/$defs/value"}
VALUES: Schema = {"anyOf": [*SCALARS, MOMENT, {"type": "array", "items": VALUE}]}
DESCRIPTIONS: Schema = {
    "description": "What it looks like or means, in words. A {} in it becomes the label's name.",
    "anyOf": [DESCRIPTION, {"type": "array", "maxItems": 64, "items": DESCRIPTION}],
}
LABEL: Schema = {
    "description": "Nothing, a description, several, or an object of all there is to say.",
    "anyOf": [
        {"type": "null"},
        *DESCRIPTIONS["anyOf"],
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "descriptions": DESCRIPTIONS,
                "parent": {"description": "The label of this set that this one is a kind of; it changes no probability.", **NAME},
                "metadata": {
                    "description": "What is to be kept with the label; samekind makes nothing of it.",
                    "type": "object",
                    "maxProperties": 64,
                    "propertyNames": {"minLength": 1, "maxLength": 128},
                    "additionalProperties": VALUE,
                },
            },
        },
    ],
}
TOLD = {"description": "Told by the server; a file that has it is taken, and this is not read."}
SCHEMA: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A label set of samekind",
    "type": "object",
    "required": ["labels"],
    "additionalProperties": False,
    "properties": {
        "name": {
            "description": "The set's name, by default the file's: small letters, digits, '.', '_' and '-', the first a letter or digit.",
            "type": "string",
            "pattern": "^[a-z0-9][a-z0-9._-]{0,62}$",
        },
        "model": {
            "description": "The model that answers where a call names none; by default the server's first.",
            "type": "string",
            "maxLength": 512,
        },
        "templates": {
            "description": "plain, photo or imagenet; or sentences of one's own, each with one {} where the name goes. By default photo.",
            "anyOf": [
                {"type": "string", "minLength": 1, "maxLength": 64},
                {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 256,
                    "items": {"description": "a sentence with exactly one {}", "type": "string", "maxLength": 1024, "pattern": r"^[^{}]*\{\}[^{}]*$"},
                },
            ],
        },
        "labels": {
            "description": "Names with what is to say of each, or a list of names.",
            "anyOf": [
                {
                    "type": "object",
                    "minProperties": 1,
                    "maxProperties": 10000,
                    "propertyNames": {"minLength": 1, "maxLength": 256},
                    "additionalProperties": LABEL,
                },
                {"type": "array", "minItems": 1, "maxItems": 10000, "uniqueItems": True, "items": NAME},
            ],
        },
        **dict.fromkeys(("version", "etag", "label_count", "create_time", "update_time"), TOLD),
    },
    "$defs": {"value": VALUES},
}

DEEPEST = 16
KINDS = {"null": "nothing", "boolean": "true or false", "integer": "a whole number", "number": "a number", "string": "text"}
KINDS |= {"array": "a list", "object": "names with values"}
# As in YAML 1.2: a plain no, on or 12:30 is text.
PLAIN = {
    "null": re.compile(r"|~|null"),
    "boolean": re.compile(r"true|false"),
    "integer": re.compile(r"[-+]?[0-9]+"),
    "number": re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"),
    "string": re.compile(r".*", re.S),
}


@dataclass(frozen=True)
class Wrong:
    """What is wrong with a file, and where."""

    line: int
    message: str


def check(node: yaml.Node, schema: Schema = SCHEMA, where: str = "") -> Iterator[Wrong]:
    """What of a node, and of all below it, breaks the schema."""
    if found := fitting(node, schema):
        yield from _breaks(node, found, where)
    else:
        yield wrong(node, f"{where or 'the file'} is {_told(schema)}, not {KINDS[_kind(node)]}")


def fitting(node: yaml.Node, schema: Schema) -> Schema | None:
    """The one of a schema's forms that a node has; none where it has none of them."""
    forms = (VALUES if schema is VALUE else schema).get("anyOf", [schema])
    return next((form for form in forms if "type" not in form or _is(node, form["type"])), None)


def wrong(node: yaml.Node, message: str) -> Wrong:
    """What is wrong at a node."""
    return Wrong(node.start_mark.line + 1, message)


def _is(node: yaml.Node, kind: str) -> bool:
    """Whether a node can be read so: what stands in quotes, or where text is wanted, is text."""
    match node:
        case yaml.ScalarNode():
            plain = not node.style  # None or "", by the loader.
            return kind in PLAIN and (kind == "string" or (plain and bool(PLAIN[kind].fullmatch(node.value))))
        case yaml.SequenceNode():
            return kind == "array"
    return kind == "object"


def _kind(node: yaml.Node) -> str:
    return next(kind for kind in (*PLAIN, "array", "object") if _is(node, kind))


def _told(schema: Schema) -> str:
    kinds = dict.fromkeys(KINDS[form["type"]] for form in schema.get("anyOf", [schema]) if form["type"] != "null")
    return " or ".join(kinds)


def _breaks(node: yaml.Node, schema: Schema, where: str) -> Iterator[Wrong]:
    match node:
        case yaml.MappingNode():
            yield from _object(node, schema, where)
        case yaml.SequenceNode():
            yield from _array(node, schema, where)
        case _:
            yield from (wrong(node, message) for message in _scalar(node.value, schema, where))


def _object(node: yaml.MappingNode, schema: Schema, where: str) -> Iterator[Wrong]:
    known, seen = schema.get("properties", {}), dict[str, yaml.Node]()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            yield wrong(key, f"a name in {where or 'the file'} is text, not {KINDS[_kind(key)]}")
            continue
        name, at = key.value, f"{where}.{key.value}" if where else key.value
        if (first := seen.setdefault(name, key)) is not key:
            yield wrong(key, f"{at} stands here again; it is on line {first.start_mark.line + 1} too")
        yield from (wrong(key, message) for message in _text(name, schema.get("propertyNames", {}), f"the name {name!r:.60}"))
        if (inner := known.get(name, schema.get("additionalProperties", {}))) is False:
            yield wrong(key, f"{at} is not known{_meant(name, known)}")
        else:
            yield from check(value, inner, at)
    for name in schema.get("required", ()):
        if name not in seen:
            yield wrong(node, f"{where or 'the file'} has no {name}")
    yield from _count(node, len(seen), schema.get("minProperties", 0), schema.get("maxProperties"), where)


def _array(node: yaml.SequenceNode, schema: Schema, where: str) -> Iterator[Wrong]:
    seen: dict[Any, int] = {}
    for index, item in enumerate(node.value):
        yield from check(item, schema.get("items", {}), f"{where}[{index}]")
        if schema.get("uniqueItems") and isinstance(item, yaml.ScalarNode) and seen.setdefault(item.value, index) != index:
            yield wrong(item, f"{where} has {item.value!r:.60} twice")
    yield from _count(node, len(node.value), schema.get("minItems", 0), schema.get("maxItems"), where)


def _count(node: yaml.Node, count: int, least: int, most: int | None, where: str) -> Iterator[Wrong]:
    if count < least:
        yield wrong(node, f"{where} is empty; give at least {least}")
    if most is not None and count > most:
        yield wrong(node, f"{where} has {count:,}; at most {most:,} may be")


def _scalar(text: str, schema: Schema, where: str) -> Iterator[str]:
    if "minimum" in schema and not schema["minimum"] <= (int if schema["type"] == "integer" else float)(text) <= schema["maximum"]:
        yield f"{where} is a number past 64 bits: {text:.80}; in quotes it is text"
    yield from _text(text, schema, where)


def _text(text: str, schema: Schema, where: str) -> Iterator[str]:
    if len(text) < schema.get("minLength", 0):
        yield f"{where} is empty"
    if len(text) > (most := schema.get("maxLength", len(text))):
        yield f"{where} has {len(text):,} characters; at most {most:,} may be"
    if (pattern := schema.get("pattern")) and not re.search(pattern, text):
        yield f"{where} is {text!r:.80}, which is not of its form: {schema.get('description') or pattern}"


def _meant(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else f" here; there are {', '.join(known)}"
