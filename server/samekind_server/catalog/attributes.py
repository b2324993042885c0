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
LARGEST = 65_536
DEEPEST = 4


def dump(attributes: Mapping[str, Value], *, field: str = "attributes") -> bytes:
    """The same bytes for the same attributes. Raises BadRequest where they are too many, too deep or too large."""
    for name, value in attributes.items():
        if depth(value) > DEEPEST:
            raise _refused(f"the attribute {name!r:.60} is {depth(value)} lists deep, and {DEEPEST} may be; flatten it", f"{field}[{name!r:.60}]")
    data = json.dumps({name: plain(attributes[name]) for name in sorted(attributes)}, ensure_ascii=False, separators=(",", ":")).encode()
    if len(attributes) > MOST:
        raise _refused(f"an item has {len(attributes)} attributes, and {MOST} may be; leave some out", field)
    if len(data) > LARGEST:
        raise _refused(f"the attributes take {len(data):,} bytes, and {LARGEST:,} may be; shorten them, or keep them elsewhere", field)
    return data


def load(data: bytes) -> dict[str, Value]:
    """The attributes of `dump`."""
    return {name: read(told) for name, told in json.loads(data).items()}


def depth(value: Value) -> int:
    """How many lists stand in one another: 0 for what is none."""
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def plain(value: Value) -> Any:
    """A value as JSON can have it."""
    match value:
        case datetime():
            return {MOMENT: value.isoformat()}
        case list():
            return [plain(each) for each in value]
    return value


def read(told: Any) -> Value:
    """The value of `plain`."""
    match told:
        case dict():
            return datetime.fromisoformat(told[MOMENT])
        case list():
            return [read(each) for each in told]
    value: Value = told
    return value


def _refused(message: str, field: str) -> BadRequest:
    return BadRequest(message, violations=(Violation(field, message),))
