"""Keeps copies of one vector out of a graph when they are many, and finds them all the same.

A graph of a thousand copies leads from one to the next and seldom out again: where a twentieth of 20,000 vectors were the same, other
queries missed 4 % of their nearest, where a tenth were, 16 %. A picture that stands for a missing one is such a vector.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from samekind.types import Floats, Metric
from samekind_server.index import scan
from samekind_server.index.base import Rows
from samekind_server.index.table import Table

COPIES = 16  # Of one vector in a graph; no more do harm.
COUNTERS = 1 << 20
SPREAD = np.uint64(0x9E3779B97F4A7C15)


class Twins:
    """Rows set aside, by the vector they share. Vectors are counted by a hash: where it errs one is set aside in vain, and found still."""

    def __init__(self, dimensions: int, capacity: int) -> None:
        self._counts = np.zeros(max(COUNTERS, 8 * capacity), np.uint8)
        self._key = np.random.default_rng(dimensions).normal(size=dimensions).astype(np.float32)
        self._kinds: dict[bytes, int] = {}
        self._rows: list[Rows] = []
        self._vectors = Table(dimensions)  # One of each kind; its row is the kind's number.

    @property
    def memory(self) -> int:
        """Bytes it takes."""
        return self._counts.nbytes + (self._vectors.memory if self._rows else 0) + sum(rows.nbytes for rows in self._rows)

    def __bool__(self) -> bool:
        return bool(self._rows)

    def few(self, vectors: Floats) -> NDArray[np.bool_]:
        """Which of the vectors have few copies so far, these counted."""
        counters = (np.vecdot(vectors, self._key).view(np.uint32) * SPREAD >> np.uint64(20)) % np.uint64(len(self._counts))
        few = np.empty(len(vectors), np.bool_)
        for number, counter in enumerate(counters.tolist()):
            few[number] = self._counts[counter] < COPIES
            self._counts[counter] += few[number]
        return few

    def put(self, rows: Rows, vectors: Floats) -> None:
        """Sets rows aside; those of one vector come in ascending order."""
        kinds = np.array([self._kind(vector) for vector in vectors], np.int64)
        for kind in np.unique(kinds).tolist():
            self._rows[kind] = np.concatenate([self._rows[kind], rows[kinds == kind]])

    def near(self, metric: Metric, queries: Floats, k: int) -> list[list[Rows]]:
        """For each query the rows of the k nearest kinds, kind by kind, and of those as near as the last of them."""
        view = self._vectors.view()
        return [[self._rows[kind] for kind in kinds] for kinds in scan.candidates(view, metric, queries, k, range(len(view)))]

    def every(self) -> list[Rows]:
        """All rows set aside, kind by kind."""
        return [*self._rows]

    def saved(self, live: Rows) -> tuple[Rows, Rows, Floats]:
        """The live rows set aside, the number of each one's vector, and those vectors."""
        rows = [np.intersect1d(some, live, assume_unique=True) for some in self._rows]
        kinds = [np.full(len(some), kind) for kind, some in enumerate(rows)]
        none = np.empty(0, np.int64)
        return np.concatenate([none, *rows]), np.concatenate([none, *kinds]), self._vectors.view().vectors(np.arange(len(rows)))

    def load(self, rows: Rows, kinds: Rows, vectors: Floats) -> None:
        """Sets aside what was `saved`."""
        starts = np.searchsorted(kinds, np.arange(len(vectors) + 1))
        for start, stop, vector in zip(starts, starts[1:], vectors, strict=False):
            if start < stop:
                self._rows[self._kind(vector)] = rows[start:stop]

    def _kind(self, vector: Floats) -> int:
        kind = self._kinds.setdefault(vector.tobytes(), len(self._rows))
        if kind == len(self._rows):
            self._vectors.append(np.array([kind]), vector[None])
            self._rows.append(np.empty(0, np.int64))
        return kind
