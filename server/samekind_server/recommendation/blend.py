"""Puts what the methods say together, by weights that are learned from what users did next."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samekind.types import Floats
from samekind_server.recommendation import highest
from samekind_server.recommendation.signals import BEHAVIOUR, KNOWN, NAMES

LEADING = 20
STEPS = (0.0, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.5)
ENOUGH = 30  # Users whose next likes are known, below which the weights stay as they are,
HALFWAY = 100  # and as many as move them half the way.
TINY = 1e-6
COLD, FRESH = "cold content", "fresh popularity"
Gains = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """A score for each candidate, (n,), and what it is made of: the parts add up to it. `behaviours` is the part of each method of behaviour."""

    total: Floats
    content: Floats
    behaviour: Floats
    popularity: Floats
    behaviours: Mapping[str, Floats]


@dataclass(frozen=True)
class Blend:
    """How much each method counts; content, for an item of which nothing is known, as "content" and "cold content" together, and popularity, for
    whom nothing is known of, as "popularity" and "fresh popularity"."""

    weights: Mapping[str, float]

    def scores(self, parts: Mapping[str, Floats], supports: Floats, *, fresh: float = 0.0, behaviour: float | None = None) -> Scores:
        """The candidates' scores for somebody as `fresh`. `behaviour`, from 0 to 1: how much that counts beside content, whatever was learned."""
        scaled = {name: leading(part) for name, part in parts.items()}
        weighed = self._weighed(scaled, supports, fresh) if behaviour is None else self._shared(scaled, behaviour)
        behaviours = {name: weighed[name] for name in BEHAVIOUR}
        together: Floats = sum(behaviours.values(), np.zeros(len(supports), np.float32))
        total = together + weighed["content"] + weighed["popularity"]
        return Scores(total, weighed["content"], together, weighed["popularity"], behaviours)

    def popularity(self, fresh: float) -> float:
        """How much popularity counts for somebody as fresh."""
        return self.weights["popularity"] + self.weights[FRESH] * fresh

    def _weighed(self, scaled: Mapping[str, Floats], supports: Floats, fresh: float) -> dict[str, Floats]:
        weights = {name: np.full(len(supports), self.weights[name], np.float32) for name in NAMES}
        weights["content"] += np.float32(self.weights[COLD]) * cold(supports)
        weights["popularity"] = np.full(len(supports), self.popularity(fresh), np.float32)
        return {name: weights[name] * scaled[name] for name in NAMES}

    def _shared(self, scaled: Mapping[str, Floats], behaviour: float) -> dict[str, Floats]:
        whole = sum(self.weights[name] for name in BEHAVIOUR) or 1.0
        shares = {name: behaviour * self.weights[name] / whole for name in BEHAVIOUR} | {"content": 1 - behaviour, "popularity": 0.0}
        return {name: np.float32(shares[name]) * scaled[name] for name in NAMES}


DEFAULT = Blend({"ease": 1.0, "cooccurrence": 0.1, "als": 0.1, "content": 0.1, "popularity": 0.05, COLD: 0.2, FRESH: 0.1})
WITHOUT_EASE = Blend({"ease": 0.0, "cooccurrence": 0.5, "als": 1.0, "content": 0.1, "popularity": 0.05, COLD: 0.2, FRESH: 0.1})


@dataclass(frozen=True)
class Example:
    """One user's candidates: what each method gives them, what is known of each, which the user did like next, and how fresh the user was."""

    parts: Mapping[str, Floats]
    supports: Floats
    liked: NDArray[np.bool_]
    fresh: float = 0.0


def cold(supports: Floats) -> Floats:
    """1 for an item of which nothing is known, falling with each like."""
    told: Floats = (KNOWN / (supports + KNOWN)).astype(np.float32)
    return told


def leading(part: Floats) -> Floats:
    """The numbers as shares of the 20th highest, or of the highest where that is not above 0; all 0 where none is."""
    bar = top(part)
    told: Floats = part / np.float32(bar) if bar > TINY else np.zeros_like(part)
    return told


def top(part: Floats) -> float:
    """The 20th highest, or the highest where that is not above 0."""
    bar = highest.bar(part, LEADING) if len(part) > LEADING else 0.0
    return bar if bar > TINY else float(part.max(initial=0))


def fitted(examples: Sequence[Example], start: Blend = DEFAULT, *, fresh: Sequence[Example] = (), rounds: int = 2) -> Blend:
    """The weights under which what users liked next comes first: one at a time, that which gives most, the rest held (coordinate ascent).

    A weight moves only where the gain is more than twice its own standard error over the users: what is less may be chance. Of all the way
    that they moved they go a part, the larger the more users tell of it, so that what few like next switches nothing off. Of users of whom
    little is known, `fresh`, only the weight for such is learned.
    """
    weights = _moved(examples, start.weights, [*NAMES, COLD] * rounds)
    return Blend(_moved(fresh, weights, [FRESH]))


def _moved(examples: Sequence[Example], start: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    if len(examples) < ENOUGH:
        return dict(start)
    ready = [({name: leading(part) for name, part in one.parts.items()}, cold(one.supports), one.fresh, one.liked) for one in examples]
    weights = dict(start)
    best = _gains(ready, weights)
    for name in names:
        tried = {step: _gains(ready, weights | {name: step}) for step in STEPS}
        step = max(STEPS, key=lambda step: float(tried[step].mean()))
        if surely(tried[step] - best):
            best, weights[name] = tried[step], step
    share = len(examples) / (len(examples) + HALFWAY)
    return {name: told + share * (weights[name] - told) for name, told in start.items()}


def surely(gains: Gains) -> bool:
    """Whether what each user gains is on the whole more than chance would give."""
    return float(gains.mean()) > 2 * float(gains.std()) / math.sqrt(len(gains))


def _gains(ready: Sequence[tuple[Mapping[str, Floats], Floats, float, NDArray[np.bool_]]], weights: Mapping[str, float]) -> Gains:
    return np.array([gain(_total(scaled, chill, fresh, weights), liked) for scaled, chill, fresh, liked in ready])


def _total(scaled: Mapping[str, Floats], chill: Floats, fresh: float, weights: Mapping[str, float]) -> Floats:
    total: Floats = np.float32(weights[COLD]) * chill * scaled["content"] + np.float32(weights[FRESH] * fresh) * scaled["popularity"]
    for name in NAMES:
        total += np.float32(weights[name]) * scaled[name]
    return total


def gain(scores: Floats, liked: NDArray[np.bool_]) -> float:
    """The mean of NDCG@10, NDCG@100 and recall@20."""
    hits, wanted = liked[first(scores, 100)], int(liked.sum())
    return (_ndcg(hits, wanted, 10) + _ndcg(hits, wanted, 100) + _recall(hits, wanted, 20)) / 3


def ndcg(scores: Floats, liked: NDArray[np.bool_], k: int) -> float:
    """How high what is liked stands among the first k, 1 where it could stand no higher; equal scores by place. 0 where nothing is liked."""
    return _ndcg(liked[first(scores, k)], int(liked.sum()), k)


def recall(scores: Floats, liked: NDArray[np.bool_], k: int) -> float:
    """How many of what is liked are among the first k, as a share of as many as could be. 0 where nothing is liked."""
    return _recall(liked[first(scores, k)], int(liked.sum()), k)


def _recall(hits: NDArray[np.bool_], wanted: int, k: int) -> float:
    return float(hits[:k].sum()) / min(wanted, k) if wanted else 0.0


def _ndcg(hits: NDArray[np.bool_], wanted: int, k: int) -> float:
    discounts = 1 / np.log2(np.arange(k) + 2)
    return float((hits[:k] * discounts[: len(hits)]).sum() / discounts[: min(wanted, k)].sum()) if wanted else 0.0


def first(scores: Floats, k: int) -> NDArray[np.int64]:
    """The places of the k highest scores, highest first; equal ones by place."""
    places = np.arange(len(scores))
    if len(scores) > k:
        places = np.flatnonzero(scores >= highest.bar(scores, k))
    order: NDArray[np.int64] = places[np.argsort(-scores[places], kind="stable")][:k]
    return order
