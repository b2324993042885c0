"""The index that answers from a graph and, for what is not yet in it, exactly; the graph is kept up in short steps."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from samekind.types import Floats
from samekind_server.index import projection, scan, snapshot
from samekind_server.index.base import BUFFER, Bools, Gist, Nearest, Opened, Rows, Shape, Stats, Step, unwatched
from samekind_server.index.costs import Costs
from samekind_server.index.graph import Graph, capacity, least
from samekind_server.index.pace import Pace
from samekind_server.index.table import Table
from samekind_server.index.tuning import fitting
from samekind_server.index.walk import Walk

GRAPH_FROM = 5_000  # Vectors from which a graph is worth having; below half of that it is given up again.
REMOVED = 0.15  # Share of removed vectors from which a graph, or the table, is made anew without them,
FEWEST_REMOVED = 0.2  # where they are at least so large a share of `GRAPH_FROM` too.
MARKS = 512  # Rows marked removed in a step.
STEP = 0.001  # Seconds for which a step may hold up searches,
LONG_STEP = 0.01  # and where there were none for a while, or none can meet it.
QUIET = 2.0  # Seconds without a search after which steps may be long.
LATELY, SHARE = 0.1, 1 / 3  # Seconds after a search in which steps hold up others for this share of the time, at most.


def nobody() -> None:
    """Wakes nobody."""


class Hnsw:
    """As in Index. `wake` is called when there is something to tend; so many `threads` (0: half the cores) add to a graph that holds up nobody.

    From `graph_from` vectors on there is a graph, which is asked where `costs` says that this is quicker.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        threads: int = 0,
        wake: Callable[[], object] = nobody,
        costs: Costs | None = None,
        graph_from: int = GRAPH_FROM,
    ) -> None:
        self.shape = shape
        self._threads, self._wake, self._costs, self._graph_from = threads or max(1, (os.cpu_count() or 1) // 2), wake, costs or Costs(), graph_from
        self._table = Table(shape.dimensions)
        self._graph: Graph | None = None
        self._growing: Graph | None = None
        self._last = -1  # The highest row ever added.
        self._backlog = -1  # The highest row when a first graph was begun: up to there, nothing counts as buffered.
        self._paces = {False: Pace(STEP), True: Pace(LONG_STEP)}
        self._turn, self._asked, self._changed = False, float("-inf"), 0
        self._held = 0.0  # Seconds for which a step held up searches.
        self._changing = threading.Lock()  # Held while table or graphs are replaced, and rows put in or taken out.
        self._tending = threading.Lock()  # Held for a step, and by what no step may come between.
        self._stepped = threading.Condition()

    def add(self, rows: Rows, vectors: Floats) -> None:
        """As in Index."""
        compared = scan.checked(vectors, self.shape)
        if len(rows) != len(compared):
            raise ValueError(f"{len(rows)} rows came with {len(compared)} vectors")
        with self._changing:
            scan.ascending(rows, self._last)
            self._table.append(rows, compared)
            self._last = max(self._last, self._table.last)
            self._changed += len(rows)
        self._wake()

    def remove(self, rows: Rows) -> int:
        """As in Index."""
        with self._changing:
            removed = self._table.remove(rows)
            for graph in (self._graph, self._growing):
                if graph is not None and len(removed):
                    graph.unmarked.append(removed)
            self._changed += len(removed)
        self._wake()
        return len(removed)

    def nearest(self, queries: Floats, k: int, *, allowed: Rows | None = None, exact: bool = False, effort: int = 0) -> list[Nearest]:
        """As in Index."""
        return self._walk(None if exact else self._graph, k, allowed).nearest(scan.checked(queries, self.shape), effort)

    def near(self, queries: Floats, k: int, *, allowed: Rows | None = None) -> list[Rows]:
        """As in Index."""
        return [one.rows for one in self._walk(self._graph, k, allowed, rough=True).nearest(scan.checked(queries, self.shape))]

    def vectors(self, rows: Rows) -> Floats:
        """As in Index."""
        return self._table.view().of(rows)

    def reshape(self, shape: Shape) -> None:
        """As in Index."""
        with self._changing:
            self.shape, self._growing = shape, None  # A step that is at the one that grew ends with a graph that is seen to be of another shape.
        self._wake()

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
        """As in Index."""
        with self._stepped:
            return self._stepped.wait_for(lambda: self._buffered() <= max(0, BUFFER - count), timeout)

    def tend(self) -> bool:
        """As in Index."""
        with self._tending:
            done = self._step()
            rest, self._held = min(self._held, LONG_STEP) * (1 / SHARE - 1), 0.0
        with self._stepped:
            self._stepped.notify_all()
        if time.monotonic() - self._asked < LATELY:
            time.sleep(rest)
        return done

    def save(self, folder: Path, *, identity: str, change: int, step: Step = unwatched) -> None:
        """As in Index."""
        with self._tending:
            graph = self._graph
            while graph is not None and graph.unmarked:
                self._mark(graph)
            view, changed, mark = self._table.view(), self._changed, -1 if graph is None else graph.mark
            shape = self.shape if graph is None else graph.shape
            snapshot.write(folder, snapshot.About(identity, change, shape, mark), graph, view, step)
        with self._changing:
            self._changed -= changed

    def stats(self) -> Stats:
        """As in Index."""
        table, graph, growing = self._table, self._graph, self._growing
        removed = max(table.size - table.live, graph.removed if graph else 0)
        memory = table.memory + sum(one.memory for one in (graph, growing) if one)
        buffered, room = self._outside(-1 if graph is None else graph.mark), max(0, BUFFER - self._buffered())
        effort = graph.ef if graph else 0
        quiet = time.monotonic() - self._asked
        return Stats(table.live, removed, buffered, room, graph is not None, effort, growing is not None, self._changed, quiet, memory)

    def close(self) -> None:
        """As in Index."""
        with self._tending, self._changing:
            self._table, self._graph, self._growing = Table(self.shape.dimensions), None, None

    def _walk(self, graph: Graph | None, k: int, allowed: Rows | None, *, rough: bool = False) -> Walk:
        self._asked, view = time.monotonic(), self._table.view()
        most = view.alive if allowed is None else len(allowed)
        return Walk(view, self.shape.metric, graph, self._costs, min(k, most), allowed, rough)

    def _outside(self, mark: int) -> int:
        """How many live rows are above the mark."""
        view = self._table.view()
        return int(np.count_nonzero(view.live[np.searchsorted(view.rows, mark, "right") :]))

    def _buffered(self) -> int:
        """How many rows wait for a graph: none where there are too few for one, as nothing would take them in."""
        graph = self._graph or self._growing
        if graph is None and self._table.live < self._graph_from:
            return 0
        return self._outside(max(self._backlog, -1 if graph is None else graph.mark))

    def _step(self) -> bool:
        """One thing that waits; a graph that serves and one that is to follow it take turns."""
        graph, growing = self._graph, self._growing
        marking = next((one for one in (graph, growing) if one is not None and one.unmarked), None)
        if marking is not None:
            return self._mark(marking)
        if growing is None and self._begun(graph):
            return True
        if graph is not None and graph.size > 2 * graph.tuned:
            return self._tune(graph)
        self._turn = not self._turn
        if growing is not None and (self._turn or graph is None or not self._outside(graph.mark)):
            return self._grow(growing)
        return graph is not None and self._put(graph, beside=False)

    def _begun(self, graph: Graph | None) -> bool:
        """Whether a graph or the table had to be made anew, or the graph given up, and that was done or begun."""
        table = self._table
        if graph is not None and table.live < self._graph_from // 2:
            self._graph = None
        elif table.live >= self._graph_from if graph is None else graph.shape != self.shape or graph.worn or self._many(graph.removed, graph.size):
            self._compact()
            shape = self.shape
            self._growing = Graph(shape, capacity(table.live), projection.fitted(shape, self._table.view()))
            self._backlog = self._last if graph is None else self._backlog
        elif self._many(table.size - table.live, table.size):
            self._compact()
        else:
            return False
        return True

    def _compact(self) -> None:
        """Puts a table of the live rows in place of this one; searches go on in the one they look at."""
        old, size = self._table, self._table.size
        new = old.copied(stop=size)
        with self._changing:
            view = old.view()
            late = np.arange(size, len(view))[view.live[size:]]
            new.append(view.rows[late], view.vectors(late))
            new.remove(view.rows[~view.live])
            self._table = new

    def _grow(self, growing: Graph) -> bool:
        """Goes on with the graph that is to follow, and puts it in place once it has all that the old one has."""
        more = self._put(growing, beside=True)
        if not more or growing.mark >= max(self._backlog, -1 if self._graph is None else self._graph.mark):
            with self._changing:
                self._changed += growing.size if self._graph is not None else 0  # A snapshot has the graph it follows.
                self._graph, self._growing = growing, None
        return True

    def _put(self, graph: Graph, *, beside: bool) -> bool:
        """Puts the next rows in; whether there were any."""
        long = beside or time.monotonic() - self._asked > QUIET
        threads, pace, view = self._threads if long else 1, self._paces[long], self._table.view()
        places = np.arange(np.searchsorted(view.rows, graph.mark, "right"), len(view))[: max(pace.count, least(threads))]
        if not len(places):
            return False
        live = places[view.live[places]]
        rows, vectors = view.rows[live], view.vectors(live)
        with self._alone(graph):
            began = time.monotonic()
            if not graph.has_room(len(rows)):
                graph.reserve(len(rows))
            graph.add(rows, vectors, threads)
            graph.mark = int(view.rows[places[-1]])
            took = time.monotonic() - began
        pace.took(len(places), took)
        self._held = 0.0 if beside else took
        return True

    def _tune(self, graph: Graph) -> bool:
        view = self._table.view()
        ef = fitting(graph, view)
        with self._alone(graph):
            graph.tune(ef)
        graph.worn = projection.worn(graph.projection, graph.shape, view)
        return True

    def _mark(self, graph: Graph) -> bool:
        with self._changing:
            waiting, graph.unmarked = np.concatenate(graph.unmarked), []
            if len(waiting) > MARKS:
                graph.unmarked = [waiting[MARKS:]]
        with self._alone(graph):
            graph.remove(waiting[:MARKS])
        return True

    def _many(self, removed: int, size: int) -> bool:
        return removed >= FEWEST_REMOVED * self._graph_from and removed > REMOVED * size

    @contextmanager
    def _alone(self, graph: Graph) -> Iterator[None]:
        """Alone with the graph; it is given up where hnswlib fails, as nothing is sure of it then."""
        with graph.gate.alone():
            try:
                yield
            except (RuntimeError, MemoryError):
                self._graph, self._growing = (None if one is graph else one for one in (self._graph, self._growing))
                raise


def opened(
    folder: Path,
    shape: Shape,
    *,
    identity: str,
    newest: int,
    threads: int = 0,
    wake: Callable[[], object] = nobody,
    costs: Costs | None = None,
    graph_from: int = GRAPH_FROM,
) -> Opened:
    """The index that a folder holds a snapshot of; see Opened. Raises nothing for what lies there."""
    index = Hnsw(shape, threads=threads, wake=wake, costs=costs, graph_from=graph_from)
    try:
        about, table, graph = snapshot.read(folder, identity, shape, newest)
    except snapshot.Unusable as why:
        return Opened(index, rebuild=str(why))
    index._table, index._graph, index._last = table, graph, about.mark
    return Opened(index, about.change)
