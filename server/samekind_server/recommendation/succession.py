"""Counts to which items users go on from which, soon after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from samekind.types import Floats
from samekind_server.recommendation.interactions import Codes, Interactions
from samekind_server.recommendation.sparse_rows import KEPT, ranges, thinned

SHRINK = 1.0
WINDOW = 50  # How many things later is still soon.
PASSING = 0.35  # The power of that with which it counts less.
TIED = 0.5  # Of one moment either may have come first.
BLOCK = 512
CHUNK = 1 << 16  # Things done that are followed at a time.


def succession(done: Interactions, *, shrink: float = SHRINK, kept: int = KEPT, seed: int = 0) -> sparse.csr_matrix:
    """How much users go on from one item to another, (items, items) float32: a cosine, times met / (met + shrink), so that chance counts little.

    `done` has no negative numbers. Two things of a user have met by the product of theirs, divided by how many things later the second came to the
    power of 0.35, up to 50; half of that both ways where they are of one moment, which are in an order by lot. The `kept` strongest of each item.
    """
    matrix = done.matrix
    lengths = np.sqrt(np.maximum(matrix.multiply(matrix).sum(axis=0).A1, 1e-12)).astype(np.float32)
    rows = [thinned(_cosines(met, start, lengths, np.float32(shrink)), kept) for start, met in _blocks(_told(done, seed))]
    return sparse.vstack(rows, "csr") if rows else sparse.csr_matrix((0, 0), dtype=np.float32)


@dataclass(frozen=True)
class _Told:
    """All that was done, each user's in the order of time: the items, how much each counts, and of each place those of its moment, from `first` to
    before `last`, and where its user's end."""

    items: Codes
    weights: Floats
    first: Codes
    last: Codes
    end: Codes
    count: int


def _told(done: Interactions, seed: int) -> _Told:
    users, times = done.users, done.times
    order = np.lexsort((np.random.default_rng(seed).random(len(users)), times, users))
    times, ends = times[order], done.matrix.indptr[1:][users].astype(np.int64)
    starts = np.flatnonzero(np.diff(users, prepend=-1).astype(bool) | np.diff(times, prepend=-1).astype(bool))
    sizes = np.diff(starts, append=len(users))
    first, last = np.repeat(starts, sizes), np.repeat(starts + sizes, sizes)
    return _Told(done.matrix.indices[order].astype(np.int64), done.matrix.data[order], first, last, ends, done.matrix.shape[1])


def _blocks(told: _Told) -> Iterator[tuple[int, sparse.csr_matrix]]:
    """What met, as much as it did, of some items at a time."""
    places = np.argsort(told.items, kind="stable")
    bounds = np.searchsorted(told.items[places], np.arange(0, told.count + BLOCK, BLOCK))
    for number, start in enumerate(range(0, told.count, BLOCK)):
        size, own = min(BLOCK, told.count - start), places[bounds[number] : bounds[number + 1]]
        met = sparse.csr_matrix((size, told.count), dtype=np.float32)
        for some in (own[at : at + CHUNK] for at in range(0, len(own), CHUNK)):
            whose = sparse.csr_matrix((told.weights[some], (told.items[some] - start, np.arange(len(some)))), shape=(size, len(some)))
            met += whose @ _after(told, some)
        yield start, met


def _after(told: _Told, places: Codes) -> sparse.csr_matrix:
    """What came soon after each place, or at the same moment, (places, items)."""
    begin, end = np.maximum(told.first[places], places - WINDOW), np.minimum(told.end[places], places + WINDOW + 1)
    owners, others = ranges(begin, end - begin)
    near = np.append(0, np.arange(1, WINDOW + 1) ** -PASSING).astype(np.float32)[np.abs(others - places[owners])]
    near *= np.where(others < told.last[places][owners], np.float32(TIED), np.float32(1)) * told.weights[others]
    return sparse.csr_matrix((near, told.items[others], np.append(0, np.cumsum(end - begin))), shape=(len(places), told.count))


def _cosines(met: sparse.csr_matrix, start: int, lengths: Floats, shrink: np.float32) -> sparse.csr_matrix:
    rows = np.repeat(np.arange(met.shape[0]) + start, np.diff(met.indptr))
    met.data = met.data * met.data / (met.data + shrink) / lengths[rows] / lengths[met.indices]
    return met
