"""Tells how much each thing that somebody did says of what comes next: the latest most, and a little whatever was thought of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from samekind.types import Floats
from samekind_server.recommendation.interactions import Codes, Numbers

FADING = 0.35
DOING = 0.2  # What doing a thing says where it is neither liked nor not; less, the clearer that is.


@dataclass(frozen=True)
class Reading:
    """How histories are read: a thing that `n` later ones followed counts (1 + n) to the power of -`fading`; `unit` is what a clear like weighs."""

    fading: float = FADING
    unit: float = 1.0

    def fades(self, later: Codes) -> Floats:
        """How much each counts by how many came later, (n,)."""
        told: Floats = ((1.0 + later) ** -self.fading).astype(np.float32)
        return told


def done(liked: Floats) -> Floats:
    """What is liked by 1, or not by -1, as what was done: of no clear opinion it counts a little that somebody chose the thing at all."""
    told: Floats = liked + np.float32(DOING) * np.maximum(1 - np.abs(liked), 0)
    return told


def leading_on(liked: Floats) -> Floats:
    """The same as a step from one thing to another: liked it counts twice as much as merely done, and disliked nothing."""
    return np.maximum(1 + liked, np.float32(0))


def lately(later: Codes) -> Floats:
    """How much each says of what comes next, by how many came later, (n,)."""
    told: Floats = (1 / (1.0 + later)).astype(np.float32)
    return told


def later(times: Numbers) -> Codes:
    """How many of a history came later than each; those of one moment are equal."""
    told: Codes = np.searchsorted(np.sort(-times), -times).astype(np.int64)
    return told
