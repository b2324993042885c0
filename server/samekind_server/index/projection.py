"""Fewer numbers in place of a vector, for the graph alone: its first ones, or its place along the axes that tell the vectors apart best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from samekind.types import Floats, Metric, Rotation
from samekind_server.index import scan
from samekind_server.index.base import Shape
from samekind_server.index.table import View

SAMPLE = 10_000  # Vectors that the axes are fitted to, at most.


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
    places = np.flatnonzero(view.live)
    sample = np.random.default_rng(len(places)).permutation(places)[:SAMPLE]
    return Projection(shape.searched, _axes(view.vectors(np.sort(sample)), shape))


def _axes(vectors: Floats, shape: Shape) -> Floats:
    """The first principal axes. Distances do not change where all vectors move alike, so those are fitted around the mean; products do."""
    wide = vectors.astype(np.float64)
    if shape.metric is not Metric.DOT:
        wide -= wide.mean(axis=0)
    _, axes = np.linalg.eigh(wide.T @ wide)
    return np.ascontiguousarray(axes[:, ::-1][:, : shape.searched].T, dtype=np.float32)
