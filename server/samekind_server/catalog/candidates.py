"""Rows that may answer a query, before anything is read of their items: as the indexes found them, and ranked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samekind.types import Floats
from samekind_server.catalog.background import Background
from samekind_server.index.base import Nearest, Rows

Places = NDArray[np.intp] | NDArray[np.bool_] | slice


@dataclass(frozen=True, eq=False)
class Ranked:
    """Rows, best first: (n,) int64 with the float32 score they are ranked by, their similarity by the metric, and the index of each."""

    rows: Rows
    scores: Floats
    similarities: Floats
    kinds: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, places: Places) -> Ranked:
        """Those at these places, in their order."""
        chosen: dict[str, Any] = {name: held[places] for name, held in vars(self).items()}
        return replace(self, **chosen)


@dataclass(frozen=True)
class Level:
    """How an index's similarities become scores: less its mean, over its spread, which is not above 1, so that none become alike."""

    mean: float
    spread: float

    def scores(self, similarities: Floats) -> Floats:
        """The scores."""
        levelled: Floats = ((similarities.astype(np.float64) - self.mean) / self.spread).astype(np.float32)
        return levelled


@dataclass(frozen=True, eq=False)
class Candidates:
    """What each index, by its name, found nearest to one query; `k` were asked of each, and `matching` items meet the condition.

    Similarities are the scores where there are no `levels`. `background` tells what the catalog was like on the whole, which is made up only where
    it is asked for; `mixed`: it has items of several kinds.
    """

    found: Mapping[str, Nearest]
    k: int
    matching: int
    background: Callable[[], Background] | None = None
    mixed: bool = False
    levels: Mapping[str, Level] = field(default_factory=dict)

    @property
    def exact(self) -> bool:
        """Whether every row that could be an answer was compared."""
        return all(each.exact for each in self.found.values())

    @property
    def seen(self) -> int:
        """Rows whose exact score was computed."""
        return sum(each.seen for each in self.found.values())

    @property
    def last(self) -> tuple[float, int] | None:
        """The score and row past which there may be rows that were not found; None where there are no others that meet the condition."""
        ends = [(float(self._scores(name)[-1]), -int(each.rows[-1])) for name, each in self.found.items() if len(each.rows) >= max(1, self.k)]
        score, row = max(ends, default=(0.0, 0))
        return (score, -row) if ends else None

    def beyond(self, least: Mapping[str, float]) -> bool:
        """Whether all that was not found is less similar than it should be, by the index it is in."""
        full = [(name, each) for name, each in self.found.items() if len(each.rows) >= max(1, self.k)]
        return all(float(each.scores[-1]) < least.get(name, -np.inf) for name, each in full)

    def ranked(self) -> Ranked:
        """At least the k best rows, each where it scores best; of the same score the lower row."""
        some = [name for name, each in self.found.items() if len(each.rows)]
        if len(some) == 1 and not self.levels:
            only = self.found[some[0]]
            return Ranked(only.rows, only.scores, only.scores, np.full(len(only.rows), some[0]))
        rows = np.concatenate([np.empty(0, np.int64), *(each.rows for each in self.found.values())])
        scores = np.concatenate([np.empty(0, np.float32), *map(self._scores, self.found)])
        similarities = np.concatenate([np.empty(0, np.float32), *(each.scores for each in self.found.values())])
        kinds = np.repeat(np.array(list(self.found), np.str_), [len(each.rows) for each in self.found.values()])
        order = np.lexsort((rows, -scores))
        best = order[np.sort(np.unique(rows[order], return_index=True)[1])]
        if self.last:
            score, row = self.last
            best = best[(scores[best] > score) | ((scores[best] == score) & (rows[best] <= row))]
        return Ranked(rows[best], scores[best], similarities[best], kinds[best])

    def _scores(self, name: str) -> Floats:
        similarities = self.found[name].scores
        return self.levels[name].scores(similarities) if self.levels else similarities
