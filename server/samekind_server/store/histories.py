"""What the store tells of one user, and which items with events are in which rows, for recommendations."""

from __future__ import annotations

import json
from collections.abc import Sequence

from samekind_server.store.base import Row, Transaction

AT_ONCE = 500  # Ids looked up by one statement.
USER = "SELECT id FROM event_users WHERE catalog = ? AND name = ?"


def latest(of: Transaction, catalog: int, user: str, most: int) -> list[Row]:
    """Item, kind, value and time of the last things that a user did, so many at most, the latest first; the item by its number."""
    # In the order of the table itself, read backwards.
    order = "time DESC, item DESC, kind DESC, copy DESC"
    return of.rows(f"SELECT item, kind, value, time FROM events WHERE user = ({USER}) ORDER BY {order} LIMIT ?", catalog, user, most)


def touched(of: Transaction, catalog: int, user: str, kinds: Sequence[int]) -> str:
    """The numbers of all items with which a user did something of these kinds, with commas between; some of them several times."""
    sql = f"SELECT group_concat(item) FROM events WHERE user = ({USER}) AND kind IN (SELECT value FROM json_each(?))"
    [[numbers]] = of.rows(sql, catalog, user, json.dumps(kinds))
    return str(numbers or "")


def rows_of(of: Transaction, catalog: int, ids: Sequence[str]) -> dict[str, int]:
    """The rows of those of these items that are in a catalog."""
    found = dict[str, int]()
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]  # Not as JSON, where SQLite would end them at a NUL.
        found |= dict(of.rows(f"SELECT id, row FROM items WHERE catalog = ? AND id IN ({', '.join('?' * len(some))})", catalog, *some))
    return found


def ids(of: Transaction, rows: Sequence[int]) -> dict[int, str]:
    """The ids of these rows that are there."""
    sql = "SELECT row, id FROM items WHERE row IN (SELECT value FROM json_each(?))"
    return {int(row): str(id) for row, id in of.rows(sql, json.dumps(rows))} if rows else {}


def created(of: Transaction, rows: Sequence[int]) -> dict[int, int]:
    """When these rows that are there were written first, in microseconds since 1970."""
    sql = "SELECT row, created FROM items WHERE row IN (SELECT value FROM json_each(?))"
    return {int(row): int(created) for row, created in of.rows(sql, json.dumps(rows))}


def numbered(of: Transaction, catalog: int, number: int) -> list[Row]:
    """The numbers past one of items with events, ascending, and the row of each; None where it is not there."""
    sql = """SELECT event_items.id, row FROM event_items INDEXED BY event_items_by_number
        LEFT JOIN items ON items.catalog = event_items.catalog AND items.id = name
        WHERE event_items.catalog = ? AND event_items.id > ? ORDER BY event_items.id"""
    return of.rows(sql, catalog, number)


def written(of: Transaction, catalog: int, row: int) -> list[Row]:
    """The numbers of items with events that were written past a row, and their rows."""
    sql = """SELECT event_items.id, row FROM items JOIN event_items ON event_items.catalog = items.catalog AND event_items.name = items.id
        WHERE items.catalog = ? AND row > ?"""
    return of.rows(sql, catalog, row)


def last_row(of: Transaction, catalog: int) -> int:
    """The highest row of a catalog; 0 where it has none."""
    [[row]] = of.rows("SELECT max(row) FROM items WHERE catalog = ?", catalog)
    return int(row or 0)
