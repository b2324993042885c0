"""What answers are worth: shares with their interval, calibration error, average precision and recall."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.floating]
Truths = NDArray[np.bool_]
BINS = 15
RESAMPLES = 2000


def interval(hits: Truths, *, share: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Where the share of hits lies with that confidence: percentiles over resamples of the rows (Efron's bootstrap)."""
    chance = np.random.default_rng(seed)
    shares = chance.binomial(hits.size, hits.mean(), RESAMPLES) / hits.size  # What resampling rows of 0 and 1 amounts to.
    low, high = np.percentile(shares, [50 * (1 - share), 50 * (1 + share)])
    return float(low), float(high)


def mean_interval(values: Numbers, *, share: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Where the mean lies with that confidence, as in `interval`."""
    drawn = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), [50 * (1 - share), 50 * (1 + share)])
    return float(low), float(high)


def discounts(k: int) -> NDArray[np.float64]:
    """What each of the first k places counts in NDCG (Järvelin and Kekäläinen, TOIS 2002)."""
    counts: NDArray[np.float64] = 1 / np.log2(np.arange(2, k + 2))
    return counts


def calibration_error(probabilities: Numbers, hits: Truths) -> float:
    """Expected calibration error of the top answers, in 15 bins of equal width (Guo et al., arXiv 1706.04599).

    The gap between mean probability and share of hits in each bin (low, high], weighted by the bin's rows.
    """
    bins = np.clip(np.ceil(probabilities * BINS).astype(int) - 1, 0, BINS - 1)
    gaps = np.bincount(bins, probabilities - hits, minlength=BINS)
    return float(np.abs(gaps).sum() / hits.size)


def average_precision(scores: Numbers, truths: Truths) -> float:
    """The precision at each recall gained, summed; rows of equal score come at once. NaN where nothing is true."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    found = np.cumsum(truths[order])[ends]
    return float(np.sum(np.diff(found, prepend=0) * found / (ends + 1)) / found[-1]) if found[-1] else float("nan")


def recalled(similarities: Numbers, k: int) -> Truths:
    """For each row of (queries, items), whether its own item, on the diagonal, is among the best k; equals count against it."""
    own = np.diagonal(similarities)[:, None]
    at_least: Truths = (similarities >= own).sum(axis=1) <= k
    return at_least
