"""What each method makes of a history, learned at once: behaviour in four ways, content, and what many like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from scipy import sparse

from samekind.types import Floats
from samekind_server.recommendation import taste
from samekind_server.recommendation.als import Factors, als
from samekind_server.recommendation.cooccurrence import cooccurrence
from samekind_server.recommendation.ease import ease
from samekind_server.recommendation.interactions import Codes, Interactions, Numbers, faded
from samekind_server.recommendation.reading import Reading, done, lately, later, leading_on
from samekind_server.recommendation.sparse_rows import entries, spread
from samekind_server.recommendation.succession import succession

LINKS = ("ease", "cooccurrence", "succession")  # Weights between items.
BEHAVIOUR = (*LINKS, "als")
NAMES = ("ease", "cooccurrence", "als", "content", "popularity", "succession")  # In this order they are weighed: the last is not heard of examples.
KNOWN = 5.0  # Strength of likes at which an item's own behaviour counts as much as what its content lets expect.
DONE = 12.0  # Things done at which somebody is half as fresh as who did nothing.
MAP_RIDGE = 30.0
LATELY = 100  # Of a history, whose contents are compared.
DAY = 86_400.0


@dataclass(frozen=True)
class History:
    """What somebody did, latest first, one entry for each item: its code in the model (-1: not known to it), how much it is liked, its unit vector.

    `codes` (n,) int64, `weights` (n,) float32 signed, `vectors` (n, dimensions) float32, rows of zeros where an item has none; those of the first
    100 are enough. `times` (n,) are when; without them each was at a moment of its own.
    """

    codes: Codes
    weights: Floats
    vectors: Floats
    times: Numbers | None = None

    @property
    def fresh(self) -> float:
        """1 of who did nothing yet, falling with each thing done."""
        return 1 / (1 + (len(self.codes) / DONE) ** 2)

    @property
    def later(self) -> Codes:
        """How many came later than each."""
        return np.arange(len(self.codes)) if self.times is None else later(self.times)


@dataclass(frozen=True, eq=False)
class Heard:
    """What behaviour makes of one history: a number for each item by each method of `LINKS`, and one of 0 at the end for those not known (code -1);
    and the user's row of factors, None where nothing can be told by them. `fresh`: 1 of who did nothing yet, falling with each thing done, and with
    the share of these that behaviour knows of; 0 where nobody who did any of them did anything else."""

    links: Mapping[str, Floats]
    user: Floats | None
    fresh: float

    @property
    def wished(self) -> Heard:
        """The same of one who says what is wanted: no beginner, and examples are no steps that others are to follow."""
        return replace(self, links={**self.links, "succession": np.zeros_like(self.links["succession"])}, fresh=0.0)


@dataclass(frozen=True)
class Signals:
    """Weights between items, (items, items) float32, from one in a history to one that may follow; factors; and how much is known of each item.

    `ease` is empty above the number of items it is learned for, `succession` where order tells nothing. `factors` are of items as their behaviour
    and, where little is known of that, their content say; `mapped` is the part of content alone. `support` is the strength of an item's likes,
    `popularity` the same faded with time, from 0 to 1. `reading` tells how histories are read.
    """

    ease: sparse.csr_matrix
    cooccurrence: sparse.csr_matrix
    succession: sparse.csr_matrix
    factors: Factors
    gram: Floats
    centre: Floats
    map: Floats
    support: Floats
    popularity: Floats
    reading: Reading = field(default_factory=Reading)

    def parts(self, history: History, codes: Codes, vectors: Floats) -> dict[str, Floats]:
        """What each method gives the candidates, (n,) each: by code in the model, -1 for those not known to it, and unit vector."""
        return self.parts_of(history, codes, self.centred(vectors), self.centred(history.vectors[:LATELY]))

    def parts_of(self, history: History, codes: Codes, near: Floats, examples: Floats, expected: Floats | None = None) -> dict[str, Floats]:
        """The same by vectors that are `centred`: the candidates' `near`, and `examples`, those of the history's first 100. Who asks for many has
        what is `expected` of `near` at hand."""
        return self.behaviours_of(self.heard(history), codes, near, expected) | {"content": taste.alike(near, examples, history.weights[:LATELY])}

    def heard(self, history: History, names: Sequence[str] = BEHAVIOUR) -> Heard:
        """What these methods of behaviour make of a history, for any candidates."""
        known = history.codes >= 0
        codes, said = history.codes[known], {name: each[known] for name, each in self.said(history).items()}
        user = self.factors.taste(codes, said["als"], self.gram) if "als" in names and len(codes) and len(self.gram) else None
        links = {name: _linked(getattr(self, name), codes, said[name]) for name in LINKS if name in names}
        told = _others(links["cooccurrence"], codes) * float(known.mean()) if "cooccurrence" in links and len(known) else 1.0
        return Heard(links, user, told * history.fresh)

    def said(self, history: History) -> dict[str, Floats]:
        """How much each thing of a history says to each method of behaviour, (n,) each."""
        liked, later = history.weights / np.float32(self.reading.unit), history.later
        fades = self.reading.fades(later)
        chosen = fades * done(liked)
        return {"ease": chosen, "cooccurrence": chosen, "succession": lately(later) * leading_on(liked), "als": fades * liked}

    def behaviours_of(self, heard: Heard, codes: Codes, near: Floats, expected: Floats | None = None) -> dict[str, Floats]:
        """What each method but content gives the candidates."""
        told = {"als": self._by_factors(heard, codes, near, expected), "popularity": _of_known(self.popularity, codes)}
        return {name: part[codes] for name, part in heard.links.items()} | told

    def behaviours(self, heard: Heard) -> dict[str, Floats]:
        """What the methods of behaviour give every item by what is known of it alone, whatever its content lets expect, (items,) each."""
        told = {name: part[:-1] for name, part in heard.links.items()}
        return told if heard.user is None else told | {"als": self.factors.items @ heard.user * self.shares}

    @cached_property
    def shares(self) -> Floats:
        """How much each item's own behaviour counts beside what its content lets expect, (items,)."""
        told: Floats = self.support / (self.support + np.float32(KNOWN))
        return told

    def centred(self, vectors: Floats) -> Floats:
        """Unit rows again, without what all of the catalog have in common; zeros stay zeros."""
        return _centred(vectors, self.centre)

    def supports(self, codes: Codes) -> Floats:
        """How much is known of each item's likes, 0 of one not known at all."""
        return _of_known(self.support, codes)

    def expected(self, near: Floats) -> Floats:
        """The factors that contents let expect, (n, factors)."""
        rows: Floats = near @ self.map[:-1] + self.map[-1]
        return rows

    def _by_factors(self, heard: Heard, codes: Codes, near: Floats, expected: Floats | None) -> Floats:
        if heard.user is None:
            return np.zeros(len(codes), np.float32)
        supports = self.supports(codes)
        share = supports / (supports + np.float32(KNOWN))
        unknown = near @ (self.map[:-1] @ heard.user) + self.map[-1] @ heard.user if expected is None else expected @ heard.user
        told: Floats = share * (self.factors.items[codes] @ heard.user) + (1 - share) * unknown
        return told


def learned(
    history: Interactions,
    vectors: Floats,
    *,
    ease_items: int = 10_000,
    ordered: bool = True,
    half_life: float = 180 * DAY,
    now: float,
    seed: int = 0,
) -> Signals:
    """All methods on one matrix (users, items) and the items' vectors (items, dimensions), rows of zeros where an item has none.

    `ease_items` is up to how many EASE is learned, `ordered` whether succession is.
    """
    liked = history.positive()
    chosen = history.matrix.copy()
    chosen.data = done(chosen.data)
    steps = history.matrix.copy()
    steps.data = leading_on(steps.data)
    support = np.asarray(liked.sum(axis=0), np.float32).ravel()
    centre = vectors[vectors.any(axis=1)].mean(axis=0) if vectors.any() else np.zeros(vectors.shape[1], np.float32)
    near = _centred(vectors, centre)
    active = np.flatnonzero(support)
    factors = als(history.matrix, seed=seed)
    return Signals(
        spread(ease(chosen[:, active], near[active]), active, len(support)) if 0 < len(active) <= ease_items else _none(len(support)),
        spread(cooccurrence(chosen[:, active].maximum(0)), active, len(support)) if len(active) else _none(len(support)),
        succession(Interactions(steps, history.times), seed=seed) if ordered else _none(len(support)),
        factors,
        factors.gram(),
        centre,
        _mapped(_with_one(near), factors.items, support),
        support,
        popularity(history, half_life, now),
    )


def popularity(history: Interactions, half_life: float, now: float) -> Floats:
    """How much each item is liked by all, what is long past counting less: a logarithm, 1 for the most liked."""
    weights = faded(np.maximum(history.matrix.data, 0), history.times, now, half_life)
    sums = np.bincount(history.matrix.indices, weights, minlength=history.matrix.shape[1])
    told: Floats = (np.log1p(sums) / max(np.log1p(sums).max(initial=0), 1e-12)).astype(np.float32)
    return told


def _centred(vectors: Floats, centre: Floats) -> Floats:
    rows: Floats = vectors - centre
    rows += np.float32(1e-12)
    rows /= np.sqrt(np.vecdot(rows, rows))[:, None]
    rows[~vectors.any(axis=1)] = 0
    return rows


def _of_known(numbers: Floats, codes: Codes) -> Floats:
    return np.where(codes >= 0, numbers[codes], np.float32(0)) if len(numbers) else np.zeros(len(codes), np.float32)


def _others(together: Floats, codes: Codes) -> bool:
    """Whether anybody who did some of these things did others too."""
    return bool(np.count_nonzero(together) > np.count_nonzero(together[codes]))


def _linked(weights: sparse.csr_matrix, codes: Codes, liked: Floats) -> Floats:
    whole = np.zeros(weights.shape[1] + 1, np.float32)  # The last is of all items that are not known: code -1.
    owners, columns, numbers = entries(weights, codes)
    np.add.at(whole, columns, numbers * liked[owners])
    return whole


def _mapped(near: Floats, factors: Floats, support: Floats) -> Floats:
    """From content to behaviour: the ridge regression of factors on vectors, items of which more is known counting more."""
    weighed = near * (support / (support + KNOWN))[:, None]
    ridge = np.full(near.shape[1], MAP_RIDGE, np.float32)
    ridge[-1] = 1e-3  # Of the one number that is the same for all.
    told: Floats = np.linalg.solve(weighed.T @ near + np.diag(ridge), weighed.T @ factors).astype(np.float32)
    return told


def _with_one(near: Floats) -> Floats:
    return np.hstack([near, np.ones((len(near), 1), np.float32)])


def _none(items: int) -> sparse.csr_matrix:
    return sparse.csr_matrix((items, items), dtype=np.float32)
