"""Puts candidates in order: by their scores, every interest served, different from each other where that is asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samekind.recommendations import Wish
from samekind.types import Floats, Metric
from samekind_server.catalog.candidates import Ranked
from samekind_server.catalog.inside import Inside
from samekind_server.index.base import Rows
from samekind_server.recommendation import likeness, taste
from samekind_server.recommendation.blend import Scores
from samekind_server.recommendation.interactions import Codes
from samekind_server.recommendation.links import Links
from samekind_server.recommendation.pool import DIVERSE, Pool
from samekind_server.recommendation.signals import DAY
from samekind_server.recommendation.wanted import Wanted
from samekind_server.search import ranking
from samekind_server.store import histories

KINDS = 8  # Of popular items, of which one each is shown to who is new.
SPREAD = 100  # Popular items among which they are.

Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Scored:
    """Candidates, (n,) each: rows, codes in the model, centred vectors (n, dimensions), and what their scores are made of.

    `popular`: how many like each, whether that counts in its score or not.
    """

    rows: Rows
    codes: Codes
    near: Floats
    parts: Scores
    newness: Floats
    popular: Floats

    @property
    def totals(self) -> Floats:
        """The scores."""
        totals: Floats = self.parts.total + self.newness
        return totals


def scored(inside: Inside, wanted: Wanted, links: Links, pool: Pool, now: float) -> Scored:
    """All of a pool."""
    model, rows = wanted.model, pool.scored
    codes = model.coded(links.of(rows))
    near = model.signals.centred(likeness.wholes(inside.memory, rows))
    told = model.signals.behaviours_of(wanted.heard, codes, near) | {"content": wanted.content(near)}
    parts = model.blend.scores(told, model.signals.supports(codes), fresh=wanted.heard.fresh, behaviour=wanted.wish.behaviour)
    return Scored(rows, codes, near, parts, _newness(inside, wanted.wish, rows, parts.total, now), told["popularity"])


def order(wanted: Wanted, found: Scored) -> Places:
    """The places of the candidates that are recommended, best first, as many as are asked for; of equals the popular, then the new come first."""
    ranked = np.lexsort((-found.rows, -found.popular, -found.totals))
    limit = wanted.wish.limit
    if wanted.wish.diversity:
        return _diverse(found, ranked[: max(50, DIVERSE * limit)], wanted.wish)
    if not wanted.speaks:
        return _spread(found, ranked)[:limit]
    if len(wanted.interests) < 2:
        return ranked[:limit]
    owners = taste.nearest(found.near, wanted.liked, wanted.interests)
    return np.array(taste.served(ranked.tolist(), owners, limit), np.int64)


def _newness(inside: Inside, wish: Wish, rows: Rows, totals: Floats, now: float) -> Floats:
    """As much as the best score for what was written just now, halved every so many days."""
    if not wish.new_boost:
        return np.zeros(len(rows), np.float32)
    created = inside.read(lambda of: histories.created(of, rows.tolist()))
    ages = now - np.array([created.get(row, 0) for row in rows.tolist()], np.float64) / 1e6
    best = float(totals.max(initial=0)) or 1.0
    return np.asarray(wish.new_boost * best * np.exp2(-np.maximum(ages, 0) / (wish.new_days * DAY)), np.float32)


def _diverse(found: Scored, ranked: Places, wish: Wish) -> Places:
    """By scores from 0 to 1, so that they are on a scale with cosines."""
    totals = found.totals[ranked]
    scores = (totals - totals.min(initial=0)) / max(float(np.ptp(totals)) if len(totals) else 0.0, 1e-9)
    among = Ranked(ranked, scores.astype(np.float32), totals, np.full(len(ranked), ""))
    chosen: Places = ranking.diverse(among, found.near[ranked], Metric.COSINE, wish.limit, wish.diversity).rows
    return chosen


def _spread(found: Scored, ranked: Places) -> Places:
    """What many like, one of each kind first."""
    leaders = ranked[:SPREAD]
    if not found.popular[leaders].any():
        return ranked
    owners = taste.groups(found.near[leaders], KINDS)
    return np.concatenate([leaders[taste.spread(range(len(leaders)), owners)], ranked[SPREAD:]])
