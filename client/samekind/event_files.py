"""Events from tables: a row is what a user did with an item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from samekind import item_files
from samekind.recommendations import Event

PLAIN = ("user", "item", "kind", "time", "id", "attribution")
NEEDED = ("user", "item", "kind")


def read(path: Path) -> Iterator[tuple[str, Event]]:
    """The events of a table, CSV, JSON lines or Parquet, one by one with where each stands; `-` is JSON lines on standard input.

    Columns are `user`, `item`, `kind`, and perhaps `value`, `time` (ISO 8601, or seconds since 1970), `id` and `attribution`. Raises OSError, or
    ValueError naming the row that cannot be read.
    """
    for where, row in item_files.rows(path, PLAIN):
        yield where, _event(where, row)


def _event(where: str, row: Mapping[str, Any]) -> Event:
    for name in NEEDED:
        if row.get(name) in (None, ""):
            raise ValueError(f"{where}: has no {name}; give each row one, in a column named {name}")
    try:
        value = None if row.get("value") in (None, "") else float(row["value"])
        time = _time(row.get("time"))
    except (TypeError, ValueError, OverflowError, OSError):
        raise ValueError(f"{where}: value is a number, and time ISO 8601 or seconds since 1970") from None
    named = {name: str(row[name]) for name in ("id", "attribution") if row.get(name)}
    return Event(str(row["user"]), str(row["item"]), str(row["kind"]), value, time, **named)


def _time(given: Any) -> datetime | None:
    """A time without a zone is of UTC."""
    if given in (None, ""):
        return None
    if isinstance(given, datetime):
        return given if given.tzinfo else given.replace(tzinfo=UTC)
    try:
        return datetime.fromtimestamp(float(given), UTC)
    except ValueError:
        return _time(datetime.fromisoformat(given))
