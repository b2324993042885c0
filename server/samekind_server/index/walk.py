"""Answers one question by a graph, and exactly for what is not yet in it or where the graph falls short."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from samekind.types import Floats, Metric
from samekind_server.index import scan
from samekind_server.index.base import Nearest, Rows
from samekind_server.index.costs import Costs
from samekind_server.index.graph import CORES, Graph
from samekind_server.index.table import Places, View

TOGETHER = 8 * CORES  # Queries that go through the gate together: a writer waits for them, and other readers behind it.
BEAM = 5  # Times as many candidates as answers: of 100 answers 3 times as many miss 5 to 10 in a hundred, 5 times as many 2 to 3.
EMPTY = scan.EMPTY
WIDER = 4  # Times as many rows are asked for at least where too few of them were allowed.


@dataclass(frozen=True, eq=False)
class Walk:
    """The k nearest in a view, of `allowed` rows alone where these are named. Where no graph serves, every vector is compared.

    k live rows are answered whenever so many are there: the graph is asked for more and more until comparing all is quicker. Who asks roughly
    has it look at no more than that, and gets what it alone found as it has it, without scores.
    """

    view: View
    metric: Metric
    graph: Graph | None
    costs: Costs
    k: int
    allowed: Rows | None
    rough: bool = False

    @cached_property
    def among(self) -> Places | None:
        """Where the allowed rows are that are live; found only where they are many things to look at, as it takes long."""
        return None if self.allowed is None else self.view.places(self.allowed)

    @property
    def most(self) -> int:
        """How many rows may be answers; allowed ones that are not there count."""
        return self.view.alive if self.allowed is None else len(self.allowed)

    def nearest(self, queries: Floats, effort: int = 0) -> list[Nearest]:
        """One answer a query; `effort` as in Index."""
        graph = self.graph
        if graph is None or self._dear(graph, wanted := max(effort, self._wanted(graph))):
            return self._exactly(queries)
        return [one for start in range(0, len(queries), TOGETHER) for one in self._ask(graph, queries[start : start + TOGETHER], wanted)]

    def _wanted(self, graph: Graph) -> int:
        """How many rows to ask a graph for. Of filtered ones as many should be seen as without a filter, or those that count are missed."""
        beam = self._beam(graph)
        if self.allowed is not None:
            return int(beam * max(1.0, self.view.alive / max(1, self.most)))
        return self.k if beam == graph.ef and not graph.shape.reduced else beam

    def _beam(self, graph: Graph) -> int:
        return self.k if self.rough else max(graph.ef, BEAM * self.k)

    def _exactly(self, queries: Floats) -> list[Nearest]:
        places = range(len(self.view)) if self.among is None else self.among
        return scan.exactly(self.view, self.metric, queries, self.k, places)

    def _dear(self, graph: Graph, wanted: int) -> bool:
        """Whether comparing each is quicker, or the graph cannot give so many."""
        dimensions = graph.shape.dimensions
        every = self.costs.exact(self.view.alive, dimensions, picked=False)
        costs = every if self.allowed is None else min(every, self.costs.exact(self.most, dimensions, picked=True))
        return wanted > graph.live or costs <= self.costs.graph(max(wanted, self._least(graph)), graph.shape)

    def _least(self, graph: Graph) -> int:
        """How many candidates are looked at at least."""
        return 0 if self.rough else graph.ef

    def _ask(self, graph: Graph, queries: Floats, wanted: int) -> list[Nearest]:
        with graph.gate:
            mark, rows = graph.mark, graph.nearest(queries, wanted, self._least(graph))
            aside = graph.twins.near(self.metric, queries, self.k) if graph.twins else None
            twins = graph.twins.every()
        if rows is None:
            return self._exactly(queries)
        known = int(np.searchsorted(self.view.rows, mark, "right"))
        near = [self._allowed(self.view.places(some)) for some in rows]
        fresh = range(known, len(self.view)) if self.allowed is None else self._live(self.allowed, mark)
        copies = [self._copies(some, twins) for some in aside] if aside else [EMPTY] * len(queries)
        answers = self._ranked(queries, near, copies, fresh)
        enough = self.k if self.allowed is None else self._beam(graph) // (1 if self.rough else BEAM)
        short = [number for number, places in enumerate(near) if len(places) < enough and len(places) < self._reachable(known, twins)]
        found = max((len(near[number]) for number in short), default=0)
        return self._again(graph, queries, wanted * max(WIDER, enough // max(1, found)), answers, short) if short else answers

    def _again(self, graph: Graph, queries: Floats, wanted: int, answers: list[Nearest], short: list[int]) -> list[Nearest]:
        """The answers with those that fell short asked again."""
        again = queries[short]
        wider = self._exactly(again) if self._dear(graph, wanted) else self._ask(graph, again, wanted)
        better = dict(zip(short, wider, strict=True))
        return [better.get(number, answer) for number, answer in enumerate(answers)]

    def _copies(self, kinds: list[Rows], every: list[Rows]) -> Places:
        """The places of the k nearest kinds of twins: of all kinds, where too few of those are live and allowed."""
        places = self._first(kinds)
        return places if len(places) >= self.k or len(kinds) == len(every) else self._first(every)

    def _first(self, kinds: list[Rows]) -> Places:
        return np.concatenate([EMPTY, *(self._allowed(self.view.places(rows))[: self.k] for rows in kinds)])

    def _live(self, rows: Rows, mark: int) -> Places:
        """Where those of ascending rows are that are live and above the mark."""
        return self.view.places(rows[np.searchsorted(rows, mark, "right") :])

    def _ranked(self, queries: Floats, near: list[Places], copies: list[Places], fresh: Places | range) -> list[Nearest]:
        """What the graph found, copies of it, and the best of what it does not know yet, ranked together."""
        others = scan.candidates(self.view, self.metric, queries, self.k, fresh)
        asked = zip(queries, near, copies, others, strict=True)
        return [self._rank(query, found, len(found[0]) + len(found[1]) + len(fresh)) for query, *found in asked]

    def _rank(self, query: Floats, found: list[Places], seen: int) -> Nearest:
        if self._ordered and seen == len(found[0]):
            return Nearest(self.view.rows[found[0][: self.k]], np.empty(0, np.float32), exact=False, seen=0)
        return scan.ranked(self.view, self.metric, query, np.concatenate(found), self.k, exact=False, seen=seen)

    @property
    def _ordered(self) -> bool:
        """Whether the graph's own order is good enough."""
        return self.rough and self.graph is not None and not self.graph.shape.reduced

    def _allowed(self, places: Places) -> Places:
        if self.allowed is None:
            return places
        rows = self.view.rows[places]
        found = np.minimum(np.searchsorted(self.allowed, rows), len(self.allowed) - 1)
        allowed: Places = places[self.allowed[found] == rows]
        return allowed

    def _reachable(self, known: int, twins: list[Rows]) -> int:
        """How many rows the graph could answer with, had it all day."""
        here = np.count_nonzero(self.view.live[:known]) if self.among is None else np.searchsorted(self.among, known)
        return int(here) - sum(len(self._allowed(self.view.places(rows))) for rows in twins)
