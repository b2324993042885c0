"""Finds how high the highest of many numbers are, without looking closely at most of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from samekind.types import Floats

WIDE = 64  # Numbers of which the highest stands for all at first.
AHEAD = 4  # Times as many as are wanted are told before it is seen which of the others may be as high.

Places = NDArray[np.int64]


def bar(numbers: Floats, k: int) -> float:
    """The k-th highest; there are as many."""
    whole = len(numbers) // WIDE
    if whole >= k:
        tops = numbers[: whole * WIDE].reshape(WIDE, whole).max(axis=0)  # Row by row: a tenth of the time of number by number.
        least = np.partition(tops, -k)[-k]  # As high as the highest of k groups are k at least.
        numbers = numbers[numbers > least]
        if len(numbers) < k:
            return float(least)
    return float(np.partition(numbers, -k)[-k])


def ahead(bounds: Floats, k: int) -> Places:
    """Some of the places with the highest bounds, k or more where there are as many."""
    return np.flatnonzero(bounds >= bar(bounds, min(AHEAD * k, len(bounds))))


def first(bounds: Floats, told: Callable[[Places], Floats], k: int, begun: Places | None = None) -> Places:
    """The places of the k highest of numbers that take long to tell, highest first, equal ones by place; none is above its bound.

    `begun`: those with which to begin, k or more, if they are known; as a rule those with the highest bounds.
    """
    among = np.arange(len(bounds))
    if len(bounds) > k:
        begun = ahead(bounds, k) if begun is None else begun
        among = np.flatnonzero(bounds >= np.partition(told(begun), -k)[-k])
    leading: Places = among[np.argsort(-told(among), kind="stable")[:k]]
    return leading
