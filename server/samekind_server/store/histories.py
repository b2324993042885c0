"""What the store tells of one user, and the names and rows of items, for recommendations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from samekind_server.store.base import Row, Transaction

AT_ONCE = 500  # Names or numbers looked up by one statement.


def of_user(of: Transaction, catalog: int, user: str) -> list[Row]:
    """Item, kind, value and time of all that a user did, the latest last; the item by its number."""
    sql = "SELECT item, kind, value, time FROM events WHERE user = (SELECT id FROM event_users WHERE catalog = ? AND name = ?) ORDER BY time"
    return of.rows(sql, catalog, user)


def those_there(of: Transaction, numbers: Sequence[int]) -> dict[int, tuple[str, int]]:
    """The ids and rows of those items with events, by their numbers, that are in their catalog."""
    sql = """SELECT event_items.id, name, row FROM event_items JOIN items ON items.catalog = event_items.catalog AND items.id = name
        WHERE event_items.id IN ({})"""
    return {number: (str(name), int(row)) for some in _some(numbers) for number, name, row in of.rows(sql.format(_marks(some)), *some)}


def rows_of(of: Transaction, catalog: int, ids: Sequence[str]) -> dict[str, int]:
    """The rows of those of these items that are in a catalog."""
    sql = "SELECT id, row FROM items WHERE catalog = ? AND id IN ({})"
    return {str(id): int(row) for some in _some(ids) for id, row in of.rows(sql.format(_marks(some)), catalog, *some)}


def named(of: Transaction, rows: Sequence[int]) -> dict[int, tuple[str, int]]:
    """The ids of these rows that are there, and when they were written first, in microseconds since 1970."""
    sql = "SELECT row, id, created FROM items WHERE row IN ({})"
    return {int(row): (str(id), int(created)) for some in _some(rows) for row, id, created in of.rows(sql.format(_marks(some)), *some)}


def _some(given: Sequence[int] | Sequence[str]) -> Iterator[Sequence[int] | Sequence[str]]:
    return (given[start : start + AT_ONCE] for start in range(0, len(given), AT_ONCE))


def _marks(some: Iterable[object]) -> str:
    return ", ".join("?" for _ in some)
