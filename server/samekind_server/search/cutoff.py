"""Cuts an answer where scores are no more than unrelated items of the same catalog have: a query about what is not there answers nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from samekind.types import Floats

FEWEST = 20  # Scores from where a background is known.
LOW, HIGH = 0.05, 0.4  # The part of it that is not related, though half of the catalog were what is asked for,
NORMAL = (-1.6449, -0.2533)  # and where a normal distribution has it.
CHANCE = 8.5  # Times the logarithm of how many are compared: so strong is the strongest of unrelated ones, measured on the drawn shop.
NEAR = 0.25  # Of the strength of the nearest of its kind has a hit that is told beside it,
ENOUGH = 0.5  # and of what stands out by itself.
UNSCALED = 3.0  # Times the spread is a unit where no model has one.


@dataclass(frozen=True)
class Cut:
    """The least similarity, for each index by its name, of what stands out; and why it is that."""

    least: Mapping[str, float]
    reason: str


@dataclass(frozen=True)
class Noise:
    """What unrelated items score: about `centre`, give or take `spread`; `unit` is the model's."""

    centre: float
    spread: float
    unit: float

    def strength(self, score: float) -> float:
        """How far a score is above it: in spreads, times in logits of the model, as neither alone tells in every catalog."""
        return max(0.0, score - self.centre) ** 2 * self.unit / self.spread

    def score(self, strength: float) -> float:
        """The score of such a strength."""
        return self.centre + math.sqrt(strength * self.spread / self.unit)


def cut(best: Mapping[str, float], background: Mapping[str, Floats], *, among: int, scale: float | None = None) -> Cut | None:
    """Where to cut, None where too little is known.

    `best`: what each index found nearest; `background`: the same query's scores with a sample of each index; `among`: how many
    were compared; `scale`: how many logits of the model a score of 1 is, None where it has none.
    """
    every = np.concatenate([np.empty(0, np.float32), *background.values()])
    if len(every) < FEWEST or not best:
        return None
    noises = {name: noise(scores if len(scores) >= FEWEST else every, scale) for name in best for scores in [background.get(name, every)]}
    strengths = {name: noises[name].strength(score) for name, score in best.items()}
    strongest, chance = max(strengths, key=lambda name: strengths[name]), CHANCE * math.log(max(among, 2))
    stands = strengths[strongest] >= chance
    levels = {name: max(NEAR * strength, ENOUGH * chance) if stands else chance for name, strength in strengths.items()}
    least = {name: each.score(levels[name]) for name, each in noises.items()}
    return Cut(least, _reason(noises[strongest], best[strongest], chance, among))


def noise(scores: Floats, scale: float | None) -> Noise:
    """A normal distribution through the lower part of scores, which what is asked for does not reach."""
    low, high = np.quantile(scores.astype(np.float64), [LOW, HIGH]).tolist()
    spread = max((high - low) / (NORMAL[1] - NORMAL[0]), 1e-6)
    return Noise(high - NORMAL[1] * spread, spread, scale or UNSCALED / spread)


def _reason(noise: Noise, best: float, chance: float, among: int) -> str:
    about = f"of {among:,} items, unrelated ones are at {noise.centre:.2f} ± {noise.spread:.2f} and by chance as near as {noise.score(chance):.2f}"
    if noise.strength(best) < chance:
        return f"{about}, and the nearest is at {best:.2f}: nothing stands out"
    return f"{about}; the nearest is at {best:.2f}, and what is told beside it at least {math.sqrt(NEAR):.0%} as far above them"
