"""Counts which items are liked by the same users: the baseline that is always there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from samekind.types import Floats
from samekind_server.recommendation.sparse_rows import KEPT, strongest

SHRINK = 3.0
BLOCK = 512


def cooccurrence(likes: sparse.csr_matrix, *, shrink: float = SHRINK, kept: int = KEPT) -> sparse.csr_matrix:
    """The cosine of two items' users, (items, items) float32, times together / (together + shrink), so that chance meetings count little.

    `likes` (users, items) has no negative numbers. The `kept` strongest of each item; an item is not beside itself.
    """
    likes = likes.tocsc().astype(np.float32)
    return strongest(_blocks(likes, shrink), likes.shape[1], kept)


def _blocks(likes: sparse.csc_matrix, shrink: float) -> Iterator[Floats]:
    lengths = np.sqrt(np.maximum(likes.multiply(likes).sum(axis=0).A1, 1e-12)).astype(np.float32)
    for start in range(0, likes.shape[1], BLOCK):
        together = (likes[:, start : start + BLOCK].T @ likes).toarray()
        places = np.arange(len(together))
        together[places, places + start] = 0
        weights: Floats = together * together / (together + np.float32(shrink)) / lengths[start : start + BLOCK, None] / lengths
        yield np.nan_to_num(weights) if not shrink else weights
