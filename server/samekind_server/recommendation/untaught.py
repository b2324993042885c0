"""The model of a catalog of which nothing was learned yet: content alone."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from samekind.types import Floats
from samekind_server.catalog.memory import Memory
from samekind_server.recommendation.als import Factors
from samekind_server.recommendation.blend import DEFAULT
from samekind_server.recommendation.model import About, Model
from samekind_server.recommendation.signals import DAY, Signals


def untaught(memory: Memory) -> Model:
    """It knows no items, and of the catalog only what its vectors have in common."""
    nothing = sparse.csr_matrix((0, 0), dtype=np.float32)
    none, gram = np.zeros(0, np.float32), np.zeros((0, 0), np.float32)
    signals = Signals(nothing, nothing, nothing, Factors(np.zeros((0, 1), np.float32)), gram, _centre(memory), gram, none, none)
    return Model(signals, DEFAULT, About("", 0, 0, 0, 0.0, 0.0, 180 * DAY), np.zeros(0, np.int64))


def _centre(memory: Memory) -> Floats:
    gists = [gist for gist in memory.background().gists.values() if gist.count]
    whole = sum((gist.count * gist.mean for gist in gists), np.zeros(memory.catalog.dimensions))
    centre: Floats = (whole / max(1, sum(gist.count for gist in gists))).astype(np.float32)
    return centre
