"""Keeps vectors by row number, in blocks that never move, so that many read while one writes."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from samekind.types import Floats
from samekind_server.index.base import Bools, Gist, Rows

Kind = TypeVar("Kind", bound=np.generic)
Places = NDArray[np.intp]

BLOCK = 1 << 22  # Numbers in a block; each is memory of its own, which goes back to the system whole.
FEW = 64  # Vectors up to which picking them one by one is the quickest.
COPIED = 1024  # Vectors copied at a time.
ROOM = 1024
SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: multiples of it, modulo 2^64, lie evenly.


@dataclass(frozen=True, eq=False)
class View:
    """A table at one moment, by place: rows ascending. What is removed later shows in `live`; what is added later does not show.

    `squares` are the vectors' squared lengths, `longest` is the length of the longest, `alive` is how many were live, and `total` is their sum.
    """

    rows: Rows
    live: Bools
    alive: int
    squares: Floats
    longest: float
    blocks: list[Floats]
    total: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)

    def places(self, rows: Rows) -> Places:
        """Where those of the rows are that are live, in their order."""
        places, there = self._found(rows)
        return places[there]

    def has(self, rows: Rows) -> Bools:
        """Which of the rows are live, in their order."""
        return self._found(rows)[1]

    def of(self, rows: Rows) -> Floats:
        """A copy of the rows' vectors, in their order. Raises KeyError where one is not live."""
        places = self.places(rows)
        if len(places) < len(rows):
            raise KeyError(f"row {int(np.setdiff1d(rows, self.rows[places])[0])} is not in the index")
        return self.vectors(places)

    def vectors(self, places: Places) -> Floats:
        """A copy of the vectors, (n, dimensions), in the order of the places."""
        found = np.empty((len(places), self.blocks[0].shape[1]) if self.blocks else (0, 0), np.float32)
        size = len(self.blocks[0]) if self.blocks else 1
        if len(places) <= FEW:
            for number, place in enumerate(places.tolist()):
                found[number] = self.blocks[place // size][place % size]
            return found
        order = np.argsort(places, kind="stable")
        for start, stop, block in self._pieces(places[order]):
            found[order[start:stop]] = self.blocks[block][places[order[start:stop]] - block * size]
        return found

    def gist(self, most: int) -> Gist:
        """As in Index."""
        places = np.flatnonzero(self.live)
        if len(places) > most:
            keys = self.rows[places].astype(np.uint64) * SPREAD
            places = places[np.sort(np.argpartition(keys, most)[:most])]
        return Gist(self.alive, self.total / max(1, self.alive), self.vectors(places))

    def parts(self, places: Places | range) -> Iterator[tuple[slice, Floats]]:
        """The vectors of ascending places a block at a time, with where among the places they are."""
        size = len(self.blocks[0]) if self.blocks else 1
        for start, stop, block in self._pieces(places):
            if places[stop - 1] - places[start] == stop - start - 1:
                yield slice(start, stop), self.blocks[block][places[start] - block * size : places[stop - 1] + 1 - block * size]
            else:
                yield slice(start, stop), self.blocks[block][np.asarray(places[start:stop]) - block * size]

    def _found(self, rows: Rows) -> tuple[Places, Bools]:
        """Where each row would be, and whether it is there and live."""
        if not len(self):
            return np.zeros(len(rows), np.intp), np.zeros(len(rows), np.bool_)
        places = np.minimum(np.searchsorted(self.rows, rows), len(self) - 1)
        return places, (self.rows[places] == rows) & self.live[places]

    def _pieces(self, places: Places | range) -> Iterator[tuple[int, int, int]]:
        """From where to where ascending places lie in one block, and in which."""
        start, size = 0, len(self.blocks[0]) if self.blocks else 1
        while start < len(places):
            block = int(places[start]) // size
            end = (block + 1) * size
            stop = min(len(places), end - places.start) if isinstance(places, range) else int(np.searchsorted(places, end))
            yield start, stop, block
            start = stop


class Table:
    """One thread at a time writes; any number look at it meanwhile."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self.size = 0  # Set last, so that a view never shows what is not yet there.
        self.live = 0
        self._rows, self._live, self._squares = np.empty(ROOM, np.int64), np.empty(ROOM, np.bool_), np.empty(ROOM, np.float32)
        self._longest = 0.0
        self._total = np.zeros(dimensions)
        self._blocks: list[Floats] = []
        self._block = max(1, BLOCK // dimensions)

    @property
    def last(self) -> int:
        """The highest row there ever was; -1 before the first."""
        return int(self._rows[self.size - 1]) if self.size else -1

    @property
    def memory(self) -> int:
        """Bytes that its rows take."""
        return self.size * (4 * self.dimensions) + len(self._rows) * 13

    def view(self) -> View:
        """What is in it now."""
        size, alive = self.size, self.live
        return View(self._rows[:size], self._live[:size], alive, self._squares[:size], self._longest, self._blocks, self._total)

    def append(self, rows: Rows, vectors: Floats) -> None:
        """Takes rows above all before, ascending, with vectors that were checked."""
        start, stop = self.size, self.size + len(rows)
        self._grow(stop)
        for block in range(start // self._block, -(-stop // self._block)):
            first, last = max(start, block * self._block), min(stop, (block + 1) * self._block)
            self._blocks[block][first - block * self._block : last - block * self._block] = vectors[first - start : last - start]
        squares = np.vecdot(vectors, vectors)
        self._rows[start:stop], self._live[start:stop], self._squares[start:stop] = rows, True, squares
        self._longest = max(self._longest, float(np.sqrt(squares.max(initial=0))))
        self._total = self._total + vectors.sum(0, np.float64)  # Another array, as views hold the one before.
        self.live += len(rows)
        self.size = stop

    def remove(self, rows: Rows) -> Rows:
        """Those of the rows that were live, ascending; they no longer are."""
        view = self.view()
        places = np.unique(view.places(rows))
        view.live[places] = False
        for _, vectors in view.parts(places):
            self._total = self._total - vectors.sum(0, np.float64)
        self.live -= len(places)
        return view.rows[places]

    def fill(self, rows: Rows, parts: Iterable[tuple[Rows, Floats]]) -> Rows:
        """Makes an empty table one of these ascending rows; the parts' other rows are answered. Raises ValueError where some have no vector."""
        self._grow(len(rows))
        self._rows[: len(rows)], self._live[: len(rows)] = rows, False
        others = [self._placed(rows, *part) for part in parts]
        missing = len(rows) - np.count_nonzero(self._live[: len(rows)])
        if missing:
            raise ValueError(f"{missing:,} of {len(rows):,} vectors are missing")
        self._longest = float(np.sqrt(self._squares[: len(rows)].max(initial=0)))
        self.size = self.live = len(rows)
        return np.concatenate([np.empty(0, np.int64), *others])

    def _placed(self, rows: Rows, some: Rows, vectors: Floats) -> Rows:
        """Puts in what belongs to the rows; answers what does not."""
        places = np.searchsorted(rows, some)
        here = places < len(rows)
        here[here] = rows[places[here]] == some[here]
        places, vectors, others = places[here], vectors[here], some[~here]
        for block in np.unique(places // self._block):
            inside = places // self._block == block
            self._blocks[block][places[inside] - block * self._block] = vectors[inside]
        self._live[places], self._squares[places] = True, np.vecdot(vectors, vectors)
        self._total = self._total + vectors.sum(0, np.float64)
        return others

    def copied(self, *, stop: int) -> Table:
        """A table of what is live among its first `stop` places."""
        copied, view = Table(self.dimensions), self.view()
        places = np.flatnonzero(view.live[:stop])
        for start in range(0, len(places), COPIED):
            some = places[start : start + COPIED]
            copied.append(view.rows[some], view.vectors(some))
        return copied

    def _grow(self, size: int) -> None:
        while len(self._blocks) * self._block < size:
            self._blocks.append(_memory(self._block, self.dimensions))
        if size > len(self._rows):
            room = max(size, len(self._rows) * 3 // 2)
            self._rows, self._live, self._squares = _longer(self._rows, room), _longer(self._live, room), _longer(self._squares, room)


def _memory(rows: int, dimensions: int) -> Floats:
    """Memory straight from the system, which gets it back; in huge pages where it has them, as they are quicker to go through."""
    memory = mmap.mmap(-1, 4 * rows * dimensions)
    with suppress(AttributeError, OSError):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, np.float32).reshape(rows, dimensions)


def _longer(array: NDArray[Kind], size: int) -> NDArray[Kind]:
    longer = np.empty(size, array.dtype)
    longer[: len(array)] = array
    return longer
