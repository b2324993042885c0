"""Takes the modality gap out of scores: texts lie nearer to texts than to the images of the same things (Liang et al., arXiv 2203.02053)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from samekind.types import Floats
from samekind_server.catalog.background import Background
from samekind_server.catalog.candidates import Level
from samekind_server.catalog.vectors import WINDOW

FEWEST = 50  # Items of a kind from where its mean and its spread are known well enough.
HALF = 0.5  # Of what spreads differ by, in logarithms. All of it loses where texts and images tell of different things.
LEAST = 0.01


def levels(background: Background, kinds: Mapping[str, float], vectors: Mapping[str, Floats]) -> dict[str, Level]:
    """How each index's cosines become scores that can be compared with one another; none where they can be as they are.

    `kinds`: what the query is of, with weights; `vectors`: the query for each index by its name. The vectors of each kind are centred by their
    mean, so that a cosine counts by how far it is above what that query has with this kind on the whole, in units of about how far such cosines
    differ. The order within an index stays, so that what an index finds nearest is what scores best.
    """
    known = {name: gist for name, gist in background.gists.items() if gist.count >= FEWEST}
    if len(known) < 2 or not kinds or not known.keys() >= kinds.keys():
        return {}
    spreads = {name: _spread(background, kinds, name) for name in known}
    gists = [*background.gists.values()]
    whole = np.average([gist.mean for gist in gists], axis=0, weights=[gist.count for gist in gists])
    widest = max(*spreads.values(), 1e-9)
    ratios = {name: max(spreads.get(_like(name), widest) / widest, LEAST) ** HALF for name in vectors}
    means = {name: known[_like(name)].mean if _like(name) in known else whole for name in vectors}
    return {name: Level(float(means[name] @ vector.astype(np.float64)), ratios[name]) for name, vector in vectors.items()}


def _like(name: str) -> str:
    """The index whose vectors an index's are like."""
    return "text" if name == WINDOW else name


def _spread(background: Background, kinds: Mapping[str, float], of: str) -> float:
    """That of a query of several kinds, whose terms' cosines add up."""
    squares = sum((weight * background.spreads[kind, of]) ** 2 for kind, weight in kinds.items())
    return float(np.sqrt(squares / sum(weight**2 for weight in kinds.values())))
