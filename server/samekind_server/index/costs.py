"""Tells whether comparing every vector or walking the graph is quicker, in microseconds as measured on one core."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Costs:
    """Of one query."""

    number: float = 0.00015  # One number compared in passing,
    picked: float = 0.0006  # and one of a vector that was picked out.
    walk: float = 50.0
    candidate: float = 0.5  # Each row a graph is asked for,
    candidate_number: float = 0.003  # and each of its numbers.

    def exact(self, rows: int, dimensions: int, *, picked: bool) -> float:
        """Comparing so many vectors."""
        return rows * dimensions * (self.picked if picked else self.number)

    def graph(self, candidates: int, dimensions: int) -> float:
        """Walking the graph for so many rows."""
        return self.walk + candidates * (self.candidate + self.candidate_number * dimensions)
