"""Keeps the largest numbers of long rows, as few as are wanted, and reads some rows."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from samekind.types import Floats

KEPT = 200
TINY = np.float32(1e-30)


def strongest(blocks: Iterable[Floats], columns: int, kept: int = KEPT) -> sparse.csr_matrix:
    """Of each row of the blocks the `kept` numbers that are farthest from 0, (rows, columns) float32; equal ones by the lower column."""
    rows = [sparse.csr_matrix(_thinned(block, kept)) for block in blocks]
    return sparse.vstack(rows, "csr") if rows else sparse.csr_matrix((0, columns), dtype=np.float32)


def thinned(block: sparse.csr_matrix, kept: int = KEPT) -> sparse.csr_matrix:
    """The same of rows that hold few numbers, of which the 0s are none."""
    block.sort_indices()
    sizes, keep = np.abs(block.data), block.data != 0
    for row in np.flatnonzero(np.diff(block.indptr) > kept):
        held = slice(*block.indptr[row : row + 2])
        keep[held] &= _leading(sizes[held], kept)
    return sparse.csr_matrix((block.data[keep], block.indices[keep], np.append(0, np.cumsum(keep))[block.indptr]), shape=block.shape)


def weightiest(matrix: sparse.csr_matrix, counts: Floats, kept: int) -> sparse.csr_matrix:
    """The `kept` numbers, and those as large, that are farthest from 0, each times what its row counts."""
    sizes = np.abs(matrix.data) * np.repeat(counts, np.diff(matrix.indptr))
    least = np.partition(sizes, -kept)[-kept] if len(sizes) > kept else TINY
    keep = sizes >= max(least, TINY)
    return sparse.csr_matrix((matrix.data[keep], matrix.indices[keep], np.append(0, np.cumsum(keep))[matrix.indptr]), shape=matrix.shape)


def entries(matrix: sparse.csr_matrix, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """What some rows hold: the place in `rows`, the column and the number of each entry. scipy's own way takes several times as long."""
    starts = matrix.indptr[rows].astype(np.int64)
    owners, places = ranges(starts, matrix.indptr[rows + 1] - starts)
    return owners, matrix.indices[places], matrix.data[places]


def ranges(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The places that so many from each start on are, one range after the other, and which range each is of."""
    owners = np.repeat(np.arange(len(starts)), counts)
    return owners, np.arange(len(owners)) + np.repeat(starts - np.cumsum(counts) + counts, counts)


def spread(weights: sparse.csr_matrix, active: NDArray[np.int64], items: int) -> sparse.csr_matrix:
    """The weights between the active items as weights between all."""
    counts = np.zeros(items, np.int64)
    counts[active] = np.diff(weights.indptr)
    return sparse.csr_matrix((weights.data, active[weights.indices], np.concatenate([[0], np.cumsum(counts)])), shape=(items, items))


def _thinned(block: Floats, kept: int) -> Floats:
    if block.shape[1] <= kept:
        return block
    sizes = np.abs(block)
    least = np.partition(sizes, -kept, axis=1)[:, -kept][:, None]
    thin: Floats = np.where(sizes >= least, block, np.float32(0))
    for row in np.flatnonzero((sizes >= np.maximum(least, TINY)).sum(axis=1) > kept):
        level = np.flatnonzero(sizes[row] == least[row])
        thin[row, level[kept - np.count_nonzero(sizes[row] > least[row]) :]] = 0
    return thin


def _leading(sizes: Floats, kept: int) -> NDArray[np.bool_]:
    """Which of a row's sizes are the `kept` largest; equal ones from the left."""
    least = np.partition(sizes, -kept)[-kept]
    level = np.flatnonzero(sizes == least)
    keep: NDArray[np.bool_] = sizes >= least
    keep[level[kept - np.count_nonzero(sizes > least) :]] = False
    return keep
