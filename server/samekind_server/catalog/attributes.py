"""Attributes as bytes for the store, and back; and how much of them an item may have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from samekind.errors import BadRequest, Violation
from samekind.types import Value

MOMENT = "time"
MOST = 256
LONGEST_NAME = 128
LARGEST = 65_536
DEEPEST = 4


def dump(attributes: Mapping[str, Value], *, field: str = "attributes") -> bytes:
    """The same bytes for the same attributes. Raises BadRequest where they are too many, too deep or too large."""
    for name, value in attributes.items():
        if depth(value) > DEEPEST:
            raise _refused(f"the attribute {name!r:.60} is {depth(value)} lists deep, and {DEEPEST} may be; flatten it", f"{field}[{name!r:.60}]")
    data = json.dumps({name: _plain(attributes[name]) for name in sorted(attributes)}, ensure_ascii=False, separators=(",", ":")).encode()
    if len(attributes) > MOST:
        raise _refused(f"an item has {len(attributes)} attributes, and {MOST} may be; leave some out", field)
    if len(data) > LARGEST:
        raise _refused(f"the attributes take {len(data):,} bytes, and {LARGEST:,} may be; shorten them, or keep them elsewhere", field)
    return data


def load(data: bytes) -> dict[str, Value]:
    """The attributes of `dump`."""
    return {name: _value(plain) for name, plain in json.loads(data).items()}


def depth(value: Value) -> int:
    """How many lists stand in one another: 0 for what is none."""
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def _plain(value: Value) -> Any:
    match value:
        case datetime():
            return {MOMENT: value.isoformat()}
        case list():
            return [_plain(each) for each in value]
    return value


def _value(plain: Any) -> Value:
    if isinstance(plain, dict):
        return datetime.fromisoformat(plain[MOMENT])
    value: Value = [_value(each) for each in plain] if isinstance(plain, list) else plain
    return value


def _refused(message: str, field: str) -> BadRequest:
    return BadRequest(message, violations=(Violation(field, message),))
