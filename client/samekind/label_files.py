"""Label sets as files: YAML that people write, or JSON of the same form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from samekind.label_schema import DEEPEST, SCHEMA, Schema, Wrong, check, fitting, wrong
from samekind.types import Label, Labels, LabelSet, Value

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MOST_NODES = 1_000_000
MOST_TOLD = 20
QUOTES = "text with ': ' or ' #' in it, or with one of {[*&!%@|> at its start, stands in quotes"


@dataclass(frozen=True)
class LabelFile:
    """A label set as a file has it, and the lines its labels and templates stand on."""

    where: str
    value: LabelSet
    lines: dict[str, int] = field(default_factory=dict)

    def placed(self, path: str) -> str:
        """The file, and the line of a field of the set, e.g. `label_set.labels[3].name`."""
        found = re.search(r"labels\[\d+\]|templates|model|name", path.replace("template_set", "templates"))
        line = self.lines.get(found[0]) if found else None
        return f"{self.where}:{line}" if line else self.where


def read(path: Path, *, name: str = "") -> LabelFile:
    """The label set of a file. Raises OSError, or ValueError with every mistake by its line."""
    return parse(path.read_bytes(), str(path), name=name, stem=path.name.partition(".")[0])


def parse(data: bytes, where: str, *, name: str = "", stem: str = "") -> LabelFile:
    """The label set of a file's bytes; it is named `name`, or else as the file says, or else `stem`. Raises ValueError."""
    node = _node(_text(data, where), where)
    if mistakes := [*check(node)]:
        raise _mistaken(where, mistakes)
    told = _plain(node, SCHEMA)
    value, lines = _label_set(told, name or told.get("name") or stem), dict(_lines(node))
    if mistakes := [*_mistakes(value, lines)]:
        raise _mistaken(where, mistakes)
    return LabelFile(where, value, lines)


def plain(value: LabelSet) -> dict[str, Any]:
    """A label set as a file has it, for JSON or YAML."""
    labels = value.labels
    head: dict[str, Any] = {"name": value.name} | ({"model": value.model} if value.model else {})
    return head | {"templates": list(labels.templates) or labels.template_set, "labels": {each.name: said(each) for each in labels.labels}}


def dump(value: LabelSet) -> str:
    """A label set as a YAML file."""
    told = plain(value)
    if not any(told["labels"].values()):
        told["labels"] = list(told["labels"])
    text: str = yaml.dump(told, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=120)
    return text


class _Dumper(yaml.SafeDumper):
    """Writes nothing for None, and quotes what this or another reader would not take for text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)


def _represented(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    # What YAML takes for the end of a line would be read as another one.
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if re.search("[\x85\u2028\u2029]", text) else None)


_Dumper.add_representer(str, _represented)
_Dumper.add_representer(type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", ""))
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$"), list("-+.0123456789"))


def _text(data: bytes, where: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _mistaken(where, [Wrong(data.count(b"\n", 0, error.start) + 1, "this is not UTF-8; save the file as UTF-8")]) from None
    if not text.lstrip().startswith("{"):
        return text
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return text  # YAML has braces too.
    return _as_yaml(text)


def _as_yaml(json: str) -> str:
    """JSON is YAML but for tabs, letters that YAML takes for the ends of lines or for none, and those written as two escapes."""
    pairs = re.sub(r"((?<!\\)(?:\\\\)*)((?:\\u[dD][89abAB]..\\u[dD][c-fC-F]..)+)", lambda found: found[1] + _joined(found[2]), json)
    return re.sub(r"[^\n\r -~]", lambda found: " " if found[0] == "\t" else f"\\U{ord(found[0]):08x}", pairs)


def _joined(escapes: str) -> str:
    units = bytes.fromhex(escapes.replace("\\u", ""))
    return units.decode("utf-16-be")


def _node(text: str, where: str) -> yaml.Node:
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        told = ", ".join(filter(None, (error.context, error.problem)))
        raise _mistaken(where, [Wrong(mark.line + 1 if mark else 1, f"{told}; {QUOTES}")]) from None
    except yaml.YAMLError as error:
        raise _mistaken(where, [Wrong(1, str(error).partition("\n")[0])]) from None
    if node is None:
        raise _mistaken(where, [Wrong(1, "the file is empty; it needs labels at least")])
    if _size(node, {}) > MOST_NODES:
        raise _mistaken(where, [wrong(node, "the file is nested too deeply, or repeats itself by its aliases too often")])
    return node


def _size(node: yaml.Node, known: dict[int, float], depth: int = 0) -> float:
    """How many nodes there are with all aliases written out; no end where one contains itself, or lies deeper than any may."""
    if id(node) not in known:
        known[id(node)] = float("inf")
        if depth > DEEPEST:
            return known[id(node)]
        inner = node.value if isinstance(node, yaml.CollectionNode) else ()
        each = (part for pair in inner for part in (pair if isinstance(pair, tuple) else (pair,)))
        known[id(node)] = 1 + sum(_size(part, known, depth + 1) for part in each)
    return known[id(node)]


def _plain(node: yaml.Node, schema: Schema) -> Any:
    """What a node that keeps to the schema says."""
    form = fitting(node, schema) or {}
    match node:
        case yaml.MappingNode():
            inner = form.get("properties", {})
            return {key.value: _plain(value, inner.get(key.value, form.get("additionalProperties", {}))) for key, value in node.value}
        case yaml.SequenceNode():
            return [_plain(item, form.get("items", {})) for item in node.value]
        case _:
            return _scalar(node.value, form.get("type", "string"))


def _scalar(text: str, kind: str) -> Value:
    match kind:
        case "null":
            return None
        case "boolean":
            return text == "true"
        case "integer":
            return int(text)
        case "number":
            return float(text)
    return text


def _label_set(told: dict[str, Any], name: str) -> LabelSet:
    given, templates = told["labels"], told.get("templates", "photo")
    made = tuple(_label(each, said) for each, said in (given.items() if isinstance(given, dict) else ((each, None) for each in given)))
    labels = Labels(made, templates) if isinstance(templates, str) else Labels(made, templates=tuple(templates))
    return LabelSet(name, labels, told.get("model", ""))


def _label(name: str, said: Any) -> Label:
    whole: dict[str, Any] = said if isinstance(said, dict) else {"descriptions": said or ()}
    descriptions = whole.get("descriptions", ())
    metadata = {key: _value(value) for key, value in whole.get("metadata", {}).items()}
    return Label(name, (descriptions,) if isinstance(descriptions, str) else tuple(descriptions), whole.get("parent", ""), metadata)


def said(label: Label) -> Any:
    """What a file says of a label, as shortly as it can."""
    descriptions: Any = label.descriptions[0] if len(label.descriptions) == 1 else list(label.descriptions) or None
    whole = {"descriptions": descriptions, "parent": label.parent, "metadata": {key: _moments(value) for key, value in label.metadata.items()}}
    return {key: value for key, value in whole.items() if value} if label.parent or label.metadata else descriptions


def _value(said: Any) -> Value:
    match said:
        case dict():
            return datetime.fromisoformat(said["time"])
        case list():
            return [_value(each) for each in said]
    value: Value = said
    return value


def _moments(value: Value) -> Any:
    match value:
        case datetime():
            return {"time": value.isoformat()}
        case list():
            return [_moments(each) for each in value]
    return value


def _lines(node: yaml.Node) -> Iterator[tuple[str, int]]:
    for key, value in node.value:
        yield key.value, key.start_mark.line + 1
        if key.value == "labels":
            names = [inner[0] for inner in value.value] if isinstance(value, yaml.MappingNode) else value.value
            yield from ((f"labels[{index}]", name.start_mark.line + 1) for index, name in enumerate(names))


def _mistakes(value: LabelSet, lines: dict[str, int]) -> Iterator[Wrong]:
    """What no schema tells."""
    pattern = SCHEMA["properties"]["name"]["pattern"]
    if not re.search(pattern, value.name):
        yield Wrong(lines.get("name", 1), f"a label set is not named {value.name!r:.80}; give it a name of small letters, digits, '.', '_' and '-'")
    names = {label.name for label in value.labels.labels}
    for index, label in enumerate(value.labels.labels):
        if label.parent and label.parent not in names:
            yield Wrong(lines[f"labels[{index}]"], f"{label.name} has the parent {label.parent!r:.80}, which is no label here")


def _mistaken(where: str, mistakes: Sequence[Wrong]) -> ValueError:
    told = [f"{where}:{each.line}: {each.message}" for each in mistakes[:MOST_TOLD]]
    more = [f"and {len(mistakes) - MOST_TOLD} more"] if len(mistakes) > MOST_TOLD else []
    count = "a mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    return ValueError("\n".join([f"{where} has {count}; `samekind labels schema` tells its form", *told, *more]))
