"""Turns what users did into how much each likes what: one signed number for each user and item."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Codes = NDArray[np.int64]
Numbers = NDArray[np.float64]

Scale = tuple[float, float]  # The worst and the best rating.

SCALES: tuple[Scale, ...] = ((0, 1), (-1, 1), (0, 5), (0, 10), (0, 100))
NEUTRAL, SPAN = 2.5, 2.5  # A rating from 0 to 5 says from -1 to 1.
OFTEN = 2.0  # The most that doing a thing again and again counts, in times of doing it once.
TINY = 1e-12


@dataclass(frozen=True)
class Events:
    """What users did, in any order: codes of users and items from 0, the signed weight of the kind, a rating from 0 to 5 or NaN, and when, in
    seconds. `scale` is what the ratings were told on; None where there are none."""

    users: Codes
    items: Codes
    weights: Numbers
    values: Numbers
    times: Numbers
    scale: Scale | None = None

    def __len__(self) -> int:
        return len(self.users)

    def some(self, which: NDArray[np.bool_] | Codes) -> Events:
        """The events at these places."""
        return Events(self.users[which], self.items[which], self.weights[which], self.values[which], self.times[which], self.scale)


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

    @property
    def items(self) -> int:
        """How many items are liked by anybody."""
        return len(np.unique(self.matrix.indices[self.matrix.data > 0]))

    def positive(self) -> sparse.csr_matrix:
        """What is liked alone."""
        liked = self.matrix.copy()
        liked.data = np.maximum(liked.data, 0)
        liked.eliminate_zeros()
        return liked


def scale(ratings: Numbers, known: Scale | None = None) -> Scale | None:
    """The smallest scale that holds all of these ratings (NaN: there is none) and another scale; None where there is nothing to be held.

    Where none holds them all, as for -1 and 5, the smallest that goes as high: what is lower counts as its worst.
    """
    told = [*ratings[~np.isnan(ratings)].tolist(), *(known or ())]
    if not told:
        return None
    holding = [one for one in SCALES if one[0] <= min(told) and max(told) <= one[1]]
    return next(iter(holding), next(one for one in SCALES if max(told) <= one[1]))


def on_five(ratings: Numbers, of: Scale | None) -> Numbers:
    """Ratings of a scale from 0 to 5."""
    worst, best = of or SCALES[0]
    told: Numbers = np.clip(5 * (ratings - worst) / (best - worst), 0, 5)
    return told


def interactions(events: Events, users: int, items: int) -> Interactions:
    """How much each user likes each item once all was done, as `standing` says."""
    pairs, stands, times = standing(events, events.users * items + events.items)
    return Interactions(sparse.csr_matrix((stands.astype(np.float32), (pairs // items, pairs % items)), shape=(users, items)), times)


def standing(events: Events, pairs: Codes) -> tuple[Codes, Numbers, Numbers]:
    """Each pair of a user and an item, by number, ascending, how much that likes this, and when it last had an event.

    It is what stands once all was done: a rating overrules what came before it, and so does what speaks against an item.

    What speaks for an item again overrules that only where it says no less: a view does not undo a dislike, a purchase does. Of what then
    stands the strongest event counts, and a little more where there were several: 1 + ln(their sum / the strongest) times, at most twice.
    Equal times go by place.
    """
    strengths = strength(events.weights, events.values)
    order = np.lexsort((events.times, pairs))
    pairs, strengths, times, rated = pairs[order], strengths[order], events.times[order], ~np.isnan(events.values[order])
    starts = np.flatnonzero(np.diff(pairs, prepend=-1))
    stands = _standing(strengths, rated, starts)
    return pairs[starts], stands, np.maximum.reduceat(times, starts) if len(starts) else times


def in_units(history: Interactions) -> tuple[Interactions, float]:
    """The same with 1 for what is liked well, whatever the weights of kinds and quantities are: the 99th percentile of sizes, and what that was.

    What is more counts as 2 at most.
    """
    sizes = np.abs(history.matrix.data)
    unit = float(np.quantile(sizes, 0.99, method="lower")) if len(sizes) else 0.0
    unit = unit if unit > TINY else 1.0
    matrix = history.matrix.copy()
    matrix.data = np.clip(matrix.data / np.float32(unit), -OFTEN, OFTEN)
    return Interactions(matrix, history.times), unit


def strength(weights: Numbers, ratings: Numbers) -> Numbers:
    """What each event says alone: its kind's weight, and of a rating from 0 to 5 (NaN: there is none) -1 to 1 times that."""
    said: Numbers = np.where(np.isnan(ratings), weights, weights * (ratings - NEUTRAL) / SPAN)
    return said


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
    whole = np.add.reduceat(np.where(after, strengths, 0), starts)
    favoured = best * np.minimum(1 + np.log(np.maximum(whole, TINY) / np.maximum(best, TINY)), OFTEN)
    answer: Numbers = np.where((against >= 0) & (best < bar), -bar, favoured)
    return answer
