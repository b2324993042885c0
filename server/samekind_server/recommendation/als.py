"""Learns a few numbers for each item from whole histories (implicit ALS: Hu, Koren and Volinsky 2008)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from samekind.types import Floats

SIZE, ROUNDS, STEPS = 32, 10, 3
CONFIDENCE, RIDGE = 5.0, 20.0
AT_ONCE = 1 << 13  # Pairs whose factors are laid side by side: what a processor's cache holds.


@dataclass(frozen=True)
class Factors:
    """A row for each item, (items, size) float32, and what a new user's row is solved with."""

    items: Floats
    ridge: float = RIDGE
    confidence: float = CONFIDENCE

    def taste(self, codes: np.ndarray, weights: np.ndarray, gram: Floats | None = None) -> Floats:
        """The row of a user with this history, (size,): its inner product with an item's row says how much that is liked (about 1) or not (0)."""
        rows, sure = self.items[codes], self.confidence * np.abs(weights)
        own = self.gram() if gram is None else gram
        left = own + (rows.T * sure) @ rows
        right = ((weights > 0) * (1 + sure)) @ rows
        solved: Floats = np.linalg.solve(left, right).astype(np.float32)
        return solved

    def gram(self) -> Floats:
        """The products of all items' rows, with the ridge."""
        return _gram(self.items, self.ridge)


def als(
    likes: sparse.csr_matrix, *, size: int = SIZE, rounds: int = ROUNDS, ridge: float = RIDGE, confidence: float = CONFIDENCE, seed: int = 0
) -> Factors:
    """Factors of `likes` (users, items), signed: what is liked should come to 1, all else to 0, disliked and strongly liked with more confidence.

    Each half of a round is solved by a few steps of conjugate gradients (Takács et al. 2011), all rows at once.
    """
    chance = np.random.default_rng(seed)
    likes = likes.tocsr().astype(np.float32)
    users, items = (chance.normal(0, 0.1, (count, size)).astype(np.float32) for count in likes.shape)
    turned = likes.T.tocsr()
    for _ in range(rounds):
        users = _solved(likes, users, items, ridge, confidence)
        items = _solved(turned, items, users, ridge, confidence)
    return Factors(items, ridge, confidence)


def _gram(rows: Floats, ridge: float) -> Floats:
    gram: Floats = rows.T @ rows + np.float32(ridge) * np.eye(rows.shape[1], dtype=np.float32)
    return gram


def _solved(likes: sparse.csr_matrix, guess: Floats, others: Floats, ridge: float, confidence: float) -> Floats:
    """Each row's least squares, begun at the guess; a row without likes becomes 0."""
    gram, sure = _gram(others, ridge), likes.copy()
    sure.data = np.float32(confidence) * np.abs(likes.data)
    wanted = likes.copy()
    wanted.data = ((likes.data > 0) * (1 + sure.data)).astype(np.float32)
    left = wanted @ others - _product(sure, guess, others, gram)
    turn, size = left.copy(), np.einsum("nd,nd->n", left, left)
    for _ in range(STEPS):
        bent = _product(sure, turn, others, gram)
        step = size / np.maximum(np.einsum("nd,nd->n", turn, bent), 1e-20)
        guess = guess + step[:, None] * turn
        left -= step[:, None] * bent
        fresh = np.einsum("nd,nd->n", left, left)
        turn = left + (fresh / np.maximum(size, 1e-20))[:, None] * turn
        size = fresh
    guess[np.diff(likes.indptr) == 0] = 0
    return guess


def _product(sure: sparse.csr_matrix, rows: Floats, others: Floats, gram: Floats) -> Floats:
    """Each row's own matrix, gram plus what is known of its pairs, times the row."""
    which, known = np.repeat(np.arange(len(rows)), np.diff(sure.indptr)), sure.copy()
    known.data *= _pairwise(rows, which, others, sure.indices)
    product: Floats = rows @ gram + known @ others
    return product


def _pairwise(rows: Floats, which: np.ndarray, others: Floats, those: np.ndarray) -> Floats:
    """The inner product of each pair, (pairs,): of one of the rows, and one of the others."""
    told = np.empty(len(which), np.float32)
    sides = np.empty((2, min(AT_ONCE, len(which)), rows.shape[1]), np.float32)
    for start in range(0, len(which), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        one, other = sides[:, : len(which[some])]
        np.take(rows, which[some], axis=0, out=one, mode="clip")  # Four times as quick as by an index.
        np.take(others, those[some], axis=0, out=other, mode="clip")
        np.einsum("nd,nd->n", one, other, out=told[some])
    return told
