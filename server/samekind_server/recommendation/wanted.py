"""What somebody wants, as vectors: the items they like, the examples they give, and the several interests in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from samekind.errors import BadRequest
from samekind.recommendations import ExampleStrategy, Wish
from samekind.types import Floats, Metric
from samekind_server.catalog import vectors
from samekind_server.catalog.inside import Inside
from samekind_server.embedding.base import unit
from samekind_server.recommendation import likeness, taste
from samekind_server.recommendation.blend import leading
from samekind_server.recommendation.interactions import faded
from samekind_server.recommendation.model import Model
from samekind_server.recommendation.past import Past
from samekind_server.recommendation.signals import DAY, LATELY, Heard, History
from samekind_server.recommendation.taste import Interest, Strategy
from samekind_server.search.terms import Meant, combined

STRATEGIES = {ExampleStrategy.MEAN: Strategy.MEAN, ExampleStrategy.BEST: Strategy.BEST, ExampleStrategy.SUM: Strategy.SUM}
INTERESTS = 4
FADING = 90 * DAY  # After which an interest in something counts half beside others.
ASKED = np.float32(2 / 3)  # How much examples count in content, beside what is known of the user.
MOST_QUERIES = 16


@dataclass(frozen=True, eq=False)
class Wanted:
    """A wish in one catalog, and the model it is met by.

    `examples` (n, dimensions) are unit; those by id are in `history` too, where they weigh as events do.
    """

    wish: Wish
    meant: Sequence[Meant]
    model: Model
    past: Past
    history: History
    examples: Floats

    @cached_property
    def liked(self) -> Floats:
        """The vectors of the latest of the history, without what all of the catalog have in common."""
        return self.model.signals.centred(self.history.vectors)

    @cached_property
    def heard(self) -> Heard:
        """What behaviour makes of the history. Who says what is wanted is not served as one of whom nothing is known."""
        heard = self.model.signals.heard(self.history)
        return heard.wished if self.wish.examples or self.wish.context_item else heard

    @cached_property
    def shown(self) -> Floats:
        """The same of the examples."""
        return self.model.signals.centred(self.examples)

    @property
    def weights(self) -> Floats:
        """How much each example is liked."""
        return np.array([term.weight for term in self.wish.examples], np.float32)

    @cached_property
    def interests(self) -> list[Interest]:
        """Of the history, the weightiest first; what is long past weighs less."""
        times = self.past.times[:LATELY]
        weights = faded(self.history.weights[:LATELY].astype(np.float64), times, float(times.max(initial=0)), FADING)
        return taste.interests(self.liked, weights.astype(np.float32), limit=INTERESTS)

    @property
    def speaks(self) -> bool:
        """Whether there is anything to go by."""
        return bool(len(self.history.codes) or len(self.examples))

    def content(self, near: Floats) -> Floats:
        """How near centred rows (n, dimensions) are to what is wanted, (n,)."""
        by_history = _lifted(taste.alike(near, self.liked, self.history.weights[:LATELY]))
        if not len(self.examples):
            return by_history
        by_examples = _lifted(taste.alike(near, self.shown, self.weights, STRATEGIES[self.wish.strategy]))
        if not self.past.beyond:
            return by_examples
        told: Floats = ASKED * leading(by_examples) + (1 - ASKED) * leading(by_history)
        return told

    def queries(self, inside: Inside) -> dict[str, Floats]:
        """What to look for in each index by its name, (n, dimensions): the examples that are liked, and a medoid for each interest."""
        names = vectors.names(inside.catalog.comparison)
        medoids = [self.history.vectors[interest.medoid] for interest in self.interests]
        asked = self._asked(inside)
        found = [*asked, *(dict.fromkeys(names, medoid) for medoid in medoids)]
        return {name: np.stack([each[name] for each in found]) for name in names} if found else {}

    def _asked(self, inside: Inside) -> list[Mapping[str, Floats]]:
        """All examples as one, or each that is liked by itself."""
        liked = [(each, term.weight) for each, term in zip(self.meant, self.wish.examples, strict=True) if term.weight > 0]
        if not liked or self.wish.strategy is ExampleStrategy.BEST:
            return [each.vectors for each, _ in liked[:MOST_QUERIES]]
        every = [(each, term.weight) for each, term in zip(self.meant, self.wish.examples, strict=True)]
        for some in (every, liked):
            try:
                return [_together(some, inside.catalog.metric)]
            except BadRequest:  # They cancel each other out.
                continue
        return [each.vectors for each, _ in liked[:MOST_QUERIES]]


def wanted(inside: Inside, model: Model, wish: Wish, meant: Sequence[Meant], past: Past) -> Wanted:
    """What is wanted, by what is in memory."""
    history = History(model.coded(past.numbers), past.weights, likeness.wholes(inside.memory, past.rows[:LATELY]), past.times)
    return Wanted(wish, meant, model, past, history, _examples(meant, inside.catalog.dimensions))


def _together(some: Sequence[tuple[Meant, float]], metric: Metric) -> dict[str, Floats]:
    return {name: combined([(each.vectors[name], weight) for each, weight in some], metric) for name in some[0][0].vectors}


def _examples(meant: Sequence[Meant], dimensions: int) -> Floats:
    """Each example's vector, unit."""
    rows = [np.mean([*{id(vector): vector for vector in each.vectors.values()}.values()], axis=0) for each in meant]
    return unit(np.stack(rows).astype(np.float32)) if rows else np.zeros((0, dimensions), np.float32)


def _lifted(near: Floats) -> Floats:
    """The numbers from 0 up where none is above it, as where all that is known is disliked: the farthest is the best."""
    told: Floats = near - near.min() if len(near) and near.max() <= 0 else near
    return told
