"""Fewer numbers in place of a vector, for the graph alone: its first ones, or its place along the axes that tell the vectors apart best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samekind.types import Floats, Metric, Rotation
from samekind_server.index import scan
from samekind_server.index.base import Shape
from samekind_server.index.table import View

SAMPLE = 10_000  # Vectors that the axes are fitted to, at most.
WORN = 1.25  # Times as much of the vectors as axes fitted now would lose is too much to lose,
MUCH = 0.02  # where that much of all is at stake.


@dataclass(frozen=True, eq=False)
class Projection:
    """What a graph keeps of each vector and query: `size` numbers, along the `axes` (size, dimensions), or else the first ones."""

    size: int
    axes: Floats | None = None

    def __call__(self, vectors: Floats) -> Floats:
        """The numbers of each vector, (n, size)."""
        if self.axes is None:
            return np.ascontiguousarray(vectors[:, : self.size])
        placed = np.empty((len(vectors), self.size), np.float32)
        scan.products(vectors, self.axes, placed)
        return placed


def fitted(shape: Shape, view: View) -> Projection:
    """The projection of a shape, fitted to a sample of what is there."""
    if not shape.reduced or shape.rotation is Rotation.PREFIX:
        return Projection(shape.searched)
    return Projection(shape.searched, _axes(_sample(shape, view), shape.searched))


def worn(projection: Projection, shape: Shape, view: View) -> bool:
    """Whether axes fitted to what is there now would tell the vectors apart much better."""
    if projection.axes is None:
        return False
    sample = _sample(shape, view)
    before, after = (np.square(sample @ axes.T.astype(np.float64)).sum() for axes in (projection.axes, _axes(sample, shape.searched)))
    whole = np.square(sample).sum()
    return bool(whole - before > WORN * (whole - after) + MUCH * whole)


def _sample(shape: Shape, view: View) -> NDArray[np.float64]:
    """Some of the live vectors. Distances do not change where all vectors move alike, so those are taken from the mean; products do."""
    places = np.flatnonzero(view.live)
    some = np.random.default_rng(len(places)).permutation(places)[:SAMPLE]
    wide = view.vectors(np.sort(some)).astype(np.float64)
    return wide if shape.metric is Metric.DOT else wide - wide.mean(axis=0)


def _axes(vectors: NDArray[np.float64], size: int) -> Floats:
    """The first principal axes."""
    _, axes = np.linalg.eigh(vectors.T @ vectors)
    return np.ascontiguousarray(axes[:, ::-1][:, :size].T, dtype=np.float32)
