"""Learns from which items to which others users go, in closed form (EASE: Steck 2019, arXiv 1905.03375)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse
from scipy.linalg import lapack

from samekind.types import Floats
from samekind_server.recommendation.sparse_rows import KEPT, strongest, weightiest

RIDGE = 100.0
DENOISING = 0.3  # Of an item's own strength, added to its ridge: what is known of many is not learned by heart (Steck 2020, EDLAE).
PRIOR = 30.0
MOST = 2.5  # Times as many as are kept of each item are kept of those that are in many histories.
BLOCK = 512


def ease(
    likes: sparse.csr_matrix, content: Floats | None = None, *, ridge: float = RIDGE, prior: float = PRIOR, kept: int = KEPT
) -> sparse.csr_matrix:
    """Weights (items, items) float32 from an item in a history to one that may follow, none from an item to itself; `kept` of each on average.

    `likes` (users, items) is signed. `content` (items, dimensions), rows of zeros where unknown, adds `prior` times its products to what was
    observed together (collective EASE: Jeunen et al. 2020), so that items without events have weights too. Those are kept without which the scores of
    the users' histories would change most, so more of an item that many have. Takes 4 bytes × items² and a little.
    """
    weights = dense(likes, content, ridge=ridge, prior=prior)
    leading = strongest((weights[start : start + BLOCK] for start in range(0, len(weights), BLOCK)), len(weights), round(MOST * kept))
    return weightiest(leading, np.sqrt(abs(likes).sum(axis=0)).A1, kept * len(weights))


def dense(likes: sparse.csr_matrix, content: Floats | None = None, *, ridge: float = RIDGE, prior: float = PRIOR) -> Floats:
    """All weights, a row for each item in a history."""
    gram = _gram(likes.tocsc().astype(np.float32), content, prior)
    places = np.arange(len(gram))
    gram[places, places] += ridge + DENOISING * gram[places, places]
    inverse = _inverse(gram)
    inverse /= -inverse[places, places].copy()
    inverse[places, places] = 0
    return inverse


def _gram(likes: sparse.csc_matrix, content: Floats | None, prior: float) -> Floats:
    """What was liked together, in blocks: as a sparse matrix it could take three times as much."""
    gram = np.empty((likes.shape[1],) * 2, np.float32, order="F")
    for block in _blocks(likes.shape[1]):
        gram[:, block] = (likes.T @ likes[:, block]).toarray()
        if content is not None:
            gram[:, block] += prior * (content @ content[block].T)
    return gram


def _inverse(gram: Floats) -> Floats:
    """The inverse of a positive definite matrix, in the place of it. Raises ValueError for another."""
    factor, wrong = lapack.spotrf(gram, lower=1, overwrite_a=1, clean=0)
    if not wrong:
        factor, wrong = lapack.spotri(factor, lower=1, overwrite_c=1)
    if wrong:
        raise ValueError(f"the Gram matrix of {len(gram):,} items is not positive definite; a larger ridge makes it so")
    for block in _blocks(len(factor)):  # The upper half still holds what was there before.
        own = np.tril(factor[block, block])
        factor[block, block] = own + np.tril(own, -1).T
        factor[block, block.stop :] = factor[block.stop :, block].T
    inverse: Floats = factor.T  # The same, and it lies by rows, as it is read.
    return inverse


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, min(start + BLOCK, count)) for start in range(0, count, BLOCK))
