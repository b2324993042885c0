"""Sees what was found against what the catalog is like on the whole: brings kinds to one level, and cuts off what does not stand out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from samekind.queries import Cutoff, Query
from samekind.types import Metric, Text
from samekind_server.catalog.background import Background
from samekind_server.catalog.candidates import Candidates, Ranked
from samekind_server.catalog.inside import Inside
from samekind_server.catalog.vectors import WINDOW
from samekind_server.index.base import Rows
from samekind_server.search import cutoff, gap
from samekind_server.search.cutoff import Cut, Odds
from samekind_server.search.rivals import Rivals
from samekind_server.search.terms import Meant


def levelled(found: Candidates, query: Query, meant: Meant, metric: Metric) -> Candidates:
    """The candidates with scores from which the modality gap is taken out, where there is one, it is known, and is not to be kept."""
    if query.keep_modality_gap or metric is not Metric.COSINE or not found.mixed or found.background is None:
        return found
    return replace(found, levels=gap.levels(found.background(), meant.kinds, meant.vectors))


def cut(found: Candidates, query: Query, meant: Meant, inside: Inside, scale: float | None, rivals: Rivals | None) -> Cut | None:
    """Where to cut what was found, if that is asked for. Items that are terms do not count; what is of words alone has rivals."""
    if query.cutoff is not Cutoff.AUTO or found.background is None:
        return None
    whole = found.background()
    nearest = {name: each.scores[others] for name, each in found.found.items() if (others := _others(each.rows, meant.rows)).any()}
    background = whole.similarities(meant.vectors, inside.catalog.metric)
    counts = {name: min(gist.count, found.matching) for name, gist in whole.gists.items()}
    if "text" in background:
        background[WINDOW], counts[WINDOW] = background["text"], counts["text"]
    odds = _odds(found, whole, meant, inside, rivals) if rivals and worded(query) else {}
    return cutoff.cut(nearest, background, counts=counts, kinds=meant.kinds, scale=scale, odds=odds)


def worded(query: Query) -> bool:
    """Whether words alone are looked for by their meaning: these have rivals."""
    return bool(query.terms) and all(isinstance(term.content, Text) for term in query.terms)


def standing_out(ranked: Ranked, cut: Cut | None) -> Ranked:
    """Those that are at least as similar as they should be, by the index each is in."""
    if cut is None:
        return ranked
    return ranked.at(ranked.similarities >= np.array([cut.least.get(kind, -np.inf) for kind in ranked.kinds.tolist()], np.float64))


def cuts(cut: Cut, found: Candidates) -> bool:
    """Whether there is any that does not stand out."""
    return any(len(each.scores) and float(each.scores[-1]) < cut.least.get(name, -np.inf) for name, each in found.found.items())


def lowest(cut: Cut, found: Candidates) -> float:
    """The lowest score that is let through."""
    levels = found.levels
    return min(float(levels[name].scores(np.array([least], np.float32))[0]) if levels else least for name, least in cut.least.items())


def _odds(found: Candidates, whole: Background, meant: Meant, inside: Inside, rivals: Rivals) -> dict[str, Odds]:
    """Those of each index's nearest that are still there; of windows, whose vectors are many to an item, none."""
    odds = {}
    for name in found.found.keys() & whole.gists.keys():
        each = found.found[name]
        others = _others(each.rows, meant.rows)
        rows, scores = each.rows[others][: cutoff.NEAREST], each.scores[others][: cutoff.NEAREST]
        ranked, vectors = inside.memory.vectors(Ranked(rows, scores, scores, np.full(len(rows), name)))
        if len(ranked):
            odds[name] = rivals.odds(meant.vectors[name], vectors, whole, name)
    return odds


def _others(rows: Rows, terms: Collection[int]) -> NDArray[np.bool_]:
    return ~np.isin(rows, list(terms))
