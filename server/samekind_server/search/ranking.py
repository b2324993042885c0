"""Chooses among ranked rows: those similar enough, the best of each group, and those that differ from one another."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from samekind.types import Floats, Metric
from samekind_server.catalog.candidates import Ranked


def without(ranked: Ranked, rows: Collection[int]) -> Ranked:
    """All but these rows."""
    return ranked.at(~np.isin(ranked.rows, list(rows))) if rows else ranked


def similar(ranked: Ranked, least: float | None) -> Ranked:
    """Those whose similarity is at least so much."""
    return ranked if least is None else ranked.at(ranked.similarities >= np.float32(least))


def grouped(ranked: Ranked, groups: NDArray[np.int64], each: int) -> Ranked:
    """The best so many of each group; what is of no group, -1, stays."""
    order, every = np.argsort(groups, kind="stable"), np.arange(len(groups))
    begins = np.diff(groups[order], prepend=-2) != 0
    number = np.empty_like(every)
    number[order] = every - np.maximum.accumulate(np.where(begins, every, 0))
    return ranked.at((number < each) | (groups < 0))


def diverse(ranked: Ranked, vectors: Floats, metric: Metric, count: int, diversity: float) -> Ranked:
    """So many of the rows, one after the other: each the best of those left by its score and by how unlike all before it is.

    Maximal marginal relevance (Carbonell and Goldstein, 1998), with λ = 1 - diversity. Of equals the better ranked.
    """
    value = (1 - diversity) * ranked.scores.astype(np.float64)
    nearest = np.full(len(ranked), -np.inf)
    chosen = np.zeros(0, np.intp)
    while len(chosen) < min(count, len(ranked)):
        marginal = value - diversity * nearest if len(chosen) else value.copy()
        marginal[chosen] = -np.inf
        best = int(np.argmax(marginal))
        chosen = np.append(chosen, best)
        nearest = np.maximum(nearest, _likeness(vectors, vectors[best], metric))
    return ranked.at(chosen)


def _likeness(vectors: Floats, one: Floats, metric: Metric) -> NDArray[np.float64]:
    """How near each is to one of them, by the metric."""
    likeness: NDArray[np.float64] = np.vecdot(vectors, one).astype(np.float64)
    return -np.linalg.norm(vectors - one, axis=1) if metric is Metric.EUCLIDEAN else likeness
