"""Fits the blend, and measures each method, on what users did last: the time split inside what is learned from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from samekind.types import Floats
from samekind_server.recommendation.blend import DEFAULT, ENOUGH, WITHOUT_EASE, Blend, Example, Gains, begun, first, gain, ndcg, recall, surely
from samekind_server.recommendation.blend import fitted as blended
from samekind_server.recommendation.interactions import Codes, Interactions
from samekind_server.recommendation.reading import FADING
from samekind_server.recommendation.signals import DAY, LATELY, NAMES, History, Signals, learned, popularity

SHARE = 0.2
USERS = 600  # As many as are asked, so that fitting takes seconds.
LONG = 500  # Of a user's history.
NEWCOMERS = 200  # Users that are kept from what is learned, and met as if they came just now,
FIRST = (1, 3, 8)  # by the first things alone that they did.
FRESH = 0.1  # How fresh others must be to say how who is new is served, too.
FADINGS = (0.0, 0.2, 0.5, 0.8)  # That are tried beside the one that is set.
HALF_LIVES = (30 * DAY, 180 * DAY, 720 * DAY, 100_000 * DAY)
LONGEST = 200  # Candidates that each method brings in.


@dataclass(frozen=True)
class Fit:
    """The weights of the blend, after how many seconds a like's part in popularity is halved, how much what came earlier counts less in a
    history, and how good each method was."""

    blend: Blend = DEFAULT
    half_life: float = 180 * DAY
    fading: float = FADING
    measures: Mapping[tuple[str, str], float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Contents:
    """Of all items the centred vectors, and the factors that these let expect."""

    near: Floats
    expected: Floats


def fitted(history: Interactions, vectors: Floats, *, ease_items: int, seed: int = 0) -> Fit:
    """Learns from all but each user's latest fifth, and chooses what makes that come first. Too few users who like something then: as it is set.

    How who is new is served is chosen by `newcomers`, of whom nothing is learned: weights between items that knew them would know what comes next.
    """
    later, new = latest(history), newcomers(history, seed)
    known = ~np.isin(history.users, new)
    before, after = _some(history, ~later & known), _some(history, later & known)
    askers = _askers(before, after, seed)
    start, ease_items = (DEFAULT, ease_items) if history.items <= ease_items else (WITHOUT_EASE, 0)
    start = begun(start, int((history.matrix.data > 0).sum()))
    if len(askers) < ENOUGH:
        return Fit(start)
    now = float(history.times.max())
    signals = learned(before, vectors, ease_items=ease_items, now=now, seed=seed)
    lives = {life: popularity(before, life, now) for life in HALF_LIVES}
    half_life = max(HALF_LIVES, key=lambda life: _popular(lives[life], before, after, askers))
    signals = replace(signals, popularity=lives[half_life])
    near = signals.centred(vectors)
    signals = _read(signals, before, after, near, askers)
    contents = _Contents(near, signals.expected(near))
    examples = [_example(signals, history_of(before, near, user), _unseen(before, user), _liked(after, user), contents, user) for user in askers]
    beginnings = [one for user in new for one in _beginnings(signals, history, contents, user, seed)]
    blend = blended(examples, start, fresh=[*beginnings, *(one for one in examples if one.fresh > FRESH)])
    return Fit(blend, half_life, signals.reading.fading, _measures(examples, blend))


def latest(history: Interactions, share: float = SHARE) -> np.ndarray:
    """Which stored pairs are the last of their user, at least one of a user with several; equal times by item."""
    counts = np.diff(history.matrix.indptr)
    order = np.lexsort((history.times, history.users))
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order)) - np.repeat(history.matrix.indptr[:-1], counts)
    held = np.where(counts > 1, np.maximum(np.round(counts * share), 1), 0)
    told: np.ndarray = places >= np.repeat(counts - held, counts)
    return told


def history_of(history: Interactions, vectors: Floats, user: int) -> History:
    """One row of the matrix as a history, latest first, and of a long one the latest."""
    row = slice(*history.matrix.indptr[user : user + 2])
    order = np.argsort(-history.times[row], kind="stable")[:LONG]
    codes = history.matrix.indices[row][order].astype(np.int64)
    return History(codes, history.matrix.data[row][order], vectors[codes], history.times[row][order])


def newcomers(history: Interactions, seed: int) -> Codes:
    """A fifth of those who did several things, at most 200 of them by chance; nobody where they would be too few to tell anything."""
    users = np.flatnonzero(np.diff(history.matrix.indptr) > 1)
    count = min(NEWCOMERS, round(SHARE * len(users)))
    return np.sort(np.random.default_rng((seed, 1)).permutation(users)[: count if count >= ENOUGH else 0])


def _some(history: Interactions, which: np.ndarray) -> Interactions:
    matrix = history.matrix.copy()
    counts = np.add.reduceat(np.append(which, False).astype(np.int64), history.matrix.indptr[:-1]) * (np.diff(history.matrix.indptr) > 0)
    matrix.data, matrix.indices = matrix.data[which], matrix.indices[which]
    matrix.indptr = np.concatenate([[0], np.cumsum(counts)])
    return Interactions(matrix, history.times[which])


def _askers(before: Interactions, after: Interactions, seed: int) -> Codes:
    """Users who did something before and liked something after, at most 600 of them by chance."""
    liked = np.asarray((after.matrix > 0).sum(axis=1)).ravel() > 0
    users = np.flatnonzero(liked & (np.diff(before.matrix.indptr) > 0))
    chosen = np.random.default_rng(seed).permutation(users)[:USERS]
    return np.sort(chosen)


def _popular(popular: Floats, before: Interactions, after: Interactions, askers: Codes) -> float:
    gains = []
    for user in askers:
        unseen = _unseen(before, user)
        gains.append(ndcg(popular[unseen], _liked(after, user)[unseen], 100))
    return float(np.mean(gains))


def _read(signals: Signals, before: Interactions, after: Interactions, near: Floats, askers: Codes) -> Signals:
    """The same, reading histories so that what behaviour makes of them is best: otherwise than is set only where that is no chance."""
    best = _gains(signals, before, after, near, askers)
    for reading in [replace(signals.reading, fading=fading) for fading in FADINGS]:
        other = replace(signals, reading=reading)
        if surely((gains := _gains(other, before, after, near, askers)) - best):
            signals, best = other, gains
    return signals


def _gains(signals: Signals, before: Interactions, after: Interactions, near: Floats, askers: Codes) -> Gains:
    gains, method = [], "ease" if signals.ease.nnz else "als"
    for user in askers:
        unseen = _unseen(before, user)
        told = signals.behaviours(signals.heard(history_of(before, near, user), [method]))
        gains.append(gain(told[method][unseen], _liked(after, user)[unseen]) if method in told else 0.0)
    return np.array(gains)


def _unseen(before: Interactions, user: int) -> np.ndarray:
    unseen = np.ones(before.matrix.shape[1], bool)
    unseen[before.matrix.indices[slice(*before.matrix.indptr[user : user + 2])]] = False
    return unseen


def _beginnings(signals: Signals, history: Interactions, contents: _Contents, user: int, seed: int) -> Iterator[Example]:
    """Somebody after the first thing done, the third and the eighth, and what was liked of all that came later."""
    row = slice(*history.matrix.indptr[user : user + 2])
    order = np.lexsort((np.random.default_rng((seed, user)).random(row.stop - row.start), -history.times[row]))
    codes, weights, times = history.matrix.indices[row][order].astype(np.int64), history.matrix.data[row][order], history.times[row][order]
    for count in [count for count in FIRST if count < len(codes)]:
        unseen, liked = np.ones(len(contents.near), bool), np.zeros(len(contents.near), bool)
        unseen[codes[-count:]], liked[codes[:-count]] = False, weights[:-count] > 0
        if liked.any():
            past = History(codes[-count:], weights[-count:], contents.near[codes[-count:]], times[-count:])
            yield _example(signals, past, unseen, liked, contents, user)


def _example(signals: Signals, past: History, unseen: np.ndarray, liked: np.ndarray, contents: _Contents, user: int) -> Example:
    """What each method gives the items that one of them puts first, or that the user did like next. The vectors of `past` are centred."""
    codes, every = np.flatnonzero(unseen), np.arange(len(unseen))  # A copy of what is near to most items takes longer than all items do.
    told = signals.parts_of(past, every, contents.near, past.vectors[:LATELY], contents.expected)
    parts = {name: part[codes] for name, part in told.items()}
    some = np.unique(np.concatenate([np.flatnonzero(liked[codes]), *(first(part, LONGEST) for part in parts.values())]))
    return Example(user, {name: part[some] for name, part in parts.items()}, signals.supports(codes[some]), liked[codes[some]], past.fresh)


def _liked(after: Interactions, user: int) -> np.ndarray:
    liked = np.zeros(after.matrix.shape[1], bool)
    row = slice(*after.matrix.indptr[user : user + 2])
    liked[after.matrix.indices[row][after.matrix.data[row] > 0]] = True
    return liked


def _measures(examples: Sequence[Example], blend: Blend) -> dict[tuple[str, str], float]:
    alone = {name: [one.parts[name] for one in examples] for name in NAMES}
    ranked = alone | {"default": [blend.scores(one.parts, one.supports, fresh=one.fresh).total for one in examples]}
    measures = {}
    for method, scores in ranked.items():
        for k in (10, 100):
            measures[f"ndcg@{k}", method] = float(np.mean([ndcg(score, one.liked, k) for score, one in zip(scores, examples, strict=True)]))
        measures["recall@20", method] = float(np.mean([recall(score, one.liked, 20) for score, one in zip(scores, examples, strict=True)]))
    return measures
