"""The index that compares every vector: right by construction, and quick enough up to some thousands."""

from __future__ import annotations

import math
import threading
from pathlib import Path

from samekind.types import Floats
from samekind_server.index import scan
from samekind_server.index.base import BUFFER, Bools, Gist, Nearest, Rows, Shape, Stats, Step, unwatched
from samekind_server.index.table import Table


class Exact:
    """As in Index. It keeps no snapshot and has nothing to tend; removed vectors go once they are as many as the live ones."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._table = Table(shape.dimensions)
        self._last = -1
        self._changing = threading.Lock()

    def add(self, rows: Rows, vectors: Floats) -> None:
        """As in Index."""
        compared = scan.checked(vectors, self.shape)
        with self._changing:
            scan.ascending(rows, self._last)
            self._table.append(rows, compared)
            self._last = max(self._last, self._table.last)

    def remove(self, rows: Rows) -> int:
        """As in Index."""
        with self._changing:
            removed = len(self._table.remove(rows))
            if self._table.size > 2 * self._table.live + 1024:
                self._table = self._table.copied(stop=self._table.size)
        return removed

    def nearest(self, queries: Floats, k: int, *, allowed: Rows | None = None, exact: bool = False, effort: int = 0) -> list[Nearest]:
        """As in Index."""
        compared, view = scan.checked(queries, self.shape), self._table.view()
        places = range(len(view)) if allowed is None else view.places(allowed)
        return scan.exactly(view, self.shape.metric, compared, k, places)

    def near(self, queries: Floats, k: int, *, allowed: Rows | None = None) -> list[Rows]:
        """As in Index: the very same."""
        return [one.rows for one in self.nearest(queries, k, allowed=allowed)]

    def vectors(self, rows: Rows) -> Floats:
        """As in Index."""
        return self._table.view().of(rows)

    def reshape(self, shape: Shape) -> None:
        """As in Index."""
        self.shape = shape

    @property
    def is_empty(self) -> bool:
        """As in Index."""
        return not self._table.live

    def rows(self) -> Rows:
        """As in Index."""
        view = self._table.view()
        return view.rows[view.live]

    def has(self, rows: Rows) -> Bools:
        """As in Index."""
        return self._table.view().has(rows)

    def gist(self, most: int) -> Gist:
        """As in Index."""
        return self._table.view().gist(most)

    def room(self, count: int, timeout: float) -> bool:
        """Always: nothing is buffered."""
        return True

    def tend(self) -> bool:
        """Never: nothing is left to do."""
        return False

    def save(self, folder: Path, *, identity: str, change: int, step: Step = unwatched) -> None:
        """Keeps nothing: the store is as quick to read."""

    def stats(self) -> Stats:
        """As in Index."""
        table = self._table
        removed = table.size - table.live
        return Stats(table.live, removed, 0, BUFFER, graph=False, effort=0, building=False, changed=0, quiet=math.inf, memory_bytes=table.memory)

    def close(self) -> None:
        """As in Index."""
        self._table = Table(self.shape.dimensions)
