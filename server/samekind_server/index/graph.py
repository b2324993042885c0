"""Holds one graph of hnswlib, and knows each of its traps."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from platform import machine

import hnswlib
import numpy as np
from numpy.typing import NDArray

from samekind.types import Floats, Metric
from samekind_server.index.base import Rows, Shape
from samekind_server.index.gate import Gate
from samekind_server.index.projection import Projection
from samekind_server.index.twins import Twins

EF = 96  # Candidates of a search, at least.
SPACES = {Metric.COSINE: "ip", Metric.DOT: "ip", Metric.EUCLIDEAN: "l2"}  # Vectors are unit already where the cosine is meant.
FORMAT = f"hnswlib {version('hnswlib')} {machine()}"  # What else reads its files may read them wrongly, or die.
HEADER = struct.Struct("<6QiI3QdQ")  # Of its files: see `vectors`.
LISTS = 54  # Bytes of locks, levels and marks for each vector there is room for,
LABEL = 40  # and of the table of labels for each that is there.
READ = 4096  # Vectors read at a time.
CORES = os.cpu_count() or 1


class Graph:
    """Adding, marking, tuning, saving and reserving need `gate.alone()` (or a graph nobody asks yet); `nearest` needs `with gate`.

    hnswlib forgives nothing else: added to beside a search it answers wrongly, resized beside one it takes the process with it.
    """

    def __init__(self, shape: Shape, capacity: int, projection: Projection, file: Path | None = None) -> None:
        self.gate = Gate()
        self.mark = -1  # Every live row up to this one is in it, or set aside with its twins.
        self.removed = 0
        self.unmarked: list[Rows] = []  # Removed rows that it still answers with.
        self.shape, self.projection = shape, projection
        self.twins = Twins(shape.dimensions, capacity)
        self._index = hnswlib.Index(_space(shape), shape.searched)
        if file is None:
            self._index.init_index(capacity, M=shape.m, ef_construction=shape.ef_construction)
        else:
            self._index.load_index(os.fspath(file), max_elements=capacity)
        self.tuned = 0  # Its size when it was last tuned.
        self.worn = False  # The vectors that came since it was begun are told apart badly by its numbers.
        self.tune(EF)
        self._index.set_ef(1)  # That is state of the whole graph: who wants more candidates asks for more rows, and the larger number counts.
        self._index.set_num_threads(1)

    @property
    def size(self) -> int:
        """How many vectors are in it, removed ones too."""
        return int(self._index.element_count)

    @property
    def live(self) -> int:
        """How many it may answer with."""
        return self.size - self.removed

    @property
    def memory(self) -> int:
        """Bytes it takes."""
        return int(self._index.index_file_size()) + LISTS * int(self._index.max_elements) + LABEL * self.size + self.twins.memory

    def tune(self, ef: int) -> None:
        """So many candidates are looked at from now on, where nobody says how many."""
        self.ef, self.tuned = ef, self.size

    def has_room(self, count: int) -> bool:
        """Whether so many more fit without `reserve`."""
        return self.size + count <= int(self._index.max_elements)

    def reserve(self, count: int) -> None:
        """Makes room for so many more, and some."""
        if not self.has_room(count):
            self._index.resize_index((self.size + count) * 5 // 4 + 1024)

    def add(self, rows: Rows, vectors: Floats, threads: int) -> None:
        """Puts rows in that are not in it, or sets them aside; there must be room."""
        few = self.twins.few(vectors)
        if few.any():
            self._index.add_items(self._placed(vectors[few]), rows[few].astype(np.uint64), num_threads=threads)
        self.twins.put(rows[~few], vectors[~few])

    def remove(self, rows: Rows) -> None:
        """Marks rows removed; those that never were in it are passed over."""
        for row in rows.tolist():
            with suppress(RuntimeError):
                self._index.mark_deleted(row)
                self.removed += 1

    def nearest(self, queries: Floats, k: int, candidates: int = 0) -> Rows | None:
        """The rows (n, k) near each query among so many candidates, some of them perhaps `unmarked`; None where it cannot reach so many."""
        try:
            labels, _ = self._index.knn_query(self._placed(queries), k=max(k, min(candidates, self.live)), num_threads=threads(len(queries)))
        except RuntimeError:
            return None
        found: Rows = labels[:, :k].astype(np.int64)
        return found

    def _placed(self, vectors: Floats) -> Floats:
        return self.projection(vectors) if self.shape.reduced else vectors

    def save(self, file: Path) -> None:
        """Writes it whole; hnswlib itself says nothing when the disk is full. Raises OSError."""
        self._index.save_index(os.fspath(file))
        size, written = int(self._index.index_file_size()), file.stat().st_size
        if written != size:
            raise OSError(28, f"{written:,} of {size:,} bytes could be written; make room on the disk", os.fspath(file))


def _space(shape: Shape) -> str:
    """How hnswlib compares. What is left of unit vectors is not unit, and told apart best by distance."""
    return "l2" if shape.reduced and shape.metric is Metric.COSINE else SPACES[shape.metric]


def least(threads: int) -> int:
    """The fewest rows that hnswlib adds, or queries that it answers, in so many threads; fewer it does in one, whatever it was told."""
    return 4 * threads + 1 if threads > 1 else 1


def threads(queries: int) -> int:
    """In how many threads so many queries are answered."""
    return max(1, min(CORES, (queries - 1) // 4))


def capacity(count: int) -> int:
    """Room for so many vectors, and some."""
    return count + count // 8 + 1024


def vectors(file: Path, shape: Shape) -> Iterator[tuple[Rows, Floats]]:
    """All rows of a saved graph and what it keeps of their vectors, some thousands at a time. Raises ValueError where it is not of this shape.

    Taken from the file, as hnswlib itself takes 19 µs to hand out one vector, and holds Python up meanwhile.
    """
    links, length = 4 + 8 * shape.m, 4 * shape.searched
    element = np.dtype([("links", np.void, links), ("vector", "<f4", (shape.searched,)), ("row", "<i8")])
    with file.open("rb") as opened:
        first, _, count, size, row_at, vector_at, _, _, *shaped = HEADER.unpack(opened.read(HEADER.size))
        if (first, size, row_at, vector_at) != (0, element.itemsize, links + length, links) or shaped[:3] != [shape.m, 2 * shape.m, shape.m]:
            raise ValueError("its layout is not what this index has")
        for start in range(0, count, READ):
            some: NDArray[np.void] = np.fromfile(opened, element, min(READ, count - start))
            yield some["row"].astype(np.int64), some["vector"].astype(np.float32)
