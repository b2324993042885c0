"""Says why items are recommended: what they are like, what those who chose them chose, that many do, or that they are new."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from samekind.recommendations import Reason, ReasonKind, ScoreParts
from samekind.types import Floats
from samekind_server.recommendation.interactions import Codes
from samekind_server.recommendation.ordering import Places, Scored
from samekind_server.recommendation.signals import History
from samekind_server.recommendation.sparse_rows import entries
from samekind_server.recommendation.wanted import Wanted

CHOSEN = 2  # Items at most that behaviour is put down to.
LEAST = 1e-6  # Of a score: what is less is no reason.


def parts(found: Scored, places: Places) -> list[ScoreParts]:
    """What the score of each of these places is made of."""
    columns = (found.parts.content, found.parts.behaviour, found.parts.popularity, found.newness)
    return [ScoreParts(*each) for each in zip(*(column[places].tolist() for column in columns), strict=True)]


def reasons(wanted: Wanted, found: Scored, places: Places) -> list[tuple[Reason, ...]]:
    """Why each of these places is recommended, the strongest first."""
    told = parts(found, places)
    shares, alike = _shares(wanted, found.codes[places]), _alike(wanted, found.near[places])
    each = zip(told, shares.T, alike, strict=True)
    return [tuple(sorted(_of_one(wanted, *one), key=lambda reason: -reason.part)) for one in each]


def _of_one(wanted: Wanted, part: ScoreParts, shares: Floats, alike: Reason | None) -> Iterator[Reason]:
    if alike and part.content > LEAST:
        yield Reason(alike.kind, part.content, alike.item, alike.example)
    if part.behaviour > LEAST:
        yield from _chosen(wanted, part.behaviour, shares)
    if part.popularity > LEAST:
        yield Reason(ReasonKind.POPULAR, part.popularity)
    if part.newness > LEAST:
        yield Reason(ReasonKind.NEW, part.newness)


def _chosen(wanted: Wanted, part: float, shares: Floats) -> Iterator[Reason]:
    """Behaviour by the items it is owed to; by none where it is what its content lets expect."""
    leading = [int(place) for place in np.argsort(-shares, kind="stable")[:CHOSEN] if shares[place] > LEAST]
    for place in leading:
        yield Reason(ReasonKind.CHOSEN_WITH, float(part * shares[place]), wanted.past.likings[place].id)
    if not leading:
        yield Reason(ReasonKind.CHOSEN_WITH, part)


def _shares(wanted: Wanted, codes: Codes) -> Floats:
    """How much of each candidate's behaviour is owed to each item of the history, (history, candidates), none to those that nobody chose it with."""
    history, signals = wanted.history, wanted.model.signals
    together, learned = (_owed(history, weights, codes) for weights in (signals.cooccurrence, signals.ease))
    learned *= together > 0  # EASE goes by contents too.
    shares: Floats = sum((each / np.maximum(each.sum(axis=0), np.float32(1e-12)) for each in (together, learned)), np.zeros_like(together))
    whole: Floats = shares / np.maximum(shares.sum(axis=0), np.float32(1e-12))
    return whole


def _owed(history: History, weights: sparse.csr_matrix, codes: Codes) -> Floats:
    """What these weights give each candidate for each item of the history, (history, candidates)."""
    rows, columns = np.flatnonzero((history.codes >= 0) & (history.weights > 0)), np.flatnonzero(codes >= 0)
    at = np.full(weights.shape[1], -1)
    at[codes[columns]] = columns
    owners, items, numbers = entries(weights, history.codes[rows])
    told, here = np.zeros((len(history.codes), len(codes)), np.float32), at[items] >= 0
    told[rows[owners[here]], at[items[here]]] = np.maximum(numbers[here] * history.weights[rows[owners[here]]], 0)
    return told


def _alike(wanted: Wanted, near: Floats) -> list[Reason | None]:
    """The nearest of what is liked to each row, if any is near at all: an item, or an example."""
    liked, shown = np.flatnonzero(wanted.history.weights[: len(wanted.liked)] > 0), np.flatnonzero(wanted.weights > 0)
    against = np.concatenate([wanted.shown[shown], wanted.liked[liked]])
    if not len(against):
        return [None] * len(near)
    cosines = near @ against.T
    best = cosines.argmax(axis=1)
    found = zip(best.tolist(), cosines[np.arange(len(near)), best].tolist(), strict=True)
    return [_leading(wanted, shown, liked, place) if cosine > 0 else None for place, cosine in found]


def _leading(wanted: Wanted, shown: Codes, liked: Codes, place: int) -> Reason:
    if place < len(shown):
        return Reason(ReasonKind.ALIKE, 0.0, example=int(shown[place]))
    return Reason(ReasonKind.ALIKE, 0.0, wanted.past.likings[int(liked[place - len(shown)])].id)
