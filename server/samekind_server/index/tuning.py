"""Chooses how many candidates a graph looks at, by what it misses of what is there."""

from __future__ import annotations

import numpy as np

from samekind.types import Floats
from samekind_server.index import scan
from samekind_server.index.graph import EF, Graph
from samekind_server.index.table import Places, View

SAMPLE = 48  # Queries whose nearest are looked for,
NEIGHBOURS = 10  # this many of each.
GOAL = 0.98  # Share of them that is to be found,
LEAST = 0.96  # and below which no graph is asked.
TRIED = (EF, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)


def fitting(graph: Graph, view: View) -> int:
    """The fewest candidates with which a sample of queries finds its nearest; all there are where it hardly does, as comparing them is quicker then.

    A query lies between two of the vectors: they themselves are found more easily than what comes from outside, as links lead to them.
    """
    metric, places = graph.shape.metric, _inside(graph, view)
    if len(places) < NEIGHBOURS:
        return EF
    one, other = np.random.default_rng(len(places)).choice(places, (2, SAMPLE))
    queries = scan.checked(0.55 * view.vectors(one) + 0.45 * view.vectors(other), graph.shape)
    last = np.array([found.scores[-1] for found in scan.exactly(view, metric, queries, NEIGHBOURS, places)])
    recalls = ((tried, _recall(graph, view, queries, last, tried)) for tried in TRIED)
    tried, recall = next(each for each in recalls if each[1] >= GOAL or each[0] == TRIED[-1])
    return tried if recall >= LEAST else max(tried, view.alive)


def _inside(graph: Graph, view: View) -> Places:
    """The places of live rows that the graph can answer with."""
    known = int(np.searchsorted(view.rows, graph.mark, "right"))
    inside = view.live[:known].copy()
    for rows in graph.twins.every():
        inside[view.places(rows)] = False
    return np.flatnonzero(inside)


def _recall(graph: Graph, view: View, queries: Floats, last: Floats, tried: int) -> float:
    """The share of each query's nearest that are among so many candidates: of those at least as near as the `last` of them."""
    with graph.gate:
        found = graph.nearest(queries, min(tried, graph.live))
    if found is None:
        return 0.0
    scores = [scan.scored(view, graph.shape.metric, query, view.places(rows)) for query, rows in zip(queries, found, strict=True)]
    hits = np.array([np.count_nonzero(some >= least) for some, least in zip(scores, last, strict=True)])
    return float(np.minimum(hits, NEIGHBOURS).mean()) / NEIGHBOURS
