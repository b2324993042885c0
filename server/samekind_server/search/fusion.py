"""Makes one ranking of several by reciprocal ranks (Cormack, Clarke and Büttcher, SIGIR 2009)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from samekind.types import Floats
from samekind_server.index.base import Rows

SMOOTH = 60  # The paper's k: so little counts the first place more than the second.


def fused(rankings: Sequence[Rows]) -> tuple[Rows, Floats]:
    """Every row of these rankings, best first, with the sum of 1 / (60 + its place, from 1, in each); of the same sum the lower row."""
    rows, which = np.unique(np.concatenate([np.empty(0, np.int64), *rankings]), return_inverse=True)
    shares = [1 / (SMOOTH + 1 + np.arange(len(ranking))) for ranking in rankings]
    scores = np.bincount(which, np.concatenate([np.empty(0), *shares]), len(rows)).astype(np.float32)
    order = np.lexsort((rows, -scores))
    return rows[order], scores[order]
