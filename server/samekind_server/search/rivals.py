"""What else a thing may be: names that a query competes with for what it found."""

from __future__ import annotations

import itertools
import threading
from functools import cache
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from samekind.types import Floats, Label, Labels
from samekind_server.classification import templates
from samekind_server.classification.prepared import Prepared, prepare
from samekind_server.embedding.base import unit
from samekind_server.search.cutoff import Odds

if TYPE_CHECKING:
    from samekind_server.catalog.background import Background

# What queries have beside a name, so that "red mug" competes with other red things.
LOOKS = ("red", "blue", "green", "yellow", "black", "white", "pink", "orange", "brown", "purple", "grey", "golden")
MORE_LOOKS = ("striped", "dotted", "checked", "flowered", "plain", "shiny", "old", "small", "big", "wooden")
UNLIKE = 0.6  # Nearer to a query in cosine, a name is no rival but another word for it.
SOME = 250  # Items that tell what is usual in a catalog.


@cache
def asked() -> Prepared:
    """ImageNet's kinds, and each that is one word with a look, in turns, as labels of a kept set: who asked for those may leave."""
    kinds = templates.kinds()
    single = [kind for kind in kinds if " " not in kind]
    looked = [f"{look} {kind}" for looks in (LOOKS, MORE_LOOKS) for look, kind in zip(itertools.cycle(looks), single)]
    return prepare(Labels(tuple(map(Label, dict.fromkeys([*kinds, *looked]))), "plain"), set_id=1)


class Rivals:
    """Names as one model's unit vectors, (names, dimensions); a cosine of 1 is `scale` of its logits. The first of them are told. For any thread."""

    def __init__(self, told: tuple[str, ...], vectors: Floats, scale: float, dimensions: int = 0) -> None:
        self._scale, self._told = scale, told
        self._vectors = unit(vectors[:, : dimensions or None])
        self._usual: WeakKeyDictionary[Background, dict[str, float]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def odds(self, query: Floats, found: Floats, background: Background, index: str) -> Odds:
        """Of items found in an index, (n, dimensions), nearest first, by a query of words, (dimensions,)."""
        unlike = self._vectors @ query < UNLIKE
        own, against = found @ query, np.where(unlike, found @ self._vectors.T, -np.inf)
        best = int(against[0, : len(self._told)].argmax())
        rather = self._told[best] if against[0, best] > own[0] else ""
        return Odds(self._scale * own.astype(np.float64) - self._at_large(against, int(unlike.sum())), self.usual(background, index), rather)

    def usual(self, background: Background, index: str) -> float:
        """What an item of this index usually has for the name that fits it best: the median."""
        with self._lock:
            known = self._usual.setdefault(background, {})
        if index not in known:
            against = background.gists[index].some[:SOME] @ self._vectors.T
            known[index] = float(np.median(self._scale * against.max(axis=1) - self._at_large(against, len(self._vectors))))
        return known[index]

    def _at_large(self, cosines: Floats, names: int) -> NDArray[np.float64]:
        """The logarithm of the mean of the names' exponentials, for each row of cosines; so many are not -inf. Without any, 0."""
        if not names:
            return np.zeros(len(cosines))
        most = cosines.max(axis=1, keepdims=True)
        sums = np.exp(self._scale * (cosines - most)).sum(axis=1, dtype=np.float64)
        mean: NDArray[np.float64] = self._scale * most[:, 0].astype(np.float64) + np.log(sums / names)
        return mean
