"""Keeps the rows of items that were read lately, so that an answer does not wait for the store where it tells of them again."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from samekind_server.embedding.lru import Lru
from samekind_server.store import items
from samekind_server.store.base import Transaction
from samekind_server.store.items import Stored

CAPACITY = 32 << 20
OWN = 1000  # Bytes that an item takes beside what it says, about.


@dataclass(frozen=True, eq=False)
class Kept:
    """A row, and which of its contents have a vector."""

    stored: Stored
    kinds: tuple[str, ...]


class Shelf:
    """Sound rows of every catalog, as the store has them. For any thread; whoever commits a change tells of it by `forget` before it is answered."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._lock = threading.Lock()
        self._kept: Lru[int, Kept] = Lru(capacity)
        self._changes = 0

    def look(self) -> Look:
        """To be taken before the store is read, for what is read of one moment."""
        return Look(self, self._changes)

    def find(self, rows: Sequence[int]) -> dict[int, Kept]:
        """Those of these rows that are kept."""
        with self._lock:
            return {row: kept for row in rows if (kept := self._kept.get(row))}

    def keep(self, read: Mapping[int, Kept], changes: int) -> None:
        """Keeps what was read after so many changes, unless there were more since."""
        with self._lock:
            if changes == self._changes:
                for row, kept in read.items():
                    if kept.stored.sound:
                        self._kept.put(row, kept, _size(kept.stored))

    def forget(self, rows: Iterable[int]) -> None:
        """These are gone, or say something else."""
        with self._lock:
            self._changes += 1
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

    def told(self, rows: Sequence[int], of: Transaction) -> dict[int, Kept]:
        """Those of these rows that are there, in their order."""
        known = self.shelf.find(rows)
        if len(known) == len(rows):
            return known
        read = _read([row for row in rows if row not in known], of)
        self.shelf.keep(read, self.changes)
        found = known | read
        return {row: found[row] for row in rows if row in found}


def _read(rows: Sequence[int], of: Transaction) -> dict[int, Kept]:
    kinds = items.modalities(of, rows)
    return {stored.row: Kept(stored, kinds.get(stored.row, ())) for stored in items.by_rows(of, rows)}


def _size(stored: Stored) -> int:
    return OWN + len(stored.attributes) + 4 * len(stored.text or "")
