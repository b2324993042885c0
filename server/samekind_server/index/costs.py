"""Tells whether comparing every vector or walking the graph is quicker, in microseconds as measured on one core."""

from __future__ import annotations

from dataclasses import dataclass

from samekind_server.index.base import Shape


@dataclass(frozen=True)
class Costs:
    """Of one query; `samekind tune` measures a machine's own."""

    number: float = 0.00015  # One number compared in passing,
    picked: float = 0.0006  # and one of a vector that was picked out.
    walk: float = 50.0
    candidate: float = 0.5  # Each row a graph is asked for,
    walked: float = 0.0023  # each number of it that the graph goes by,
    ranked: float = 0.0007  # and each number of the whole vector.

    def exact(self, rows: int, dimensions: int, *, picked: bool) -> float:
        """Comparing so many vectors."""
        return rows * dimensions * (self.picked if picked else self.number)

    def graph(self, candidates: int, shape: Shape) -> float:
        """Walking the graph for so many rows."""
        return self.walk + candidates * (self.candidate + self.walked * shape.searched + self.ranked * shape.dimensions)


NEVER_COMPARED = Costs(number=1e9, picked=1e9)
