"""Finds the items that are worth scoring: what is seen or left out is not among them from the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from samekind.recommendations import Wish
from samekind.types import Floats
from samekind_server.catalog.inside import Inside
from samekind_server.index.base import Rows
from samekind_server.recommendation import likeness
from samekind_server.recommendation.wanted import Wanted
from samekind_server.store import histories

ALL = 500  # Items up to which all are scored.
LEAST = 150  # Of each way to find some,
MOST = 2_000  # and the most that behaviour brings in where few of them meet a condition.
DIVERSE = 4  # Times as many as hits are chosen from where they are to differ.


@dataclass(frozen=True, eq=False)
class Pool:
    """Rows that may be recommended, `free`, ascending, and those of them that are scored; and how many there are but for what is left out."""

    free: Rows
    scored: Rows
    matching: int


def reach(wish: Wish) -> int:
    """How many of each way to find some."""
    return min(MOST, max(LEAST, wish.limit * (DIVERSE if wish.diversity else 1)))


def pool(inside: Inside, wanted: Wanted) -> Pool:
    """What may be recommended. Where fewer were found than are asked for, the newest fill the rest."""
    every = likeness.every(inside.memory)
    if (where := wanted.wish.where) is not None:
        every = every[likeness.within(every, inside.memory.matching(where))]
    free = every[~likeness.within(every, np.array(sorted(wanted.past.rows), np.int64))]
    if len(free) <= ALL:
        return Pool(free, free, len(every))
    count = reach(wanted.wish)
    found = [
        _near(inside, wanted.queries(inside), free, count, seen=len(every) - len(free), narrow=where is not None),
        _chosen(inside, wanted, free, count),
    ]
    newest = free[len(free) - count :] if wanted.wish.new_boost else free[:0]
    return Pool(free, _filled(np.unique(np.concatenate([*found, newest])), free, wanted.wish.limit), len(every))


def _near(inside: Inside, queries: Mapping[str, Floats], free: Rows, count: int, *, seen: int, narrow: bool) -> Rows:
    """The nearest of the free to each query, so many in all."""
    found = [np.empty(0, np.int64)]
    for name, index in inside.memory.indexes().items():
        if not queries or index.is_empty:
            continue
        each = -(-count // len(queries[name]))
        for number, near in enumerate(index.nearest(queries[name], each + min(seen, each), allowed=free if narrow else None)):
            rows = near.rows[likeness.within(near.rows, free)]
            if len(rows) < each <= len(near.rows):  # Much of what is near was seen.
                rows = index.nearest(queries[name][number : number + 1], each, allowed=free)[0].rows
            found.append(rows[:each])
    return np.concatenate(found)


def _chosen(inside: Inside, wanted: Wanted, free: Rows, count: int) -> Rows:
    """The free that behaviour speaks for most, and popular ones."""
    model = wanted.model
    if not model.ids:
        return np.empty(0, np.int64)
    wide = min(MOST, count * max(1, inside.memory.items // len(free)))
    codes = model.candidates(wanted.history, wide, excluded(wanted))
    rows = inside.read(lambda of: histories.rows_of(of, inside.id, [model.ids[code] for code in codes.tolist()]))
    found = np.fromiter(rows.values(), np.int64, len(rows))
    told: Rows = found[likeness.within(found, free)][:count]
    return told


def excluded(wanted: Wanted) -> Rows:
    """The model's codes of what is not to come."""
    codes = wanted.model.codes([*wanted.past.ids])
    return codes[codes >= 0]


def _filled(rows: Rows, free: Rows, limit: int) -> Rows:
    """At least so many, with the newest of the others where need be."""
    if len(rows) >= limit:
        return rows
    others = free[~likeness.within(free, rows)]
    return np.sort(np.concatenate([rows, others[len(others) - limit + len(rows) :]]))
