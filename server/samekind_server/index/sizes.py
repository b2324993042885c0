"""Tells what graphs by fewer numbers would find of one's own vectors, how fast, and in how much memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from samekind.types import Floats, Rotation
from samekind_server.index import projection, scan
from samekind_server.index.base import Nearest, Shape
from samekind_server.index.calibration import micros
from samekind_server.index.costs import NEVER_COMPARED
from samekind_server.index.graph import Graph, capacity
from samekind_server.index.table import Table, View
from samekind_server.index.walk import Walk

EFFORTS = (96, 192, 384)
FEWEST = 16  # Numbers that a graph goes by, at the least.
QUERIES = 100
NEIGHBOURS = 10


@dataclass(frozen=True)
class Size:
    """Of a graph by so many numbers that looks at so many candidates: the share of the nearest 10 it finds, microseconds a query, bytes a vector."""

    dimensions: int
    rotation: Rotation
    effort: int
    recall: float
    micros: float
    bytes_each: float


def shapes(whole: Shape) -> Iterator[Shape]:
    """By all numbers, by a half, by a quarter and by an eighth: the first ones, and those after a rotation."""
    yield replace(whole, search_dimensions=0)
    for fewer in (whole.dimensions // share for share in (2, 4, 8)):
        if fewer >= FEWEST:
            yield from (replace(whole, search_dimensions=fewer, rotation=rotation) for rotation in Rotation)


def measured(shape: Shape, vectors: Floats, *, threads: int = 1) -> Iterator[Size]:
    """One for each effort. Queries lie between two of the vectors, and are compared with all of them for what is true."""
    view, queries = _table(shape, vectors), _between(vectors)
    compared = scan.checked(queries, shape)
    true = scan.exactly(view, shape.metric, compared, NEIGHBOURS, range(len(view)))
    graph = Graph(shape, capacity(len(view)), projection.fitted(shape, view))
    graph.add(view.rows, view.vectors(np.arange(len(view))), threads)
    graph.mark = int(view.rows[-1])
    # The counters of twins do not grow with the vectors before there are many.
    each = (graph.memory - graph.twins.memory) / len(view) + 4 * shape.dimensions + 8
    for effort in EFFORTS:
        graph.tune(effort)
        walk = Walk(view, shape.metric, graph, NEVER_COMPARED, min(NEIGHBOURS, len(view)), None)
        recall, took = _recall(walk.nearest(compared, 0), true), micros(partial(walk.nearest, effort=0), compared)
        yield Size(shape.searched, shape.rotation, effort, recall, took, each)


def _table(shape: Shape, vectors: Floats) -> View:
    table = Table(shape.dimensions)
    table.append(np.arange(len(vectors)), scan.checked(vectors, shape))
    return table.view()


def _between(vectors: Floats) -> Floats:
    one, other = np.random.default_rng(len(vectors)).integers(0, len(vectors), (2, QUERIES))
    between: Floats = (0.55 * vectors[one] + 0.45 * vectors[other]).astype(np.float32)
    return between


def _recall(found: list[Nearest], true: list[Nearest]) -> float:
    """The share of answers as near as the true ones: equals count alike."""
    return float(np.mean([np.mean(one.scores >= other.scores[-1]) for one, other in zip(found, true, strict=True)]))
