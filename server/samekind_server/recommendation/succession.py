"""Learns to which items users go on from which, soon after (in the way of SLIT: Choi et al. 2021, arXiv 2103.16104)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from samekind.types import Floats
from samekind_server.recommendation.interactions import Codes, Interactions
from samekind_server.recommendation.sparse_rows import KEPT, ranges, spread, strongest

ITEMS = 3_000  # Those that most did: what few did says little of what comes next, and time grows with their number's cube.
RIDGE = 100.0
DENOISING = 0.3  # Of an item's own strength, added to its ridge.
WINDOW = 50  # How many things later is still soon.
PASSING = 0.35  # The power of that with which it counts less.
TIED = 0.5  # Of one moment either may have come first.
BLOCK = 512
CHUNK = 1 << 16  # Things done that are followed at a time.


def succession(done: Interactions, *, items: int = ITEMS, ridge: float = RIDGE, kept: int = KEPT, seed: int = 0) -> sparse.csr_matrix:
    """How much users go on from one item to another, (items, items) float32, none to itself: the `kept` strongest of each of those `items` that most
    users did.

    What came after each thing is put down to all that had been done by then, the latest 1, the one before 1/2, then 1/3 …, up to 50: a ridge
    regression. `done` has no negative numbers. Two things of a user have met by the product of theirs, divided by how many things later the second
    came to the power of 0.35, up to 50; half of that both ways where they are of one moment, which are in an order by lot. Takes 12 bytes × `items`².
    """
    active = _commonest(done, items)
    after, together = _met(_told(done, active, seed), len(active))
    places = np.arange(len(active))
    together[places, places] += ridge + DENOISING * together[places, places]
    weights = linalg.solve(together, after, assume_a="pos", overwrite_a=True, overwrite_b=True, check_finite=False)
    weights[places, places] = 0
    leading = strongest((weights[start : start + BLOCK] for start in range(0, len(weights), BLOCK)), len(weights), kept)
    return spread(leading, active, done.matrix.shape[1])


def _commonest(done: Interactions, most: int) -> Codes:
    """The items that most users did, ascending; of equals the first."""
    users = np.bincount(done.matrix.indices, minlength=done.matrix.shape[1])
    leading = np.argsort(-users, kind="stable")[:most]
    return np.sort(leading[users[leading] > 0])


@dataclass(frozen=True)
class _Told:
    """All that was done, each user's in the order of time: which of the items it was (-1: another), how much it counts, and of each place those
    of its moment, from `first` to before `last`, and where its user's end."""

    items: Codes
    weights: Floats
    first: Codes
    last: Codes
    end: Codes


def _told(done: Interactions, active: Codes, seed: int) -> _Told:
    users, times = done.users, done.times
    order = np.lexsort((np.random.default_rng(seed).random(len(users)), times, users))
    times, ends = times[order], done.matrix.indptr[1:][users].astype(np.int64)
    starts = np.flatnonzero(np.diff(users, prepend=-1).astype(bool) | np.diff(times, prepend=-1).astype(bool))
    sizes = np.diff(starts, append=len(users))
    first, last = np.repeat(starts, sizes), np.repeat(starts + sizes, sizes)
    codes = np.full(done.matrix.shape[1], -1, np.int64)
    codes[active] = np.arange(len(active))
    return _Told(codes[done.matrix.indices[order]], done.matrix.data[order], first, last, ends)


def _met(told: _Told, count: int) -> tuple[Floats, Floats]:
    """How much of each item came after which, and how much of which was done lately together, (count, count) each."""
    after, together = np.zeros((count, count), np.float32), np.zeros((count, count), np.float32)
    for rows, places in _blocks(told, count):
        size, columns = rows.stop - rows.start, np.arange(len(places))
        whose = sparse.csr_matrix((told.weights[places], (told.items[places] - rows.start, columns)), shape=(size, len(places)))
        later, lately = _near(told, places, count)
        after[rows] += (whose @ later).toarray()
        together[rows] += (whose @ lately).toarray()
    together += together.T.copy()
    known = told.items >= 0
    together[np.arange(count), np.arange(count)] += _lately()[0] * np.bincount(told.items[known], told.weights[known] ** 2, minlength=count)
    return after, together


def _blocks(told: _Told, count: int) -> Iterator[tuple[slice, Codes]]:
    """Some items, and some of the places where they are."""
    places = np.argsort(told.items, kind="stable")
    bounds = np.searchsorted(told.items[places], np.arange(0, count + BLOCK, BLOCK))
    for number, start in enumerate(range(0, count, BLOCK)):
        own = places[bounds[number] : bounds[number + 1]]
        yield from ((slice(start, min(start + BLOCK, count)), own[at : at + CHUNK]) for at in range(0, len(own), CHUNK))


def _near(told: _Told, places: Codes, count: int) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """What came soon after each place, or at the same moment; and what was done so lately that both are of the latest, (places, count) each."""
    begin, end = np.maximum(told.first[places], places - WINDOW), np.minimum(told.end[places], places + WINDOW + 1)
    owners, others = ranges(begin, end - begin)
    known = told.items[others] >= 0
    owners, others = owners[known], others[known]
    apart, tied = others - places[owners], others < told.last[places][owners]
    after = np.append(0, np.arange(1, WINDOW + 1) ** -PASSING).astype(np.float32)[np.abs(apart)] * np.where(tied, np.float32(TIED), np.float32(1))
    lately = np.where(apart > 0, _lately()[np.abs(apart)], np.float32(0))
    starts, columns, weights = np.searchsorted(owners, np.arange(len(places) + 1)), told.items[others], told.weights[others]
    shape = (len(places), count)
    return sparse.csr_matrix((after * weights, columns, starts), shape=shape), sparse.csr_matrix((lately * weights, columns, starts), shape=shape)


def _lately() -> Floats:
    """Of two things so far apart what both count by, summed over all that comes later, while the first is one of the latest 50."""
    ages = np.arange(1.0, WINDOW + 1)
    return np.array([(1 / (ages * (ages + apart)))[: WINDOW - apart].sum() for apart in range(WINDOW + 1)], np.float32)
