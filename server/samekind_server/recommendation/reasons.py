"""Says why items are recommended: what they are like, what those who chose them chose, that many do, or that they are new."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from samekind.recommendations import Reason, ReasonKind, ScoreParts
from samekind.types import Floats
from samekind_server.catalog.inside import Inside
from samekind_server.recommendation.interactions import Codes
from samekind_server.recommendation.ordering import Places, Scored
from samekind_server.recommendation.signals import LINKS, History
from samekind_server.recommendation.sparse_rows import entries
from samekind_server.recommendation.wanted import Wanted
from samekind_server.store import histories

CHOSEN = 2  # Items at most that behaviour is put down to.
LEAST = 1e-6  # Of a score: what is less is no reason.


@dataclass(frozen=True)
class Why:
    """A reason on its way: by which item of the past it is, if by one, by its place there."""

    kind: ReasonKind
    part: float
    place: int | None = None
    example: int | None = None

    def named(self, rows: list[int], ids: Mapping[int, str]) -> Reason:
        """The reason, by the ids of the rows of the past; one whose item went just now names none."""
        return Reason(self.kind, self.part, "" if self.place is None else ids.get(rows[self.place], ""), self.example)


def parts(found: Scored, places: Places) -> list[ScoreParts]:
    """What the score of each of these places is made of."""
    columns = (found.parts.content, found.parts.behaviour, found.parts.popularity, found.newness)
    return [ScoreParts(*each) for each in zip(*(column[places].tolist() for column in columns), strict=True)]


def reasons(inside: Inside, wanted: Wanted, found: Scored, places: Places) -> list[tuple[Reason, ...]]:
    """Why each of these places is recommended, the strongest first."""
    shares, alike = _shares(wanted, found, places), _alike(wanted, found.near[places])
    each = zip(parts(found, places), shares.T, alike, strict=True)
    told = [sorted(_of_one(*one), key=lambda why: -why.part) for one in each]
    rows = wanted.past.rows.tolist()
    named = {rows[why.place] for some in told for why in some if why.place is not None}
    ids = inside.read(lambda of: histories.ids(of, [*named]))
    return [tuple(why.named(rows, ids) for why in some) for some in told]


def _of_one(part: ScoreParts, shares: Floats, alike: Why | None) -> Iterator[Why]:
    if alike and part.content > LEAST:
        yield Why(alike.kind, part.content, alike.place, alike.example)
    if part.behaviour > LEAST:
        yield from _chosen(part.behaviour, shares)
    if part.popularity > LEAST:
        yield Why(ReasonKind.POPULAR, part.popularity)
    if part.newness > LEAST:
        yield Why(ReasonKind.NEW, part.newness)


def _chosen(part: float, shares: Floats) -> Iterator[Why]:
    """Behaviour by the items it is owed to; by none where it is what its content lets expect."""
    leading = [int(place) for place in np.argsort(-shares, kind="stable")[:CHOSEN] if shares[place] > LEAST]
    for place in leading:
        yield Why(ReasonKind.CHOSEN_WITH, float(part * shares[place]), place)
    if not leading:
        yield Why(ReasonKind.CHOSEN_WITH, part)


def _shares(wanted: Wanted, found: Scored, places: Places) -> Floats:
    """How much of each candidate's behaviour is owed to each item of the history, (history, candidates), none to those that nobody chose it with:
    by each method as much as it says."""
    signals, codes = wanted.model.signals, found.codes[places]
    said = signals.said(wanted.history)
    owed = {name: _owed(wanted.history, getattr(signals, name), said[name], codes) for name in LINKS}
    owed["ease"] *= owed["cooccurrence"] > 0  # EASE goes by contents too.
    counted = {name: np.maximum(found.parts.behaviours[name][places], 0) / np.maximum(owed[name].sum(axis=0), np.float32(1e-12)) for name in LINKS}
    shares: Floats = sum((counted[name] * owed[name] for name in LINKS), np.zeros_like(owed["ease"]))
    whole: Floats = shares / np.maximum(shares.sum(axis=0), np.float32(1e-12))
    return whole


def _owed(history: History, weights: sparse.csr_matrix, said: Floats, codes: Codes) -> Floats:
    """What these weights give each candidate for each item of the history that says so much, (history, candidates)."""
    rows, columns = np.flatnonzero((history.codes >= 0) & (history.weights > 0)), np.flatnonzero(codes >= 0)
    at = np.full(weights.shape[1], -1)
    at[codes[columns]] = columns
    owners, items, numbers = entries(weights, history.codes[rows])
    told, here = np.zeros((len(history.codes), len(codes)), np.float32), at[items] >= 0
    told[rows[owners[here]], at[items[here]]] = np.maximum(numbers[here] * said[rows[owners[here]]], 0)
    return told


def _alike(wanted: Wanted, near: Floats) -> list[Why | None]:
    """The nearest of what is liked to each row, if any is near at all: an item, or an example."""
    liked, shown = np.flatnonzero(wanted.history.weights[: len(wanted.liked)] > 0), np.flatnonzero(wanted.weights > 0)
    against = np.concatenate([wanted.shown[shown], wanted.liked[liked]])
    if not len(against):
        return [None] * len(near)
    cosines = near @ against.T
    best = cosines.argmax(axis=1)
    found = zip(best.tolist(), cosines[np.arange(len(near)), best].tolist(), strict=True)
    return [_leading(shown, liked, place) if cosine > 0 else None for place, cosine in found]


def _leading(shown: Codes, liked: Codes, place: int) -> Why:
    if place < len(shown):
        return Why(ReasonKind.ALIKE, 0.0, example=int(shown[place]))
    return Why(ReasonKind.ALIKE, 0.0, int(liked[place - len(shown)]))
