"""The single methods as they were published, on likes alone, each with the parameters that served best on the past."""

import sys
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from benchmarks.quality.movielens import LIKED, Ratings, last_of_each_user
from samekind.types import Floats
from samekind_server.recommendation.blend import gain

DAY = 86_400.0
EVER = 1e9  # Days in which likes fade to half, where they do not fade.
Parameters = tuple[float, ...]
Method = Callable[[Ratings, sparse.csr_matrix, Parameters], Floats]


def likes(ratings: Ratings, users: int) -> sparse.csr_matrix:
    """Who likes what, (users, films) of 0 and 1."""
    liked = ratings.some(ratings.stars >= LIKED)
    return sparse.csr_matrix((np.ones(len(liked.users), np.float32), (liked.users, liked.films)), shape=(users, len(ratings.titles)))


def popularity(known: Ratings, asked: sparse.csr_matrix, of: Parameters) -> Floats:
    """How many like each film, those of `days` ago counting half."""
    liked, [days] = known.some(known.stars >= LIKED), of
    weights = np.exp2((liked.times - liked.times.max(initial=0)) / (days * DAY))
    counts = np.bincount(liked.films, weights, minlength=asked.shape[1]).astype(np.float32)
    return np.broadcast_to(counts, asked.shape)


def neighbours(known: Ratings, asked: sparse.csr_matrix, of: Parameters) -> Floats:
    """Item-kNN: the cosines of a film's users with those of what is liked, of each film its nearest `count`, shrunk where few like both."""
    told = likes(known, asked.shape[0])
    some = np.flatnonzero(told.sum(axis=0).A1)
    count, shrink = min(int(of[0]), len(some) - 1), np.float32(of[1])
    together = (told[:, some].T @ told[:, some]).toarray()
    lengths = np.sqrt(together.diagonal())
    near = together / (lengths[:, None] * lengths + shrink)
    np.fill_diagonal(near, 0)
    near[near < -np.partition(-near, count, axis=1)[:, count : count + 1]] = 0
    scores = np.zeros(asked.shape, np.float32)
    scores[:, some] = asked[:, some] @ near.T
    return scores


def ease(known: Ratings, asked: sparse.csr_matrix, of: Parameters) -> Floats:
    """EASE (Steck 2019, arXiv 1905.03375) of one ridge for all, to the last weight."""
    [ridge], told = of, likes(known, asked.shape[0]).astype(np.float64)
    users, films = told.shape
    if films <= users:
        inverse = np.linalg.inv((told.T @ told).toarray() + ridge * np.eye(films))
        products, diagonal = asked @ inverse, inverse.diagonal()
    else:  # The same by a matrix of the users, which are fewer.
        middle = np.linalg.solve((told @ told.T).toarray() + ridge * np.eye(users), told.toarray())
        products, diagonal = (asked.toarray() - (asked @ told.T) @ middle) / ridge, (1 - told.multiply(middle).sum(axis=0).A1) / ridge
    scores: Floats = -(products / diagonal).astype(np.float32)
    return scores


def als(known: Ratings, asked: sparse.csr_matrix, of: Parameters) -> Floats:
    """Implicit ALS (Hu, Koren and Volinsky 2008), by the library `implicit`."""
    from implicit.als import AlternatingLeastSquares  # type: ignore[import-untyped]  # It warns at import where BLAS has several threads.

    size, ridge, alpha = int(of[0]), of[1], of[2]
    with threadpool_limits(1, "blas"):
        model: Any = AlternatingLeastSquares(factors=size, regularization=ridge, alpha=alpha, use_gpu=False, random_state=0, num_threads=1)
        model.fit(likes(known, asked.shape[0]), show_progress=False)
        rows = model.recalculate_user(np.arange(asked.shape[0]), asked)
    scores: Floats = rows @ model.item_factors.T
    return scores


METHODS: Mapping[str, tuple[Method, tuple[Parameters, ...]]] = {
    "popularity": (popularity, ((EVER,), (720,), (180,), (30,))),
    "item-kNN": (neighbours, tuple(product((50, 100, 200), (0, 10, 30)))),
    "ALS": (als, tuple(product((32, 64, 128), (3, 10, 30, 100), (1, 5, 20)))),
    "EASE": (ease, tuple((ridge,) for ridge in (30, 50, 100, 150, 200, 300, 500, 1000, 2000))),
}


def tuned(known: Ratings, users: int) -> dict[str, Parameters]:
    """The parameters under which each method, taught without each user's last fifth of what is known, puts what was liked then first."""
    later = last_of_each_user(known)
    before, wanted = known.some(~later), likes(known.some(later), users).toarray() > 0
    seen = _seen(before, users)
    wanted &= ~seen
    print("measuring recommendations: tuning the single methods on the past …", file=sys.stderr, flush=True)
    return {name: max(of, key=lambda each: _gain(method(before, likes(before, users), each), wanted, seen)) for name, (method, of) in METHODS.items()}


def scores(known: Ratings, asked: Ratings, users: int, parameters: Mapping[str, Parameters]) -> dict[str, Floats]:
    """What each method, taught what is known, gives every film, (users, films), for histories that are asked for."""
    return {name: method(known, likes(asked, users), parameters[name]) for name, (method, _) in METHODS.items()}


def _seen(ratings: Ratings, users: int) -> NDArray[np.bool_]:
    seen = np.zeros((users, len(ratings.titles)), bool)
    seen[ratings.users, ratings.films] = True
    return seen


def _gain(found: Floats, wanted: NDArray[np.bool_], seen: NDArray[np.bool_]) -> float:
    each = np.flatnonzero(wanted.any(axis=1))
    return float(np.mean([gain(found[user][~seen[user]], wanted[user][~seen[user]]) for user in each]))
