"""Compares queries with vectors one by one: a quick pass chooses who may be nearest, an exact one ranks them."""

from __future__ import annotations

import math
import sys
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from samekind.errors import BadVector
from samekind.types import Floats, Metric
from samekind_server.index.base import Nearest, Rows, Shape
from samekind_server.index.table import Places, View

TINY = sys.float_info.min
LONGEST_SQUARE = 1e37  # Squared length: products of two such vectors are still finite in float32.
AT_ONCE = 1 << 22  # Scores held at a time.
TOGETHER = 64  # Queries compared at a time.
ALONE = 4  # Queries up to which each is compared by itself.
RANKED = 4096  # Vectors ranked at a time.
DENSE = 4  # Times as many vectors are compared in passing as in the same time can be picked out.
EMPTY = np.empty(0, np.int64)


def checked(vectors: Floats, shape: Shape) -> Floats:
    """The vectors as they are compared: unit for the cosine. Raises BadVector, naming the first bad one's place."""
    if vectors.ndim != 2 or vectors.shape[1] != shape.dimensions:
        size = "x".join(map(str, vectors.shape[1:]))
        raise BadVector(f"vectors of {size or 'no'} numbers cannot be compared here, where they have {shape.dimensions}")
    if len(vectors) <= RANKED:
        return _checked(vectors, shape.metric, 0).astype(np.float32)
    compared = np.empty(vectors.shape, np.float32)
    for start in range(0, len(vectors), RANKED):
        compared[start : start + RANKED] = _checked(vectors[start : start + RANKED], shape.metric, start)
    return compared


def _checked(vectors: Floats, metric: Metric, start: int) -> NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    squares = np.vecdot(wide, wide)
    least = TINY if metric is Metric.COSINE else 0.0
    bad = ~((squares >= least) & (squares <= LONGEST_SQUARE))
    if bad.any():
        _refuse(start + int(bad.argmax()), float(squares[bad][0]))
    return wide / np.sqrt(squares)[:, None] if metric is Metric.COSINE else wide


def _refuse(place: int, square: float) -> NoReturn:
    if not math.isfinite(square):
        raise BadVector(f"vector {place} is not finite, so nothing is near it; send finite numbers")
    if square < 1:
        raise BadVector(f"vector {place} is zero, so it points nowhere; send another")
    raise BadVector(
        f"vector {place} is too long, {math.sqrt(square):.3g}, for products in float32; send one of length {LONGEST_SQUARE**0.5:.2g} at most"
    )


def exactly(view: View, metric: Metric, queries: Floats, k: int, places: Places | range) -> list[Nearest]:
    """The k nearest to each query among ascending places; those that are not live are passed over."""
    found = candidates(view, metric, queries, k, places)
    return [ranked(view, metric, query, some, k, exact=True, seen=len(places)) for query, some in zip(queries, found, strict=True)]


def candidates(view: View, metric: Metric, queries: Floats, k: int, places: Places | range) -> list[Places]:
    """The places of the k nearest to each query, and of all so near the last of them that float32 could err."""
    if not len(places) or k < 1:
        return [EMPTY] * len(queries)
    together = max(1, min(TOGETHER, AT_ONCE // len(places)))
    return [some for start in range(0, len(queries), together) for some in _candidates(view, metric, queries[start : start + together], k, places)]


def _candidates(view: View, metric: Metric, queries: Floats, k: int, places: Places | range) -> list[Places]:
    scores = _compared(view, queries, places)
    chosen = slice(places.start, places.stop) if isinstance(places, range) else places
    if metric is Metric.EUCLIDEAN:
        scores *= 2
        scores -= view.squares[chosen]
    live = view.live[chosen]
    if not live.all():
        scores[:, ~live] = -np.inf
    near = [_near(row, k, margin) for row, margin in zip(scores, _margins(view, metric, queries), strict=True)]
    return [some + places.start for some in near] if isinstance(places, range) else [places[some] for some in near]


def _compared(view: View, queries: Floats, places: Places | range) -> Floats:
    """The product of each query with each place; where these lie close together, with what lies between them too."""
    span = range(int(places[0]), int(places[-1]) + 1)
    among = span if len(span) <= DENSE * len(places) else places
    scores = np.empty((len(queries), len(among)), np.float32)
    for where, vectors in view.parts(among):
        products(queries, vectors, scores[:, where])
    return scores if len(among) == len(places) else scores[:, np.asarray(places) - span.start]


def products(queries: Floats, vectors: Floats, out: Floats) -> None:
    """Each query with each vector. BLAS shares even a small product among threads, and waits 30 ms for one of them where others use the cores."""
    if len(queries) > ALONE:
        np.matmul(queries, vectors.T, out=out)
        return
    for query, each in zip(queries, out, strict=True):
        np.vecdot(vectors, query, out=each)


def _margins(view: View, metric: Metric, queries: Floats) -> list[float]:
    """How far the scores of each query may be off: what float32 loses in sums of so many products."""
    lengths = np.linalg.norm(queries.astype(np.float64), axis=1)
    reach = (lengths + view.longest) ** 2 if metric is Metric.EUCLIDEAN else lengths * view.longest
    return list((queries.shape[1] / 8 + 8) * 2.0**-23 * reach)


def _near(scores: Floats, k: int, margin: float) -> Places:
    if k >= len(scores):
        return np.flatnonzero(scores > -np.inf)
    last = np.partition(scores, len(scores) - k)[len(scores) - k]
    return np.flatnonzero(scores >= last - margin) if last > -np.inf else np.flatnonzero(scores > -np.inf)


def ranked(view: View, metric: Metric, query: Floats, places: Places, k: int, *, exact: bool, seen: int) -> Nearest:
    """The k nearest of the places, by scores that depend on the two vectors alone."""
    scores = scored(view, metric, query, places)
    rows = view.rows[places]
    order = np.lexsort((rows, -scores))[:k]
    return Nearest(rows[order], scores[order], exact, seen)


def scored(view: View, metric: Metric, query: Floats, places: Places) -> Floats:
    """The score of each place, (n,) float32, computed in float64 and the same in whatever company."""
    wide = query.astype(np.float64)
    if not len(places):
        return np.empty(0, np.float32)
    if len(places) <= RANKED:
        return _scored(view.vectors(places), wide, metric)
    parts = [_scored(view.vectors(places[start : start + RANKED]), wide, metric) for start in range(0, len(places), RANKED)]
    return np.concatenate(parts)


def _scored(vectors: Floats, query: NDArray[np.float64], metric: Metric) -> Floats:
    if metric is Metric.EUCLIDEAN:
        apart = vectors - query
        distances: Floats = np.sqrt(np.vecdot(apart, apart)).astype(np.float32)
        return 0 - distances
    products: Floats = np.vecdot(vectors.astype(np.float64), query).astype(np.float32)
    return np.clip(products, -1, 1) if metric is Metric.COSINE else products


def ascending(rows: Rows, last: int) -> None:
    """Raises ValueError where rows do not ascend from above the last."""
    if len(rows) and (int(rows[0]) <= last or (np.diff(rows) <= 0).any()):
        raise ValueError(f"rows are added in ascending order, each above all before; {int(rows[0])} and those after it come after {last}")
