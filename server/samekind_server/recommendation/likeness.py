"""Tells what items are like as a whole: all vectors of each as one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from samekind.types import Floats
from samekind_server.catalog.memory import Memory
from samekind_server.catalog.vectors import WINDOW
from samekind_server.index.base import Bools, Index, Rows

TRIES = 5  # Times that is looked anew where a row goes just then.


def every(memory: Memory) -> Rows:
    """The rows of all that is found by a vector, ascending."""
    held = [index.rows() for index in _indexes(memory)]
    return held[0] if len(held) == 1 else distinct(np.concatenate([np.empty(0, np.int64), *held]))


def distinct(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each number once, ascending. Of a hundred thousand numpy's own way, by a hash, takes four times as long."""
    ordered = np.sort(numbers)
    return ordered[np.diff(ordered, prepend=ordered[:1] - 1) > 0]


def wholes(memory: Memory, rows: Rows) -> Floats:
    """Each row's vector, unit, (n, dimensions) float32: the sum of those it has; a row of zeros for one that is not there."""
    found = np.zeros((len(rows), memory.catalog.dimensions), np.float32)
    for index in _indexes(memory):
        places, vectors = _held(index, rows)
        found[places] += vectors
    lengths = np.sqrt(np.vecdot(found, found))[:, None]
    np.divide(found, lengths, out=found, where=lengths > 0)
    return found


def there(memory: Memory, rows: Rows) -> Bools:
    """Which of the rows are found by a vector."""
    told = np.zeros(len(rows), bool)
    for index in _indexes(memory):
        told |= index.has(rows)
    return told


def within(rows: Rows, among: Rows) -> Bools:
    """Which of the rows are among others, that ascend."""
    if not len(among):
        return np.zeros(len(rows), bool)
    told: Bools = among[np.minimum(np.searchsorted(among, rows), len(among) - 1)] == rows
    return told


def _indexes(memory: Memory) -> list[Index]:
    return [index for name, index in memory.indexes().items() if name != WINDOW and not index.is_empty]


def _held(index: Index, rows: Rows) -> tuple[np.ndarray, Floats]:
    for _ in range(TRIES):
        places = np.flatnonzero(index.has(rows))
        try:
            return places, index.vectors(rows[places])
        except KeyError:  # One was removed between the two.
            continue
    return np.zeros(0, np.intp), np.zeros((0, 1), np.float32)
