"""Cuts an answer where scores are no more than unrelated items of the same catalog have: a query about what is not there answers nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from samekind.types import Floats
from samekind_server.catalog.vectors import WINDOW

FEWEST = 20  # Scores from where a background is known.
NEAREST = 10  # Of what is found, whatever the limit, so that this does not decide whether anything stands out.
LOW, HIGH = 0.05, 0.4  # The part of a background that is not related, though half of the catalog were what is asked for,
NORMAL = (-1.6449, -0.2533)  # and where a normal distribution has it.
SHARP = 1.5  # Higher, the nearest alone decides; lower, how many are near. Measured, as what follows, on what the model was trained on.
BY_WORDS, BY_LOOKS = 3.75, 7.0  # Logits from where something stands out, where a text is compared and where none is.
RATHER = -3.25  # What the odds against other names have to add up to, in logits, where words are compared with images,
RATHER_TEXT = -4.0  # and with texts.
HALF, LEAST = 0.5, 3.0  # What is told beside the nearest of its kind is at least half as far above the noise, and so many logits.
UNSCALED = 3.0  # Logits that a spread is where no model has any.


@dataclass(frozen=True)
class Cut:
    """The least similarity, for each index by its name, of what stands out; and why it is that."""

    least: Mapping[str, float]
    reason: str


@dataclass(frozen=True)
class Noise:
    """What unrelated items score: about `centre`, give or take `spread`; `unit` logits of the model are a score of 1."""

    centre: float
    spread: float
    unit: float

    def logits(self, scores: Floats) -> NDArray[np.float64]:
        """How far scores are above it, from its upper edge on."""
        return (scores.astype(np.float64) - self.centre - self.spread) * self.unit

    def score(self, logits: float) -> float:
        """The score that is so far above it."""
        return self.centre + self.spread + logits / self.unit


@dataclass(frozen=True, eq=False)
class Odds:
    """How much more the nearest items, nearest first, are like the query than like what else things are called, in logits.

    `usual`: what an item of the index has for the name that fits it best; `rather`: what the nearest is more like than the query, if anything.
    """

    nearest: NDArray[np.float64]
    usual: float
    rather: str = ""


@dataclass(frozen=True)
class Sum:
    """Whether the exponentials of what the nearest has and of what all `others` add up to reach a whole; all but `own` as logarithms."""

    own: float
    others: float
    whole: float
    sharp: float = 1.0

    @property
    def lacking(self) -> float:
        """How much more the nearest alone would need; not above 0 where the whole is reached."""
        if self.others >= self.whole:
            return -np.inf
        return (self.whole + float(np.log1p(-np.exp(self.others - self.whole)))) / self.sharp - self.own


@dataclass(frozen=True, eq=False)
class Seen:
    """One index as a query sees it: its nearest scores, best first, of `count`; its noise; from where on something of it stands out; its odds."""

    name: str
    nearest: Floats
    background: Floats
    count: int
    noise: Noise
    level: float
    odds: Odds | None

    @property
    def best(self) -> float:
        """How far the nearest is above the noise."""
        return float(self.noise.logits(self.nearest[:1])[0])

    def least(self, *, stands: bool) -> float:
        """The score from which on it is told where something stands out, of what does so itself the nearest in any case; else what would."""
        if not stands:
            return self.noise.score(self.best + self.sum.lacking)
        beside = self.noise.score(max(HALF * self.best, LEAST))
        return min(beside, float(self.nearest[0])) if self.sum.lacking <= 0 else beside

    @cached_property
    def sum(self) -> Sum:
        """What decides whether anything stands out: the odds of the nearest, where they are known, else the free energy of all."""
        return self._rather(self.odds) if self.odds else Sum(self.best, self._others, SHARP * self.level + float(np.log(self.count)), SHARP)

    def _rather(self, odds: Odds) -> Sum:
        """The odds of the nearest as in Jiang et al. (arXiv 2403.20078), who tell by names what a classifier was not trained on.

        They have to come up to what an item usually has, the more so the more are compared, and the higher unrelated ones score.
        """
        line = RATHER_TEXT if self.name == "text" else RATHER
        edge = self.noise.unit * (self.noise.centre + self.noise.spread)
        whole = line + odds.usual + (float(np.log(self.count)) + edge) / 2
        return Sum(float(odds.nearest[0]), float(np.logaddexp.reduce(odds.nearest[1:], initial=-np.inf)), whole)

    @property
    def _others(self) -> float:
        """The logarithm of what all but the nearest add up to; those that were not found are as a sample has them, and no nearer than those found.

        The free energy decides as in Liu et al. (arXiv 2010.03759): one item far off raises it, and so do several less so.
        """
        each = len(self.background) / self.count
        rest = np.sort(self.background)[: max(0, len(self.background) - round(len(self.nearest) * each))]
        found, unseen = (np.logaddexp.reduce(SHARP * self.noise.logits(scores)) for scores in (self.nearest[1:], np.minimum(rest, self.nearest[-1])))
        return float(np.logaddexp(found, unseen - np.log(each)))


def cut(
    nearest: Mapping[str, Floats],
    background: Mapping[str, Floats],
    *,
    counts: Mapping[str, int],
    kinds: Mapping[str, float],
    scale: float | None = None,
    odds: Mapping[str, Odds] | None = None,
) -> Cut | None:
    """Where to cut, None where too little is known.

    `nearest`: what each index found, best first; `background`: the same query's scores with a sample of each index; `counts`: how
    many were compared; `kinds`: what the query is of, with weights; `scale`: how many logits of the model a score of 1 is, None where it has none;
    `odds`: those of each index's nearest, where they are known.
    """
    every = np.concatenate([np.empty(0, np.float32), *background.values()])
    if len(every) < FEWEST or not nearest:
        return None
    seen = {}
    for name, scores in nearest.items():
        sample = known if len(known := background.get(name, every)) >= FEWEST else every
        few = scores[:NEAREST]
        seen[name] = Seen(name, few, sample, max(len(few), counts.get(name, 0)), noise(sample, scale), level(kinds, name), (odds or {}).get(name))
    stands = any(each.sum.lacking <= 0 for each in seen.values())
    least = {name: each.least(stands=stands) for name, each in seen.items()}
    foremost = min(seen, key=lambda name: seen[name].sum.lacking)
    return Cut(least, _reason(seen[foremost], least[foremost], stands=stands))


def noise(scores: Floats, scale: float | None) -> Noise:
    """A normal distribution through the lower part of scores, which what is asked for does not reach."""
    low, high = np.quantile(scores.astype(np.float64), [LOW, HIGH]).tolist()
    spread = max((high - low) / (NORMAL[1] - NORMAL[0]), 1e-6)
    return Noise(high - NORMAL[1] * spread, spread, scale or UNSCALED / spread)


def level(kinds: Mapping[str, float], index: str) -> float:
    """From how many logits on something of an index stands out: images are nearer to one another, though of other things, than texts are."""
    if index in ("text", WINDOW):
        return BY_WORDS
    words = kinds.get("text", 0.0) / sum(kinds.values()) if kinds else 0.0
    return words * BY_WORDS + (1 - words) * BY_LOOKS


def _reason(seen: Seen, least: float, *, stands: bool) -> str:
    noise, best = seen.noise, seen.noise.score(seen.best)
    about = f"of {seen.count:,} items, unrelated ones have a similarity of {noise.centre:.3f} ± {noise.spread:.3f} and the nearest {best:.3f}"
    if stands:
        return f"{about}; what is told beside it has at least {least:.3f}"
    rather = f"; it is rather like {seen.odds.rather!r}" if seen.odds and seen.odds.rather else ""
    return f"{about}: nothing stands out, as one with {least:.3f} would{rather}"
