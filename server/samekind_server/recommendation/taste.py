"""Tells how near contents are to what somebody likes, and of how many kinds that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from samekind.types import Floats
from samekind_server.recommendation.grouping import grouped
from samekind_server.recommendation.interactions import Codes

SOFTNESS = 5.0  # Of `Strategy.SOFT`: the higher, the more the nearest alone counts.
APART = 1.0  # Ward's distance between unit vectors from which on two groups are two interests.
NEAR = 0.5  # The cosine, without what all contents have in common, from which on a content serves an interest.
HEAVIEST = 100  # Of a long history, for its interests.


class Strategy(Enum):
    """How several examples make one score; see `alike`."""

    MEAN = "mean"
    BEST = "best"
    SUM = "sum"
    SOFT = "soft"


@dataclass(frozen=True)
class Interest:
    """Things that are alike among what somebody likes: the place of the one in their middle, the places of all, and their weight."""

    medoid: int
    members: tuple[int, ...]
    weight: float


def interests(vectors: Floats, weights: Floats, *, limit: int = 8) -> list[Interest]:
    """What somebody likes as several interests, the weightiest first (PinnerSage: Pal et al. 2020, arXiv 2007.03634).

    Ward's clusters of the liked rows of `vectors` (n, dimensions), unit, the heaviest 100; of each the row that is nearest to the others, by weight.
    """
    liked = np.flatnonzero((weights > 0) & vectors.any(axis=1))
    liked = np.sort(liked[np.argsort(-weights[liked], kind="stable")[:HEAVIEST]])
    groups = [np.sort(liked[group]) for group in grouped(vectors[liked], apart=APART)]
    heaviest = sorted(groups, key=lambda group: (-weights[group].sum(), group[0]))[:limit]
    return [_interest(group, vectors, weights) for group in heaviest]


def alike(vectors: Floats, examples: Floats, weights: Floats, strategy: Strategy = Strategy.SOFT) -> Floats:
    """How near each of `vectors` (n, dimensions) is to examples of these weights, liked above 0 and disliked below, (n,). All rows are unit or 0.

    MEAN: by the direction of the weighted mean. BEST: by the nearest liked one, unless a disliked one is nearer, which puts it at the end.
    SUM: by the weighted sum. SOFT: as BEST, but near to several is better than near to one, and what is disliked takes away.
    """
    if not len(examples):
        return np.zeros(len(vectors), np.float32)
    near, liked, disliked = vectors @ examples.T, weights > 0, weights < 0
    shares: Floats = np.asarray(np.abs(weights) / max(float(np.abs(weights).sum()), 1e-12), np.float32)
    if strategy is Strategy.MEAN:
        mean = weights @ examples
        return np.asarray(vectors @ mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)
    if strategy is Strategy.SUM:
        return np.asarray(near @ (shares * np.sign(weights)), np.float32)
    if strategy is Strategy.BEST:
        return _best(near[:, liked], near[:, disliked])
    pulled, pushed = _soft(near[:, liked], shares[liked]), _soft(near[:, disliked], shares[disliked])
    return np.asarray(pulled - shares[disliked].sum() * pushed, np.float32)


def nearest(vectors: Floats, examples: Floats, found: Sequence[Interest]) -> Codes:
    """Which interest among `found`, of rows of `examples`, each row of `vectors` is nearest to, by number from 0; -1 where it is near to none."""
    if not found:
        return np.full(len(vectors), -1, np.int64)
    near = vectors @ examples[[interest.medoid for interest in found]].T
    return np.where(near.max(axis=1) >= NEAR, near.argmax(axis=1), -1)


def served(order: Sequence[int], owners: Codes, limit: int) -> list[int]:
    """The first `limit` of `order`, with the best of each owner of `owners`, one for each place, among them; in the order they had.

    Those that give way are the last of owners with several. An owner below 0 is none.
    """
    first: dict[int, int] = {}
    for place in order:
        if owners[place] >= 0:
            first.setdefault(int(owners[place]), place)
    wanted = set(sorted(first.values(), key=list(order).index)[:limit])
    room = limit - len(wanted)
    others = {place for place in [place for place in order if place not in wanted][:room]}
    return [place for place in order if place in wanted or place in others]


def spread(order: Sequence[int], owners: Codes) -> list[int]:
    """The places in turns: the best of each owner, then the second of each, and so on; those without an owner last of each turn's equals."""
    turns: dict[int, int] = {}
    ranked = []
    for rank, place in enumerate(order):
        turn = turns.get(int(owners[place]), 0)
        turns[int(owners[place])] = turn + 1
        ranked.append((turn, rank, place))
    return [place for _, _, place in sorted(ranked)]


def groups(vectors: Floats, count: int) -> Codes:
    """Which of at most `count` kinds each row is of (Ward), from 0; rows of zeros are of none: -1."""
    owners, told = np.full(len(vectors), -1, np.int64), np.flatnonzero(vectors.any(axis=1))
    for owner, group in enumerate(grouped(vectors[told], count=count)):
        owners[told[group]] = owner
    return owners


def _interest(group: Codes, vectors: Floats, weights: Floats) -> Interest:
    near = vectors[group] @ vectors[group].T
    middle = int(group[int(np.argmax(near @ weights[group]))])
    return Interest(middle, tuple(group.tolist()), float(weights[group].sum()))


def _best(liked: Floats, disliked: Floats) -> Floats:
    """The nearest liked one's nearness; below -1 where a disliked one is nearer, the farther down the nearer that is."""
    best = liked.max(axis=1) if liked.shape[1] else np.zeros(len(liked), np.float32)
    if not disliked.shape[1]:
        return best
    worst = disliked.max(axis=1)
    told: Floats = np.where(worst > best, -2 - worst, best)
    return told


def _soft(near: Floats, shares: Floats) -> Floats:
    if not near.shape[1]:
        return np.zeros(len(near), np.float32)
    told: Floats = np.log(np.exp(SOFTNESS * near) @ (shares / shares.sum())) / SOFTNESS
    return told
