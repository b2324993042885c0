"""What a catalog's vectors are like on the whole: what the scores of a query are seen against."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from samekind.types import Floats, Metric
from samekind_server.index.base import Gist, Index

SOME = 1_000  # Vectors of each kind that stand for all of it,
PAIRED = 250  # and so many where each is compared with each.
DUE = 0.01  # The share of vectors that may have come and gone since.


@dataclass(frozen=True, eq=False)
class Background:
    """The gist of each index that holds anything, by its name.

    `spreads`: how far cosines between two kinds lie from one another (root mean square), the means taken out; the first kind asks.
    """

    gists: Mapping[str, Gist]
    spreads: Mapping[tuple[str, str], float]

    @property
    def count(self) -> int:
        """How many vectors there are."""
        return sum(each.count for each in self.gists.values())

    def similarities(self, vectors: Mapping[str, Floats], metric: Metric) -> dict[str, Floats]:
        """How near a query, a vector for each index by its name, is to those that stand for each kind."""
        return {name: _similarities(gist.some, vectors[name], metric) for name, gist in self.gists.items()}


class Backgrounds:
    """A catalog's background, made anew once enough of it has changed. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: Background | None = None
        self._at = 0

    def now(self, moved: int, indexes: Mapping[str, Index]) -> Background:
        """The background when so many vectors have come and gone, or had shortly before: while one thread makes it anew, others take the old."""
        if (made := self._made) and (not self._due(made, moved) or self._lock.locked()):
            return made
        with self._lock:
            if self._made is None or self._due(self._made, moved):
                self._made, self._at = _made({name: index.gist(SOME) for name, index in indexes.items()}), moved
            return self._made

    def _due(self, made: Background, moved: int) -> bool:
        return moved - self._at > DUE * made.count


def _made(gists: Mapping[str, Gist]) -> Background:
    there = {name: gist for name, gist in gists.items() if len(gist.some)}
    pairs = itertools.product(there, repeat=2) if len(there) > 1 else ()
    return Background(there, {(asking, of): _spread(there[asking], there[of], asking == of) for asking, of in pairs})


def _spread(asking: Gist, of: Gist, same: bool) -> float:
    queries = asking.some[:PAIRED] - asking.mean
    queries /= np.maximum(np.linalg.norm(queries, axis=1, keepdims=True), 1e-9)
    squares = np.square(queries @ (of.some[:PAIRED] - of.mean).T)
    if same:
        np.fill_diagonal(squares, 0)
    return float(np.sqrt(squares.sum() / max(1, squares.size - (len(squares) if same else 0))))


def _similarities(some: Floats, query: Floats, metric: Metric) -> Floats:
    if metric is Metric.EUCLIDEAN:
        distances: Floats = np.linalg.norm(some - query, axis=1)
        return -distances
    products: Floats = some @ query
    return products
