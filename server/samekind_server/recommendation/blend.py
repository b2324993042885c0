"""Puts what the methods say together, by weights that are learned from what users did next."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from samekind.types import Floats
from samekind_server.recommendation import highest, ranks
from samekind_server.recommendation.signals import BEHAVIOUR, KNOWN, NAMES

LEADING = 20
STEPS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.7, 1.2, 2.5)  # Beside the others, which add up to about 1.
ENOUGH = 30  # Users whose next likes are known, below which the weights stay as they are,
HALFWAY = (100, 30)  # and as many as move them half the way: those of whom much is known, and those at their beginnings, who differ less.
MANY = 500  # Likes from which on what is popular tells more of who is new than all else.
TINY = 1e-6
COLD = "cold content"
WEIGHED = (*NAMES, COLD)
Gains = NDArray[np.float64]
Weights = NDArray[np.float64]  # (2, 7): of whom much is known, and of whom nothing is, in the order of WEIGHED.


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
    """How much each method counts for somebody of whom much is known, `weights`, and for whom nothing is known of, `fresh`: shares of 1 each; and
    content, for an item of which nothing is known, "cold content" more."""

    weights: Mapping[str, float]
    fresh: Mapping[str, float]

    def scores(self, parts: Mapping[str, Floats], supports: Floats, *, fresh: float = 0.0, behaviour: float | None = None) -> Scores:
        """The candidates' scores for somebody as `fresh`. `behaviour`, from 0 to 1: how much that counts beside content, whatever was learned."""
        scaled, weights = {name: leading(part) for name, part in parts.items()}, self.of(fresh)
        weighed = _weighed(scaled, weights, supports) if behaviour is None else _shared(scaled, weights, behaviour)
        behaviours = {name: weighed[name] for name in BEHAVIOUR}
        together: Floats = sum(behaviours.values(), np.zeros(len(supports), np.float32))
        total = together + weighed["content"] + weighed["popularity"]
        return Scores(total, weighed["content"], together, weighed["popularity"], behaviours)

    def of(self, fresh: float) -> dict[str, float]:
        """The weights for somebody as fresh, from 0 to 1."""
        return {name: (1 - fresh) * self.weights[name] + fresh * self.fresh[name] for name in WEIGHED}


DEFAULT = Blend(
    {"ease": 0.74, "cooccurrence": 0.075, "succession": 0.0, "als": 0.075, "content": 0.075, "popularity": 0.035, COLD: 0.15},
    {"ease": 0.25, "cooccurrence": 0.25, "succession": 0.0, "als": 0.25, "content": 0.1, "popularity": 0.15, COLD: 0.15},
)
WITHOUT_EASE = Blend(
    {"ease": 0.0, "cooccurrence": 0.3, "succession": 0.0, "als": 0.6, "content": 0.06, "popularity": 0.04, COLD: 0.12},
    {"ease": 0.0, "cooccurrence": 0.35, "succession": 0.0, "als": 0.35, "content": 0.12, "popularity": 0.18, COLD: 0.15},
)

POPULAR = {"ease": 0.0, "cooccurrence": 0.13, "succession": 0.0, "als": 0.13, "content": 0.04, "popularity": 0.7, COLD: 0.1}


def begun(start: Blend, likes: int) -> Blend:
    """The weights as they are set where so many likes are known: the more there are, the more what is popular says of who is new."""
    share = likes / (likes + MANY)
    return Blend(start.weights, {name: told + share * (POPULAR[name] - told) for name, told in start.fresh.items()})


@dataclass(frozen=True)
class Example:
    """One user's candidates: what each method gives them, what is known of each, which the user did like next, and how fresh the user was."""

    user: int
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
    that they moved they go a part, the larger the more users tell of it, so that what few like next switches nothing off. The weights for
    whom nothing is known of are learned from `fresh`, users at their beginnings.
    """
    weights = _shares(np.array([[told[name] for name in WEIGHED] for told in (start.weights, start.fresh)]))
    for row, some in enumerate((examples, fresh)):
        weights = _moved([_ready(one) for one in some], weights, row, rounds)
    return Blend(*(dict(zip(WEIGHED, told, strict=True)) for told in weights.tolist()))


@dataclass(frozen=True)
class _Ready:
    """An example as it is asked again and again: a row of numbers for each weight."""

    user: int
    rows: Floats
    mixed: Weights
    liked: NDArray[np.bool_]


def _ready(one: Example) -> _Ready:
    scaled = {name: leading(part) for name, part in one.parts.items()}
    rows = np.stack([*(scaled[name] for name in NAMES), cold(one.supports) * scaled["content"]])
    return _Ready(one.user, rows, np.array([1 - one.fresh, one.fresh]), one.liked)


def _moved(examples: Sequence[_Ready], start: Weights, row: int, rounds: int) -> Weights:
    users = len({one.user for one in examples})
    if users < ENOUGH:
        return start
    weights, [best] = start, _gains(examples, [start])
    for _ in range(rounds):
        before = weights
        for column in range(len(WEIGHED)):
            tried = [_with(weights, row, column, step) for step in STEPS]
            gains = _gains(examples, tried)
            most = int(np.argmax([float(each.mean()) for each in gains]))
            if surely(gains[most] - best):
                best, weights = gains[most], tried[most]
        if weights is before:
            break
    return start + users / (users + HALFWAY[row]) * (_shares(weights) - start)


def _with(weights: Weights, row: int, column: int, weight: float) -> Weights:
    changed = weights.copy()
    changed[row, column] = weight
    return changed


def surely(gains: Gains) -> bool:
    """Whether what each user gains is on the whole more than chance would give."""
    return float(gains.mean()) > 2 * float(gains.std()) / math.sqrt(len(gains))


def _shares(weights: Weights) -> Weights:
    """The same where each row's methods add up to 1."""
    told: Weights = weights / np.maximum(weights[..., : len(NAMES)].sum(axis=-1, keepdims=True), TINY)
    return told


def _gains(examples: Sequence[_Ready], tried: Sequence[Weights]) -> list[Gains]:
    """The mean gain of each user's examples by each of these weights."""
    shares = _shares(np.stack(tried))
    gains = np.array([ranks.gains((one.mixed @ shares).astype(np.float32) @ one.rows, one.liked) for one in examples])
    _, owners, counts = np.unique([one.user for one in examples], return_inverse=True, return_counts=True)
    return [np.bincount(owners, each) / counts for each in gains.T]


def _weighed(scaled: Mapping[str, Floats], weights: Mapping[str, float], supports: Floats) -> dict[str, Floats]:
    weighed = {name: np.float32(weights[name]) * scaled[name] for name in NAMES}
    weighed["content"] += np.float32(weights[COLD]) * cold(supports) * scaled["content"]
    return weighed


def _shared(scaled: Mapping[str, Floats], weights: Mapping[str, float], behaviour: float) -> dict[str, Floats]:
    whole = sum(weights[name] for name in BEHAVIOUR) or 1.0
    shares = {name: behaviour * weights[name] / whole for name in BEHAVIOUR} | {"content": 1 - behaviour, "popularity": 0.0}
    return {name: np.float32(shares[name]) * scaled[name] for name in NAMES}


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
    counts = _discounts(k)
    return float(counts[: len(hits)] @ hits[:k] / counts[: min(wanted, k)].sum()) if wanted else 0.0


@cache
def _discounts(k: int) -> Gains:
    """What each of the first k places counts."""
    return 1 / np.log2(np.arange(k) + 2)


def first(scores: Floats, k: int) -> NDArray[np.int64]:
    """The places of the k highest scores, highest first; equal ones by place."""
    places = np.arange(len(scores))
    if len(scores) > k:
        places = np.flatnonzero(scores >= highest.bar(scores, k))
    order: NDArray[np.int64] = places[np.argsort(-scores[places], kind="stable")][:k]
    return order
