"""Rows that may answer a query, before anything is read of their items: as the indexes found them, and ranked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samekind.types import Floats
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


@dataclass(frozen=True, eq=False)
class Candidates:
    """What each index, by its name, found nearest to one query; `k` were asked of each, and `matching` items meet the condition."""

    found: Mapping[str, Nearest]
    k: int
    matching: int

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
        ends = [(float(each.scores[-1]), -int(each.rows[-1])) for each in self.found.values() if len(each.rows) >= max(1, self.k)]
        score, row = max(ends, default=(0.0, 0))
        return (score, -row) if ends else None

    def ranked(self) -> Ranked:
        """At least the k best rows, each where it scores best; of the same score the lower row."""
        rows = np.concatenate([np.empty(0, np.int64), *(each.rows for each in self.found.values())])
        scores = np.concatenate([np.empty(0, np.float32), *(each.scores for each in self.found.values())])
        kinds = np.repeat(np.array(list(self.found), np.str_), [len(each.rows) for each in self.found.values()])
        order = np.lexsort((rows, -scores))
        best = order[np.sort(np.unique(rows[order], return_index=True)[1])]
        if self.last:
            score, row = self.last
            best = best[(scores[best] > score) | ((scores[best] == score) & (rows[best] <= row))]
        return Ranked(rows[best], scores[best], scores[best], kinds[best])
