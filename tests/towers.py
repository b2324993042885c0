"""A tower that tests can hold, and an observer that they can ask."""

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from samekind.types import Floats
from samekind_server.embedding.observer import Drop, Shed


class Tower:
    """Answers each input, an (n, 1) array of numbers, with itself; a negative one raises. Calls wait while it is held."""

    def __init__(self, log: list[tuple[str, int]] | None = None, name: str = "images") -> None:
        self.calls: list[tuple[str, int]] = [] if log is None else log
        self.begun, self.go, self.name = threading.Event(), threading.Event(), name
        self.go.set()

    def __call__(self, inputs: Any) -> Floats:
        self.calls.append((self.name, len(inputs)))
        self.begun.set()
        self.go.wait()
        if (inputs < 0).any():
            raise ValueError("a poisoned input")
        return np.asarray(inputs, np.float32)

    @property
    def sizes(self) -> list[int]:
        """How many inputs each call had."""
        return [size for _, size in self.calls]


class Seen:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.counts: Counter[Any] = Counter()

    def computed(self, model: str, tower: str, waited: Sequence[float], seconds: float) -> None:
        """See Observer."""
        assert min(waited) >= 0 <= seconds
        self.batches.append(len(waited))

    def failed(self, model: str, tower: str, rows: int) -> None:
        """See Observer."""
        self.counts["failed"] += rows

    def dropped(self, model: str, tower: str, why: Drop, rows: int) -> None:
        """See Observer."""
        self.counts[why] += rows

    def restarted(self, model: str, tower: str) -> None:
        """See Observer."""
        self.counts["restarted"] += 1

    def shed(self, why: Shed) -> None:
        """See Observer."""
        self.counts[why] += 1

    def asked(self, cache: str, *, hits: int, misses: int) -> None:
        """See Observer."""
        self.counts[cache, "hits"] += hits
        self.counts[cache, "misses"] += misses
