"""Keeps items that were read lately, so that an answer does not wait for the store where it tells of them again."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from samekind.errors import Damaged
from samekind.types import Item, Text
from samekind_server.catalog import attributes
from samekind_server.catalog.definitions import moment
from samekind_server.catalog.vectors import KINDS
from samekind_server.embedding.lru import Lru
from samekind_server.store import items
from samekind_server.store.base import Transaction
from samekind_server.store.items import Stored

CAPACITY = 32 << 20
OWN, DECODED = 1500, 4  # Bytes that an item takes beside what it says, and for each of what is read of that, about.


class Shelf:
    """Items of every catalog by their rows, as the store has them. For any thread; who commits a change tells of it before it is answered."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._lock = threading.Lock()
        self._kept: Lru[int, Item] = Lru(capacity)
        self._changes = 0

    def look(self) -> Look:
        """To be taken before the store is read, for what is read of one moment."""
        return Look(self, self._changes)

    def find(self, rows: Sequence[int]) -> dict[int, Item]:
        """Those of these rows that are kept."""
        with self._lock:
            return {row: kept for row in rows if (kept := self._kept.get(row))}

    def keep(self, read: Mapping[int, tuple[Item, int]], changes: int) -> None:
        """Keeps what was read, with its size, after so many changes, unless there were more since."""
        with self._lock:
            if changes == self._changes:
                for row, (item, size) in read.items():
                    self._kept.put(row, item, size)

    def forget(self, rows: Collection[int]) -> None:
        """These are gone, or say something else."""
        with self._lock:
            self._changes += bool(rows)  # What is new was not read by anybody.
            for row in rows:
                self._kept.drop(row)

    def clear(self) -> None:
        """Any may be gone."""
        with self._lock:
            self._changes += 1
            self._kept.clear()


@dataclass(frozen=True, eq=False)
class Look:
    """A look at what is kept, and at the store for the rest, begun after so many changes."""

    shelf: Shelf
    changes: int

    def told(self, rows: Sequence[int], of: Transaction) -> dict[int, Item]:
        """Those of these rows that are there and as they were written, in their order; without vectors and thumbnails."""
        known = self.shelf.find(rows)
        if len(known) == len(rows):
            return known
        read = _read([row for row in rows if row not in known], of)
        self.shelf.keep(read, self.changes)
        known |= {row: item for row, (item, _) in read.items()}
        return {row: known[row] for row in rows if row in known}


def whole(stored: Stored, kinds: tuple[str, ...]) -> Item:
    """The item of a row, of which these contents have a vector; without vectors and thumbnails. Raises Damaged."""
    stored.checked()
    if not kinds or not set(kinds) <= set(KINDS) or ("text" in kinds) != (stored.text is not None):
        # They are told by an index of the store's, which has no checksums.
        raise Damaged(f"the kinds of contents of {stored.id!r:.60} are not what was written; write it again, or put back a copy of the store")
    return Item(
        stored.id,
        () if stored.text is None else (Text(stored.text),),
        attributes.load(stored.attributes),
        stored.version,
        kinds=kinds,
        create_time=moment(stored.created),
        update_time=moment(stored.updated),
    )


def _read(rows: Sequence[int], of: Transaction) -> dict[int, tuple[Item, int]]:
    """The items of these rows, with about what they take in memory."""
    kinds, found = items.modalities(of, rows), dict[int, tuple[Item, int]]()
    for stored in items.by_rows(of, rows):
        with suppress(Damaged):  # Who looks for it by its id is told.
            found[stored.row] = whole(stored, kinds.get(stored.row, ())), OWN + DECODED * (len(stored.attributes) + len(stored.text or ""))
    return found
