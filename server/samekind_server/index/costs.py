"""Tells whether comparing every vector or walking the graph is quicker, in microseconds as measured on one core."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Costs:
    """Of one query. A graph is asked for `more` times as many rows as should do, so that it rarely has to be asked again."""

    number: float = 0.00015  # One number compared in passing,
    picked: float = 0.0006  # and one of a vector that was picked out.
    walk: float = 50.0
    candidate: float = 0.5  # Each row a graph is asked for,
    candidate_number: float = 0.003  # and each of its numbers.
    more: float = 1.5

    def exact(self, rows: int, dimensions: int, *, picked: bool) -> float:
        """Comparing so many vectors."""
        return rows * dimensions * (self.picked if picked else self.number)

    def graph(self, candidates: int, dimensions: int) -> float:
        """Walking the graph for so many rows."""
        return self.walk + candidates * (self.candidate + self.candidate_number * dimensions)

    def wanted(self, k: int, rows: int, allowed: int) -> int:
        """How many rows to ask a graph for, so that k of them are among the allowed ones if those lie anywhere."""
        return int(k * self.more * rows / max(1, allowed)) + 10 if allowed < rows else k
