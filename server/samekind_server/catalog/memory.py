"""What of a catalog is held in memory, in step with the store: its indexes and its columns of attributes."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cache
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from samekind.errors import Damaged, Unavailable
from samekind.filters import Filter
from samekind.types import Catalog, Floats, Fused
from samekind_server.catalog import attributes, definitions, vectors
from samekind_server.catalog.background import Background, Backgrounds
from samekind_server.catalog.candidates import Candidates, Ranked
from samekind_server.catalog.column import Key, tally
from samekind_server.catalog.columns import Columns
from samekind_server.catalog.writing import Added, Changes
from samekind_server.index.base import Index, Opened, Rows, Shape, Stats, nothing
from samekind_server.store import catalogs, items
from samekind_server.store.base import Store, Transaction
from samekind_server.store.catalogs import Head
from samekind_server.store.items import Stored

T = TypeVar("T")

CHUNK = 1000  # Items read from the store at once.
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """Which index it is: its catalog's number, its name, and an identity that changes with all that its vectors depend on."""

    catalog: int
    name: str
    identity: str
    newest: int
    fresh: bool = False  # Whether what was kept of it is of no use.


class Indexes(Protocol):
    """Where indexes come from."""

    def open(self, place: Place, shape: Shape) -> Opened:
        """The index of a place: as it was kept, or empty."""
        ...

    def leave(self, memory: Memory) -> None:
        """A catalog's indexes are wanted no more."""
        ...

    def watch(self, memories: Callable[[], Collection[Memory]]) -> None:
        """Keeps those of these catalogs from now on."""
        ...

    def drop(self, catalog: int) -> None:
        """A catalog is no more."""
        ...

    def clear(self, alive: Collection[int]) -> None:
        """Nothing has to be kept of catalogs but these."""
        ...

    def close(self) -> None:
        """Keeps what has changed, and ends."""
        ...


class Memory:
    """One catalog's indexes and columns. `apply` is for the one thread that writes, in the order of commits; the rest for any thread."""

    def __init__(self, store: Store, head: Head, indexes: Indexes) -> None:
        self.head, self.catalog = head, definitions.catalog(head)
        self._store, self._from = store, indexes
        self._columns = Columns()
        self._indexes: dict[str, Index] = {}
        self._pending: list[Changes] | None = []  # What is written while the store is read.
        self._last_row = 0
        self._backgrounds, self._moved = Backgrounds(), 0
        self.last_change = 0
        self._lock = threading.Lock()
        self._left = threading.Event()
        self.loaded: Future[None] = Future()
        self.ready = False  # Whether it was loaded, and that without an error.

    def load(self) -> None:
        """Reads the catalog from the store; what is written meanwhile follows."""
        try:
            try:
                self._fill()
            except ValueError as misfit:
                log.error("the kept indexes of the catalog %s do not fit the store, and are made anew: %s", self.catalog.name, misfit)
                self._fill_anew()
        except Exception as error:
            self._from.leave(self)
            self.loaded.set_exception(error)
        else:
            self.ready = True
            self.loaded.set_result(None)

    def leave(self) -> None:
        """It is wanted no more."""
        self._left.set()
        self._from.leave(self)

    def apply(self, changes: Changes) -> None:
        """Takes in what was committed."""
        with self._lock:
            if self._pending is not None:
                self._pending.append(changes)
            else:
                self._apply(changes)

    def matching(self, given: Filter) -> Rows:
        """The rows that meet a condition, ascending."""
        with self._lock:
            return np.sort(self._columns.matching(given))

    def among(self, rows: Rows, given: Filter | None) -> NDArray[np.bool_]:
        """Which of these rows are there and meet a condition."""
        with self._lock:
            return np.isin(rows, self._columns.rows if given is None else self._columns.matching(given))

    def compared(self, queries: Mapping[str, Floats], rows: Rows) -> Candidates:
        """How near each of these rows, ascending, is to one query, whose vector for each index is given by its name."""
        found = {
            name: each.nearest(queries[name][None], max(1, len(rows)), allowed=rows, exact=True)[0]
            for name, each in self.indexes().items()
            if queries
        }
        return Candidates(found, len(rows), len(rows))

    def counted(self, name: str, where: Filter | None) -> tuple[Counter[Key], int]:
        """How many items that meet a condition have each value of an attribute, and how many have any."""
        with self._lock:
            counts, odd, items = self._columns.counted(name, where)
        return counts + tally(odd), items

    def groups(self, name: str, rows: Rows) -> NDArray[np.int64]:
        """A number for each row that is the same where an attribute's values are equal; -1 where it has none, or the row is gone."""
        with self._lock:
            return self._columns.groups(name, rows)

    def candidates(
        self, queries: Mapping[str, Floats], k: int, *, where: Filter | None = None, exact: bool = False, effort: int = 0
    ) -> list[Candidates]:
        """What each index finds nearest to each query; a query, (n, dimensions), is a vector for each index, by its name."""
        allowed = None if where is None else self.matching(where)
        matching, indexes = self.items if allowed is None else len(allowed), self.indexes()
        count = len(queries[next(iter(indexes))])
        found = {
            name: [nothing()] * count if each.is_empty else each.nearest(queries[name], k, allowed=allowed, exact=exact, effort=effort)
            for name, each in indexes.items()
        }
        background, mixed = cache(self.background), sum(not each.is_empty for each in self._kinds.values()) > 1
        return [Candidates({name: each[number] for name, each in found.items()}, k, matching, background, mixed) for number in range(count)]

    def background(self) -> Background:
        """What its vectors are like on the whole, or were shortly before; windows are like the texts they are of."""
        return self._backgrounds.now(self._moved, self._kinds)

    def vectors(self, ranked: Ranked) -> tuple[Ranked, Floats]:
        """Those of the rows that are still there, and the vector by which each was found, (n, dimensions)."""
        with self._lock:
            there = ranked.at(np.array([row in self._columns for row in ranked.rows.tolist()], bool))
            found = np.zeros((len(there), self.catalog.dimensions), np.float32)
            for name, index in self._indexes.items():
                if (some := there.kinds == name).any():
                    found[some] = index.vectors(there.rows[some])
        return there, found

    def room(self, count: int, timeout: float) -> bool:
        """Whether there is room to add so many."""
        return all(index.room(count, timeout) for index in self._indexes.values())

    def stats(self) -> dict[str, Stats]:
        """The state of each index."""
        return {name: index.stats() for name, index in self._indexes.items()}

    def indexes(self) -> dict[str, Index]:
        """The indexes by name."""
        return dict(self._indexes)

    def change(self, head: Head) -> bool:
        """Whether the indexes of a catalog's next version are these, if need be with other graphs; it is that version from now on."""
        after, before = definitions.catalog(head), shape_of(self.catalog)
        with self._lock:
            if after.comparison != self.catalog.comparison or (self._pending is not None and shape_of(after) != before):
                return False
            self.head, self.catalog = head, after
        if shape_of(after) != before:
            for index in self._indexes.values():
                index.reshape(shape_of(after))
        return True

    def place(self, name: str) -> Place:
        """Which index that is."""
        return Place(self.head.id, name, identity(self.head, name), self.last_change)

    @property
    def items(self) -> int:
        """How many items there are in it."""
        return len(self._columns)

    @property
    def nbytes(self) -> int:
        """About what the columns take in memory."""
        with self._lock:
            return self._columns.nbytes

    @property
    def _kinds(self) -> dict[str, Index]:
        return {name: index for name, index in self._indexes.items() if name != vectors.WINDOW}

    def _fill(self, *, fresh: bool = False) -> None:
        self._columns, self._last_row = Columns(), 0
        self.last_change = self._read(lambda of: catalogs.newest(of, self.head.id))
        shape = shape_of(self.catalog)
        opened = {name: self._from.open(replace(self.place(name), fresh=fresh), shape) for name in vectors.names(self.catalog.comparison)}
        self._indexes = {name: each.index for name, each in opened.items()}
        known = {name: set(each.index.rows().tolist()) for name, each in opened.items()}
        while chunk := self._read(lambda of: items.past(of, self.head.id, self._last_row, CHUNK)):
            if self._left.is_set():
                raise Unavailable(f"the catalog {self.catalog.name!r} was deleted or changed, or the server is closing, while it was read; ask again")
            self._take(chunk, known)
            self._last_row = chunk[-1].row
        with self._lock:
            for name, rows in known.items():
                gone = np.array(sorted(row for row in rows if row not in self._columns), np.int64)
                self._indexes[name].remove(gone)
            for changes in self._pending or ():
                self._apply(changes)
            self._pending = None

    def _fill_anew(self) -> None:
        try:
            self._fill(fresh=True)
        except ValueError as disorder:
            told = f"the rows of the catalog {self.catalog.name!r} are not in the order in which they were written"
            raise Damaged(f"{told}; run `samekind verify`, and put back a copy of the store") from disorder

    def _take(self, chunk: Sequence[Stored], known: dict[str, set[int]]) -> None:
        sound = [item for item in chunk if item.sound]
        for item in chunk:
            if not item.sound:
                log.error(
                    "the item %.80r of the catalog %s is damaged in the store and is not found until it is written again", item.id, self.head.name
                )
        with self._lock:
            for item in sound:
                self._columns.put(item.row, attributes.load(item.attributes))
        enough = any if isinstance(self.catalog.comparison, Fused) else all  # Fused, an item is in one index alone.
        others = [rows for name, rows in known.items() if name != vectors.WINDOW]
        windowed = set(self._read(lambda of: items.in_windows(of, chunk[0].row, chunk[-1].row))) - known[vectors.WINDOW]
        wanted = [item for item in sound if item.row in windowed or not enough(item.row in rows for rows in others)]
        added = self._read(lambda of: [Added(item.row, {}, tuple(items.vectors(of, item.row))) for item in wanted])
        for name, index in self._indexes.items():
            self._add(name, index, [each for each in added if each.row not in known[name]])

    def _apply(self, changes: Changes) -> None:
        self.last_change = max(self.last_change, changes.last)
        # A row not past the last one that was read was read too, or has been removed since.
        added = [each for each in changes.added if each.row > self._last_row]
        self._moved += len(added) + len(changes.removed)
        for each in added:
            self._columns.put(each.row, each.attributes)
        for name, index in self._indexes.items():
            self._add(name, index, added)
            index.remove(np.array(changes.removed, np.int64))
        self._columns.remove(changes.removed)
        for row, given in changes.described:
            if row in self._columns:
                self._columns.put(row, given)

    def _add(self, name: str, index: Index, added: Iterable[Added]) -> None:
        """Adds what is found by this index; a vector that is damaged is not."""
        rows, found = [], []
        for each in added:
            some = vectors.of_item(name, each.vectors, self.catalog)
            rows += [each.row] * len(some)
            found += some
        if rows:
            index.add(np.array(rows, np.int64), np.stack(found).astype(np.float32))

    def _read(self, work: Callable[[Transaction], T]) -> T:
        return self._store.read(work).result()


def identity(head: Head, name: str) -> str:
    """Names all that an index's vectors depend on."""
    catalog = definitions.catalog(head)
    told = f"{head.id} {name} {catalog.space} {catalog.dimensions} {catalog.metric} {catalog.comparison}"
    return hashlib.sha256(told.encode()).hexdigest()


def shape_of(catalog: Catalog) -> Shape:
    """The shape of a catalog's indexes."""
    return Shape(catalog.dimensions, catalog.metric, catalog.m, catalog.ef_construction, catalog.search_dimensions, catalog.rotation)
