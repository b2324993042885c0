"""Puts together what deletions left here and there in half-empty pages of SQLite's file; another store looks after that by itself.

SQLite gives back whole pages alone. So some hundred rows at a time are taken out of their place and put back in order, which leaves pages
that are full and pages that are free. No row gets another number.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from samekind_server.store.base import Transaction

FAR = 1 << 40  # Farther than rows are numbered: where some are while their place is made anew.


def note(to: Transaction, count: int) -> None:
    """So many rows of items went."""
    to.rows("UPDATE sparseness SET gone = gone + ?", count)


def noted(of: Transaction) -> int:
    """How many rows went of which the pages were not packed since."""
    [[gone]] = of.rows("SELECT gone FROM sparseness")
    return int(gone)


def last_row(of: Transaction) -> int:
    """Where the items of all catalogs end."""
    [[last]] = of.rows("SELECT coalesce(max(row), 0) FROM items")
    return int(last)


def count(of: Transaction) -> int:
    """How many items all catalogs have."""
    [[found]] = of.rows("SELECT count(*) FROM items")
    return int(found)


def by_row(to: Transaction, after: int, until: int, most: int) -> int | None:
    """Packs so many items, from past row `after` up to `until`, with what they have; the last of them, None where there were none."""
    some = to.rows("SELECT row FROM items WHERE row > ? AND row <= ? ORDER BY row LIMIT ?", after, until, most)
    if not some:
        return None
    first, last = int(some[0][0]), int(some[-1][0])
    [[step]] = to.rows("SELECT (SELECT max(rowid) FROM vectors) - min(rowid) + 1 FROM vectors WHERE row BETWEEN ? AND ?", first, last)
    with _unreferenced(to):
        to.rows("UPDATE vectors SET rowid = rowid + ?, row = row - ? WHERE row BETWEEN ? AND ?", step or 0, FAR, first, last)
        for table in ("thumbnails", "windows", "items"):
            to.rows(f"UPDATE {table} SET row = row - ? WHERE row BETWEEN ? AND ?", FAR, first, last)
        for table in ("items", "windows", "thumbnails", "vectors"):
            to.rows(f"UPDATE {table} SET row = row + ? WHERE row < 0", FAR)
    return last


def by_id(to: Transaction, catalog: int, after: str, most: int) -> str | None:
    """Packs the list of so many ids of a catalog, from the first past `after`; the last of them, None where there were none."""
    some = to.rows("SELECT id FROM items WHERE catalog = ? AND id > ? ORDER BY id LIMIT ?", catalog, after, most)
    if not some:
        return None
    with _unreferenced(to):
        to.rows("UPDATE items SET catalog = -catalog WHERE catalog = ? AND id BETWEEN ? AND ?", catalog, *some[0], *some[-1])
        to.rows("UPDATE items SET catalog = -catalog WHERE catalog = ?", -catalog)
    return str(some[-1][0])


@contextmanager
def _unreferenced(to: Transaction) -> Iterator[None]:
    """References are looked at when all is in its place again."""
    to.rows("PRAGMA defer_foreign_keys = ON")
    yield
    to.rows("PRAGMA defer_foreign_keys = OFF")
