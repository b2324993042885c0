"""Label sets as bytes for the store, and back; nothing is lost on the way."""

from __future__ import annotations

import json
import zlib
from typing import Any

from samekind.types import Label, Labels
from samekind_server.catalog import attributes


def dump(labels: Labels) -> bytes:
    """Labels and templates as JSON."""
    told = {"labels": list(map(_row, labels.labels)), "template_set": labels.template_set, "templates": labels.templates}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def load(data: bytes) -> Labels:
    """The labels of `dump`."""
    told = json.loads(data)
    return Labels(tuple(_label(*row) for row in told["labels"]), told["template_set"], tuple(told["templates"]))


def pack(head: tuple[object, ...], data: bytes) -> bytes:
    """A set's head, numbers and texts, and what `dump` made of its labels, in little room."""
    return json.dumps(head).encode() + b"\n" + zlib.compress(data, 1)


def unpack(packed: bytes) -> tuple[list[Any], bytes]:
    """Head and data of `pack`."""
    head, _, data = packed.partition(b"\n")
    told: list[Any] = json.loads(head)
    return told, zlib.decompress(data)


def _row(label: Label) -> list[Any]:
    return [label.name, label.descriptions, label.parent, {key: attributes.plain(value) for key, value in label.metadata.items()}]


def _label(name: str, descriptions: list[str], parent: str, metadata: dict[str, Any]) -> Label:
    return Label(name, tuple(descriptions), parent, {key: attributes.read(value) for key, value in metadata.items()})
