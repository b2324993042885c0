"""Items in the store: a row for each with its attributes, its vectors in a table of their own, and a checksum on every row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from samekind.errors import Damaged
from samekind_server.store import words
from samekind_server.store.base import Cell, Transaction
from samekind_server.store.checksum import checksum as _checksum

COLUMNS = "row, catalog, id, version, created, updated, attributes, text, checksum"


@dataclass(frozen=True)
class Stored:
    """An item's row; times are microseconds since 1970. A new row when its contents change, the same when its attributes do."""

    row: int
    catalog: int
    id: str
    version: int
    created: int
    updated: int
    attributes: bytes
    text: str | None
    sound: bool = True

    def checked(self) -> Stored:
        """This row. Raises Damaged where it is not as it was written."""
        if not self.sound:
            raise _damaged("item", self.row, self.id)
        return self


@dataclass(frozen=True)
class Windows:
    """The parts of a text as their first characters and the ones behind their last (uint32), and the vectors of each (float32), little-endian."""

    places: bytes
    data: bytes


@dataclass(frozen=True)
class Embedded:
    """The vector of one of an item's contents, float32 little-endian, and a digest of what it was made of; `windows` where it is their mean."""

    modality: str
    space: str
    content: bytes
    data: bytes
    sound: bool = True
    windows: Windows | None = None

    def checked(self) -> Embedded:
        """This vector. Raises Damaged where it is not as it was written."""
        if not self.sound:
            raise Damaged(f"a {self.modality} vector is not what was written; write its item again, or put back a copy of the store")
        return self


@dataclass(frozen=True)
class Given:
    """An item to be written."""

    id: str
    attributes: bytes
    text: str | None
    vectors: tuple[Embedded, ...]
    thumbnail: bytes


def find(of: Transaction, catalog: int, id: str) -> Stored | None:
    """An item by its id."""
    found = of.rows(f"SELECT {COLUMNS} FROM items WHERE catalog = ? AND id = ?", catalog, id)
    return _stored(*found[0]) if found else None


def rows_of(of: Transaction, catalog: int, ids: Sequence[str]) -> dict[str, int]:
    """The row of each of these ids that is there."""
    found = of.rows("SELECT id, row FROM items WHERE catalog = ? AND id IN (SELECT value FROM json_each(?))", catalog, json.dumps(ids))
    return {id: row for id, row in found}


def by_rows(of: Transaction, rows: Sequence[int]) -> list[Stored]:
    """The items of these rows that are still there, in their order."""
    found = {cells[0]: cells for cells in of.rows(f"SELECT {COLUMNS} FROM items WHERE row IN (SELECT value FROM json_each(?))", json.dumps(rows))}
    return [_stored(*found[row]) for row in rows if row in found]


def page(of: Transaction, catalog: int, after: str, most: int) -> list[Stored]:
    """Items in the order of their ids' bytes, from the first past `after`."""
    found = of.rows(f"SELECT {COLUMNS} FROM items WHERE catalog = ? AND id > ? ORDER BY id LIMIT ?", catalog, after, most)
    return [_stored(*cells) for cells in found]


def past(of: Transaction, catalog: int, row: int, most: int) -> list[Stored]:
    """Items in the order of their rows, from the first past `row`."""
    found = of.rows(f"SELECT {COLUMNS} FROM items WHERE catalog = ? AND row > ? ORDER BY row LIMIT ?", catalog, row, most)
    return [_stored(*cells) for cells in found]


def numbers(of: Transaction, catalog: int) -> list[int]:
    """The rows of a catalog, ascending."""
    return [row for (row,) in of.rows("SELECT row FROM items WHERE catalog = ? ORDER BY row", catalog)]


def count(of: Transaction, catalog: int) -> int:
    """How many items there are."""
    [[found]] = of.rows("SELECT count(*) FROM items WHERE catalog = ?", catalog)
    return int(found)


def size(of: Transaction, catalog: int) -> int:
    """Bytes that the items take, without what the database adds of its own."""
    own = "SELECT coalesce(sum(length(id) + length(attributes) + coalesce(length(CAST(text AS BLOB)), 0)), 0) FROM items WHERE catalog = ?"
    [[items]] = of.rows(own, catalog)
    [[vectors]] = of.rows("SELECT coalesce(sum(length(vectors.data)), 0) FROM items JOIN vectors USING (row) WHERE catalog = ?", catalog)
    [[windows]] = of.rows("SELECT coalesce(sum(length(windows.data)), 0) FROM items JOIN windows USING (row) WHERE catalog = ?", catalog)
    [[thumbnails]] = of.rows("SELECT coalesce(sum(length(thumbnails.data)), 0) FROM items JOIN thumbnails USING (row) WHERE catalog = ?", catalog)
    return int(items + vectors + windows + thumbnails)


def vectors(of: Transaction, row: int) -> list[Embedded]:
    """The vectors of a row."""
    sql = """SELECT modality, space, content, vectors.data, vectors.checksum, places, windows.data, windows.checksum
        FROM vectors LEFT JOIN windows ON windows.row = vectors.row AND modality = 'text' WHERE vectors.row = ? ORDER BY modality, space"""
    return [_embedded(row, *cells) for cells in of.rows(sql, row)]


def in_windows(of: Transaction, first: int, last: int) -> list[int]:
    """Those rows, from one to another, that have windows."""
    # The index of rows alone is read: it is small.
    return [int(row) for (row,) in of.rows("SELECT row FROM windows INDEXED BY windows_by_row WHERE row BETWEEN ? AND ?", first, last)]


def modalities(of: Transaction, rows: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Which contents of each of these rows have a vector."""
    found = dict[int, tuple[str, ...]]()
    sql = "SELECT row, modality FROM vectors WHERE row IN (SELECT value FROM json_each(?)) ORDER BY row, modality"
    for row, modality in of.rows(sql, json.dumps(rows)):
        found[row] = (*found.get(row, ()), modality)
    return found


def thumbnail(of: Transaction, row: int) -> bytes:
    """The picture kept of a row's image; nothing where there is none. Raises Damaged."""
    found = of.rows("SELECT data, checksum FROM thumbnails WHERE row = ?", row)
    if found and _checksum(row, found[0][0]) != found[0][1]:
        raise _damaged("thumbnail", row)
    return bytes(found[0][0]) if found else b""


def add(to: Transaction, catalog: int, given: Given, *, version: int, created: int, now: int) -> int:
    """Adds an item; its row."""
    sql = "INSERT INTO items (catalog, id, version, created, updated, attributes, text, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING row"
    cells: tuple[Cell, ...] = (catalog, given.id, version, created, now, given.attributes, given.text)
    [[row]] = to.rows(sql, *cells, _checksum(*cells))
    for each in given.vectors:
        cells = (row, each.modality, each.space, each.content, each.data)
        to.rows("INSERT INTO vectors (row, modality, space, content, data, checksum) VALUES (?, ?, ?, ?, ?, ?)", *cells, _checksum(*cells))
        if each.windows:
            cells = (row, each.windows.places, each.windows.data)
            to.rows("INSERT INTO windows (row, places, data, checksum) VALUES (?, ?, ?, ?)", *cells, _checksum(*cells))
    if given.thumbnail:
        to.rows("INSERT INTO thumbnails (row, data, checksum) VALUES (?, ?, ?)", row, given.thumbnail, _checksum(row, given.thumbnail))
    words.add(to, catalog, row, given.text, given.attributes)
    return int(row)


def describe(to: Transaction, item: Stored, attributes: bytes, *, version: int, now: int) -> None:
    """Changes an item's attributes; its row stays."""
    checksum = _checksum(item.catalog, item.id, version, item.created, now, attributes, item.text)
    sql = "UPDATE items SET version = ?, updated = ?, attributes = ?, checksum = ? WHERE row = ?"
    to.rows(sql, version, now, attributes, checksum, item.row)
    _forget(to, item)
    words.add(to, item.catalog, item.row, item.text, attributes)


def remove(to: Transaction, item: Stored) -> None:
    """Deletes a row with its vectors and words."""
    to.rows("DELETE FROM items WHERE row = ?", item.row)
    _forget(to, item)


def remove_some(to: Transaction, catalog: int, most: int) -> int:
    """Deletes so many rows of a catalog, of which nothing is told any more; how many there were."""
    sql = f"DELETE FROM items WHERE row IN (SELECT row FROM items WHERE catalog = ? LIMIT ?) RETURNING {COLUMNS}"
    gone = [_stored(*cells) for cells in to.rows(sql, catalog, most)]
    for item in gone:
        _forget(to, item)
    return len(gone)


def faults(of: Transaction, item: Stored) -> list[str]:
    """What of an item is not as it was written, each part named."""
    wrong = [("item", item.sound), *((f"{each.modality} vector", each.sound) for each in vectors(of, item.row))]
    try:
        thumbnail(of, item.row)
    except Damaged:
        wrong.append(("thumbnail", False))
    return [_damaged(what, item.row, item.id).message for what, sound in wrong if not sound]


def _forget(to: Transaction, item: Stored) -> None:
    # The index is told the very words that it has; those of a damaged item stay, of a row that nobody finds.
    if item.sound:
        words.remove(to, item.catalog, item.row, item.text, item.attributes)


def _stored(row: int, catalog: int, id: str, version: int, created: int, updated: int, attributes: bytes, text: str | None, checksum: int) -> Stored:
    sound = _checksum(catalog, id, version, created, updated, attributes, text) == checksum
    return Stored(row, catalog, id, version, created, updated, attributes, text, sound)


def _embedded(row: int, modality: str, space: str, content: bytes, data: bytes, checksum: int, *windows: Any) -> Embedded:
    sound = _checksum(row, modality, space, content, data) == checksum
    if windows[0] is None:
        return Embedded(modality, space, content, data, sound)
    sound = sound and _checksum(row, *windows[:2]) == windows[2]
    return Embedded(modality, space, content, data, sound, Windows(*windows[:2]))


def _damaged(what: str, row: int, id: str = "") -> Damaged:
    name = f" of {id!r:.60}" if id else ""
    return Damaged(f"the {what}{name} in row {row} is not what was written there; write the item again, or put back a copy of the store")
