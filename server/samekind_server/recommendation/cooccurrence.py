"""Counts which items are liked by the same users: the baseline that is always there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from samekind_server.recommendation.sparse_rows import KEPT, thinned

SHRINK = 3.0
BLOCK = 512


def cooccurrence(likes: sparse.csr_matrix, *, shrink: float = SHRINK, kept: int = KEPT) -> sparse.csr_matrix:
    """The cosine of two items' users, (items, items) float32, times together / (together + shrink), so that chance meetings count little.

    `likes` (users, items) has no negative numbers. The `kept` strongest of each item; an item is not beside itself.
    """
    likes = likes.tocsc().astype(np.float32)
    rows = [thinned(block, kept) for block in _blocks(likes, shrink)]
    return sparse.vstack(rows, "csr") if rows else sparse.csr_matrix((0, 0), dtype=np.float32)


def _blocks(likes: sparse.csc_matrix, shrink: float) -> Iterator[sparse.csr_matrix]:
    lengths = np.sqrt(np.maximum(likes.multiply(likes).sum(axis=0).A1, 1e-12)).astype(np.float32)
    for start in range(0, likes.shape[1], BLOCK):
        together = (likes[:, start : start + BLOCK].T @ likes).tocsr()
        rows, met = np.repeat(np.arange(together.shape[0]) + start, np.diff(together.indptr)), together.data
        weights = met * met / (met + np.float32(shrink)) / lengths[rows] / lengths[together.indices]
        together.data = np.where(together.indices == rows, np.float32(0), weights)
        yield together
