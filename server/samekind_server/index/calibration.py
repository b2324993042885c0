"""Measures what comparing vectors and walking a graph cost on this machine, so that the quicker way is taken here too."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from scipy.optimize import nnls

from samekind.types import Floats
from samekind_server.index.base import Shape
from samekind_server.index.costs import NEVER_COMPARED, Costs
from samekind_server.index.hnsw import Hnsw

COUNT = 20_000
SHAPES = (Shape(256), Shape(256, search_dimensions=64), Shape(64))
CANDIDATES = (192, 384, 768)
PICKED = 2000
QUERIES = 40
LEAST = 1e-9  # No cost is nothing.


def measured(count: int = COUNT) -> Costs:
    """Of one query among so many vectors; takes some ten seconds."""
    indexes = [_filled(shape, count) for shape in SHAPES]
    points = [point for index in indexes for point in _walked(index)]
    # Each point counts the same, however long it took.
    found, _ = nnls(np.array([np.divide(terms, took) for terms, took in points]), np.ones(len(points)))
    number, picked = _compared(indexes[0], count)
    walk, candidate, walked, ranked = (max(LEAST, float(cost)) for cost in found)
    return Costs(number, picked, walk, candidate, walked, ranked)


def drawn(count: int, dimensions: int, seed: int = 0) -> Floats:
    """Vectors around a few hundred centres that are always the same, as those of like things are."""
    centres, chance = np.random.default_rng(dimensions).normal(size=(200, dimensions)), np.random.default_rng(seed)
    return (centres[chance.integers(0, len(centres), count)] + 0.8 * chance.normal(size=(count, dimensions))).astype(np.float32)


def micros(ask: Callable[[Floats], object], queries: Floats) -> float:
    """Processor time of one query where little disturbs it: a quarter of them took less, asked one after the other."""
    took = []
    for query in queries[:, None]:
        began = time.thread_time()
        ask(query)
        took.append(time.thread_time() - began)
    return 1e6 * float(np.percentile(took, 25))


def _filled(shape: Shape, count: int) -> Hnsw:
    index = Hnsw(shape, costs=NEVER_COMPARED, graph_from=1)
    index.add(np.arange(count), drawn(count, shape.dimensions))
    while index.tend():
        pass
    return index


def _walked(index: Hnsw) -> Iterator[tuple[tuple[float, ...], float]]:
    """What each cost counts for, and the microseconds it came to."""
    shape, queries, least = index.shape, drawn(QUERIES, index.shape.dimensions, seed=1), index.stats().effort
    for wanted in (least, *(some for some in CANDIDATES if some > least)):
        took = micros(partial(index.nearest, k=10, effort=wanted), queries)
        yield (1.0, wanted, wanted * shape.searched, wanted * shape.dimensions), took


def _compared(index: Hnsw, count: int) -> tuple[float, float]:
    """Microseconds for one number in passing, and for one of a vector that was picked out."""
    dimensions, queries = index.shape.dimensions, drawn(QUERIES, index.shape.dimensions, seed=1)
    some = np.sort(np.random.default_rng(2).permutation(count)[: min(PICKED, count // 10)])
    passing = micros(lambda query: index.nearest(query, 10, exact=True), queries) / (count * dimensions)
    picking = micros(lambda query: index.nearest(query, 10, allowed=some, exact=True), queries) / (len(some) * dimensions)
    return passing, picking
