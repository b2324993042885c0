"""Rows of several vectors each: a row is as near as the nearest of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from samekind.types import Floats, Metric
from samekind_server.index.base import Bools, Gist, Index, Nearest, Opened, Rows, Shape, Stats, Step, unwatched

BITS = 10  # A vector's label is its row with its number, below 2 ** BITS, behind.
MOST = 1 << BITS
ZERO = 1e-6
AT_FIRST, WIDER = 2, 4  # Times as many vectors as rows are asked for, and times more where they are of too few rows.


@dataclass(frozen=True, eq=False)
class Several:
    """As in Index, but that a row may come several times in what is added at once; `vectors` are the means. `inner` has the vectors themselves."""

    inner: Index
    metric: Metric

    def add(self, rows: Rows, vectors: Floats) -> None:
        """As in Index; a row's vectors stand together, all in one call."""
        numbers = np.arange(len(rows)) - np.searchsorted(rows, rows)
        if len(numbers) and numbers.max() >= MOST:
            raise ValueError(f"a row has at most {MOST} vectors, and here one has {numbers.max() + 1}")
        self.inner.add((rows << BITS) + numbers, vectors)

    def remove(self, rows: Rows) -> int:
        """As in Index."""
        labels = self._labels(np.sort(rows))
        self.inner.remove(labels)
        return len(np.unique(labels >> BITS))

    def nearest(self, queries: Floats, k: int, *, allowed: Rows | None = None, exact: bool = False, effort: int = 0) -> list[Nearest]:
        """As in Index; `seen` counts vectors."""
        labels, most = None if allowed is None else self._labels(allowed), AT_FIRST * k
        while True:
            found = self.inner.nearest(queries, most, allowed=labels, exact=exact, effort=effort)
            best = [_best(each, k) for each in found]
            if all(len(one.rows) == k or len(each.rows) < most for one, each in zip(best, found, strict=True)):
                return best
            most *= WIDER

    def near(self, queries: Floats, k: int, *, allowed: Rows | None = None) -> list[Rows]:
        """As in Index: the very same, as of few vectors none is to be missed."""
        return [one.rows for one in self.nearest(queries, k, allowed=allowed)]

    def vectors(self, rows: Rows) -> Floats:
        """The mean of each row's vectors, (n, dimensions), in the order of `rows`. Raises KeyError where one is not live."""
        labels = self.inner.rows()
        begins, ends = np.searchsorted(labels, rows << BITS), np.searchsorted(labels, (rows + 1) << BITS)
        if (begins == ends).any():
            raise KeyError(int(rows[np.argmax(begins == ends)]))
        means = [mean(self.inner.vectors(labels[begin:end]), self.metric) for begin, end in zip(begins, ends, strict=True)]
        return np.stack(means) if means else self.inner.vectors(labels[:0])

    def reshape(self, shape: Shape) -> None:
        """As in Index."""
        self.inner.reshape(shape)

    @property
    def is_empty(self) -> bool:
        """As in Index."""
        return self.inner.is_empty

    def rows(self) -> Rows:
        """As in Index."""
        return np.unique(self.inner.rows() >> BITS)

    def has(self, rows: Rows) -> Bools:
        """As in Index; a row's vectors are removed together, so that the first tells."""
        return self.inner.has(rows << BITS)

    def gist(self, most: int) -> Gist:
        """As in Index, of all vectors."""
        return self.inner.gist(most)

    def room(self, count: int, timeout: float) -> bool:
        """As in Index, for so many vectors."""
        return self.inner.room(count, timeout)

    def tend(self) -> bool:
        """As in Index."""
        return self.inner.tend()

    def save(self, folder: Path, *, identity: str, change: int, step: Step = unwatched) -> None:
        """As in Index."""
        self.inner.save(folder, identity=identity, change=change, step=step)

    def stats(self) -> Stats:
        """As in Index; numbers are of vectors."""
        return self.inner.stats()

    def close(self) -> None:
        """As in Index."""
        self.inner.close()

    def _labels(self, rows: Rows) -> Rows:
        """The live labels of these rows, both ascending."""
        labels = self.inner.rows()
        begins, ends = np.searchsorted(labels, rows << BITS), np.searchsorted(labels, (rows + 1) << BITS)
        marks = np.zeros(len(labels) + 1, np.int64)
        np.add.at(marks, begins, 1)
        np.add.at(marks, ends, -1)
        return labels[np.cumsum(marks[:-1]) > 0]


def opened(inner: Opened, shape: Shape) -> Opened:
    """What was opened, for rows of several vectors."""
    return replace(inner, index=Several(inner.index, shape.metric))


def mean(vectors: Floats, metric: Metric) -> Floats:
    """The mean of vectors, for the cosine unit; of opposites the first."""
    total = vectors.astype(np.float64).mean(axis=0)
    length = float(np.linalg.norm(total)) if metric is Metric.COSINE else 1.0
    made: Floats = (total / length).astype(np.float32) if length > ZERO else vectors[0]
    return made


def _best(found: Nearest, k: int) -> Nearest:
    """Each row where its nearest vector stands."""
    rows = found.rows >> BITS
    first = np.sort(np.unique(rows, return_index=True)[1])[:k]
    return replace(found, rows=rows[first], scores=found.scores[first])
