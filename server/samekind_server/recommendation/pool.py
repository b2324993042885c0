"""Finds the items that are worth scoring: what is seen or left out is not among them from the start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from samekind.recommendations import Wish
from samekind.types import Floats
from samekind_server.catalog.inside import Inside
from samekind_server.catalog.memory import Memory
from samekind_server.index.base import Bools, Index, Rows
from samekind_server.recommendation import likeness
from samekind_server.recommendation.links import Links
from samekind_server.recommendation.wanted import Wanted

ALL = 500  # Items up to which all are scored.
LEAST = 150  # Of each way to find some,
MOST = 2_000  # and the most that behaviour brings in where few of them meet a condition.
DIVERSE = 4  # Times as many as hits are chosen from where they are to differ.


@dataclass(frozen=True, eq=False)
class Eligible:
    """What may be recommended: what is in a catalog and meets the wish's condition, but for what is left out. It is listed where that is needed."""

    memory: Memory
    wish: Wish
    left_out: Rows

    @cached_property
    def matching(self) -> Rows:
        """The rows of all that meet the condition, ascending."""
        every = likeness.every(self.memory)
        if self.wish.where is None:
            return every
        return every[likeness.within(every, self.memory.matching(self.wish.where))]

    @cached_property
    def free(self) -> Rows:
        """Those of them that are not left out."""
        return self.matching[~likeness.within(self.matching, self.left_out)]

    @property
    def narrow(self) -> bool:
        """Whether there is a condition, so that it is listed in any case."""
        return self.wish.where is not None

    @property
    def small(self) -> bool:
        """Whether all of it can be scored."""
        many = not self.narrow and self.memory.items > ALL + len(self.left_out)
        return not many and len(self.free) <= ALL

    @property
    def share(self) -> int:
        """One in how many of the catalog's items it has, about."""
        return max(1, self.memory.items // max(1, len(self.free))) if self.narrow else 1

    def has(self, rows: Rows) -> Bools:
        """Which of these rows, that are in the catalog, it has."""
        return likeness.within(rows, self.free) if self.narrow else ~likeness.within(rows, self.left_out)


@dataclass(frozen=True, eq=False)
class Pool:
    """Rows that are scored, ascending, and all that may be recommended."""

    scored: Rows
    eligible: Eligible


def reach(wish: Wish) -> int:
    """How many of each way to find some."""
    return min(MOST, max(LEAST, wish.limit * (DIVERSE if wish.diversity else 1)))


def pool(inside: Inside, wanted: Wanted, links: Links) -> Pool:
    """What is scored. Where fewer were found than are asked for, the newest fill the rest."""
    eligible = Eligible(inside.memory, wanted.wish, wanted.past.left_out)
    if eligible.small:
        return Pool(eligible.free, eligible)
    count = reach(wanted.wish)
    found = [*_near(inside.memory.indexes(), wanted.queries(inside), eligible, count), _chosen(wanted, links, eligible, count)]
    if wanted.wish.new_boost:
        found.append(eligible.free[-count:])
    return Pool(_filled(likeness.distinct(np.concatenate(found)), eligible, wanted.wish.limit), eligible)


def _near(indexes: Mapping[str, Index], queries: Mapping[str, Floats], eligible: Eligible, count: int) -> Iterator[Rows]:
    """The nearest that may come to each query, so many in all by each index."""
    for name, index in indexes.items():
        if not queries or index.is_empty:
            continue
        each = -(-count // len(queries[name]))
        allowed, wide = eligible.free if eligible.narrow else None, each + min(len(eligible.left_out), each)
        for number, near in enumerate(index.near(queries[name], wide, allowed=allowed)):
            rows = near[eligible.has(near)]
            if len(rows) < each <= len(near):  # Much of what is near was seen.
                [rows] = index.near(queries[name][number : number + 1], each, allowed=eligible.free)
            yield rows[:each]


def _chosen(wanted: Wanted, links: Links, eligible: Eligible, count: int) -> Rows:
    """Those that behaviour speaks for most, and popular ones."""
    model = wanted.model
    if not len(model.numbers):
        return np.empty(0, np.int64)
    excluded = model.coded(links.of(eligible.left_out))
    codes = model.candidates(wanted.heard, min(MOST, count * eligible.share), excluded[excluded >= 0])
    rows = links.rows(model.numbers[codes])
    rows = rows[likeness.there(eligible.memory, rows)]
    return rows[eligible.has(rows)][:count]


def _filled(rows: Rows, eligible: Eligible, limit: int) -> Rows:
    """At least so many, with the newest of the others where need be."""
    if len(rows) >= limit:
        return rows
    others = eligible.free[~likeness.within(eligible.free, rows)]
    return np.sort(np.concatenate([rows, others[len(others) - limit + len(rows) :]]))
