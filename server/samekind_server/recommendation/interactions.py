"""Turns what users did into how much each likes what: one signed number for each user and item."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Codes = NDArray[np.int64]
Numbers = NDArray[np.float64]

RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 5.0), (0.0, 10.0), (0.0, 100.0))
OFTEN = 2.0  # The most that doing a thing again and again counts, in times of doing it once.


@dataclass(frozen=True)
class Events:
    """What users did, in any order: codes of users and items from 0, the signed weight of the kind, a rating or NaN, and when, in seconds."""

    users: Codes
    items: Codes
    weights: Numbers
    values: Numbers
    times: Numbers

    def __len__(self) -> int:
        return len(self.users)

    def some(self, which: NDArray[np.bool_] | Codes) -> Events:
        """The events at these places."""
        return Events(self.users[which], self.items[which], self.weights[which], self.values[which], self.times[which])


@dataclass(frozen=True)
class Scale:
    """From where on a rating is praise, and how far from there to the highest."""

    neutral: float = 2.5
    span: float = 2.5

    @classmethod
    def of(cls, values: Numbers) -> Scale:
        """The smallest customary range that holds all values, halved: five stars from 2.5 on, ten points from 5. NaN are no values."""
        told = values[np.isfinite(values)]
        if not len(told):
            return cls()
        low, high = float(told.min()), float(told.max())
        low, high = next((known for known in RANGES if known[0] <= low and high <= known[1]), (low, high))
        return cls((low + high) / 2, (high - low) / 2)

    def strength(self, weights: Numbers, values: Numbers) -> Numbers:
        """What each event says alone: its kind's weight, times from -1 to 1 where it has a rating."""
        rated: Numbers = np.where(np.isnan(values), weights, weights * (values - self.neutral) / self.span)
        return rated


@dataclass(frozen=True)
class Interactions:
    """How much each user likes each item, (users, items) float32: above 0 liked, below 0 not; and when each pair last had an event.

    A pair that has events is stored, even where its number is 0. `times` has the order of `matrix.data`.
    """

    matrix: sparse.csr_matrix
    times: Numbers

    @property
    def users(self) -> Codes:
        """The user of each stored pair."""
        told: Codes = np.repeat(np.arange(self.matrix.shape[0]), np.diff(self.matrix.indptr))
        return told

    def positive(self) -> sparse.csr_matrix:
        """What is liked alone."""
        liked = self.matrix.copy()
        liked.data = np.maximum(liked.data, 0)
        liked.eliminate_zeros()
        return liked


def interactions(events: Events, users: int, items: int, *, scale: Scale | None = None) -> Interactions:
    """What stands once all was done: a rating overrules what came before it, and so does what speaks against an item.

    What speaks for an item again overrules that only where it says no less: a view does not undo a dislike, a purchase does. Of what then
    stands the strongest event counts, and a little more where there were several (1 + ln n times, at most twice). Equal times go by place.
    """
    strengths = (scale or Scale.of(events.values)).strength(events.weights, events.values)
    pairs = events.users * items + events.items
    order = np.lexsort((events.times, pairs))
    pairs, strengths, times, rated = pairs[order], strengths[order], events.times[order], ~np.isnan(events.values[order])
    starts = np.flatnonzero(np.diff(pairs, prepend=-1))
    stands = _standing(strengths, rated, starts)
    found = pairs[starts]
    matrix = sparse.csr_matrix((stands.astype(np.float32), (found // items, found % items)), shape=(users, items))
    return Interactions(matrix, np.maximum.reduceat(times, starts) if len(starts) else times)


def faded(weights: Numbers, times: Numbers, now: float, half_life: float) -> Numbers:
    """The weights, halved for each `half_life` seconds that have passed; what lies in the future counts as now."""
    kept: Numbers = weights * np.exp2(-np.maximum(now - times, 0) / half_life)
    return kept


def _standing(strengths: Numbers, rated: NDArray[np.bool_], starts: Codes) -> Numbers:
    """What stands of each run of events, in the order of time, that begins at `starts`."""
    if not len(starts):
        return strengths
    places, group = np.arange(len(strengths)), np.repeat(np.arange(len(starts)), np.diff(starts, append=len(strengths)))
    begin = np.maximum.reduceat(np.where(rated, places, -1), starts)[group]  # The last rating overrules what was before it.
    since = places >= begin
    against = np.maximum.reduceat(np.where(since & (strengths < 0), places, -1), starts)
    bar = np.where(against >= 0, -strengths[against], 0)
    after = since & (places > against[group]) & (strengths > 0)
    best = np.maximum.reduceat(np.where(after, strengths, 0), starts)
    counts = np.add.reduceat(after.astype(np.int64), starts)
    favoured = best * np.minimum(1 + np.log(np.maximum(counts, 1)), OFTEN)
    answer: Numbers = np.where((against >= 0) & (best < bar), -bar, favoured)
    return answer
