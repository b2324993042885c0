"""Simulates shoppers in the drawn shop, who also buy together what does not look alike, and measures how far from the best they are served."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.embedding import embedded
from samekind import shop
from samekind.types import Floats
from samekind_server.recommendation import taste
from samekind_server.recommendation.blend import first
from samekind_server.recommendation.interactions import Events
from samekind_server.recommendation.model import Model, learn
from samekind_server.recommendation.signals import History

ITEMS, BEFORE, BOUGHT, SHOPPERS, STEPS, SHOWN = 924, 1500, 15, 60, 8, 10
TOGETHER, COLOURS, OTHERWISE, NOISE = 3, 2, 0.2, 0.1  # Things bought together, colours liked, what the others are worth, and chance.
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Shop:
    """The products' vectors, things and colours by code, and which thing is bought with which, whatever they look like."""

    vectors: Floats
    things: NDArray[np.int64]
    colours: NDArray[np.int64]
    beside: NDArray[np.int64]


@dataclass(frozen=True)
class Told:
    """The mean regret after 0, 1, … events, (steps + 1,), for each way to recommend; and the shares of shoppers whose second interest was served."""

    regret: dict[str, Numbers]
    served: float
    served_together: float


def told(seed: int = 0) -> Told:
    """Shoppers who come without events, and buy one thing after another."""
    chance = np.random.default_rng(seed)
    store = _shop(chance)
    model = _learned(store, chance)
    shares = {"the default": None, "content only": 0.0, "behaviour only": 1.0}
    wishes = [_wish(store, int(chance.integers(len(shop.THINGS))), chance) for _ in range(SHOPPERS)]
    regret = {name: _mean_regret(store, model, wishes, share, seed) for name, share in shares.items()}
    second = np.array([_second(store, model, chance) for _ in range(SHOPPERS)])
    return Told(regret, float(second[:, 0].mean()), float(second[:, 1].mean()))


def _mean_regret(store: Shop, model: Model, wishes: Sequence[Numbers], behaviour: float | None, seed: int) -> Numbers:
    """The same purchases for each way to recommend."""
    regrets = [_regrets(store, model, wish, np.random.default_rng((seed, number)), behaviour) for number, wish in enumerate(wishes)]
    return np.asarray(np.mean(regrets, axis=0))


def _shop(chance: np.random.Generator) -> Shop:
    every = shop.combinations()
    kinds = [every[int(place)] for place in sorted(chance.permutation(len(every))[:ITEMS])]
    things, colours = list(shop.THINGS), list(shop.COLOURS)
    ring = chance.permutation(len(things))
    beside = np.empty(len(things), np.int64)
    beside[ring] = np.roll(ring, 1)
    vectors = embedded(tuple(shop.describe(*kind, 0) for kind in kinds))
    return Shop(vectors, np.array([things.index(kind[0]) for kind in kinds]), np.array([colours.index(kind[1]) for kind in kinds]), beside)


def _wish(store: Shop, thing: int, chance: np.random.Generator) -> Numbers:
    """How much a shopper wants each product: things that are bought together, in two of the colours."""
    colours = chance.choice(len(shop.COLOURS), COLOURS, replace=False)
    things = _together(store, thing)
    return np.where(np.isin(store.things, things), np.where(np.isin(store.colours, colours), 1.0, OTHERWISE), 0.0)


def _together(store: Shop, thing: int) -> list[int]:
    found = [thing]
    while len(found) < TOGETHER:
        found.append(int(store.beside[found[-1]]))
    return found


def _learned(store: Shop, chance: np.random.Generator) -> Model:
    """From shoppers before: what they bought is what they wanted most, but for chance."""
    bought = [
        first((_wish(store, user % len(shop.THINGS), chance) + chance.gumbel(0, NOISE, ITEMS)).astype(np.float32), BOUGHT) for user in range(BEFORE)
    ]
    items = np.concatenate([chance.permutation(basket) for basket in bought])
    users = np.repeat(np.arange(BEFORE), BOUGHT)
    events = Events(users, items, np.ones(len(items)), np.full(len(items), np.nan), np.tile(np.arange(BOUGHT, dtype=float), BEFORE))
    return learn(events, store.vectors, now=float(BOUGHT))


def _regrets(store: Shop, model: Model, wish: Numbers, chance: np.random.Generator, behaviour: float | None) -> Numbers:
    """How much of what the best ten would give is missed, after each event. What is bought and what is shown is of two halves of the shop, so
    that what is left to be shown gets no poorer."""
    shelf = np.arange(ITEMS) % 2 == 0
    bought = chance.permutation(first(np.where(shelf, wish + chance.gumbel(0, NOISE, ITEMS), -np.inf).astype(np.float32), STEPS))
    missed = []
    for count in range(STEPS + 1):
        shown = _shown(store, model, bought[:count].tolist(), behaviour, among=~shelf)
        missed.append(1 - wish[shown].sum() / np.sort(wish[~shelf])[-SHOWN:].sum())
    return np.array(missed)


def _second(store: Shop, model: Model, chance: np.random.Generator) -> tuple[bool, bool]:
    """Whether one product of another thing, after eight of the first, brings its like among the ten shown, and what is bought with it."""
    one, other = chance.choice(len(shop.THINGS), 2, replace=False)
    history = [*chance.permutation(np.flatnonzero(store.things == one))[:STEPS], chance.choice(np.flatnonzero(store.things == other))]
    things = store.things[_shown(store, model, [int(item) for item in history], None)]
    return bool((things == other).any()), bool(np.isin(things, _together(store, int(other))[1:]).any())


def _shown(store: Shop, model: Model, bought: Sequence[int], behaviour: float | None, among: NDArray[np.bool_] | None = None) -> list[int]:
    """Ten products for who bought these, the latest last; every interest is served."""
    latest = np.array(bought[::-1], np.int64)
    history = History(latest, np.ones(len(latest), np.float32), store.vectors[latest])
    codes = np.setdiff1d(np.arange(ITEMS) if among is None else np.flatnonzero(among), latest)
    scores = model.scores(history, codes, store.vectors[codes], behaviour=behaviour)
    near = model.signals.centred(store.vectors)
    owners = taste.nearest(near[codes], near[latest], taste.interests(near[latest], history.weights))
    return [int(codes[place]) for place in taste.served(first(scores.total, len(codes)).tolist(), owners, SHOWN)]
