"""`python -m benchmarks.quality.recommendation`: measures recommendations on real ratings and on simulated shoppers."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.quality import movielens, shoppers
from benchmarks.quality.embedding import embedded
from benchmarks.quality.metrics import RESAMPLES
from benchmarks.quality.movielens import LIKED, Ratings
from benchmarks.quality.shoppers import Told
from samekind.types import Floats
from samekind_server.recommendation.blend import first, ndcg
from samekind_server.recommendation.interactions import Events, Interactions, interactions
from samekind_server.recommendation.measuring import history_of
from samekind_server.recommendation.model import Model, learn
from samekind_server.recommendation.signals import History

SINGLE = {"popularity": "popularity", "cooccurrence": "item-kNN", "als": "ALS", "ease": "EASE", "content": "content only"}
DEFAULT = "the default"
METHODS = (*SINGLE.values(), DEFAULT)
MEASURES = ("recall@20", "NDCG@10", "NDCG@100")
FEW = 10  # Likes of a user of whom little is known.
WITHHELD = 0.2
SHOWN = 20
NOWHERE_WORSE, AS_GOOD, TIMES_RANDOM, SERVED = 0.0, -0.02, 2.0, 0.95


@dataclass(frozen=True)
class Task:
    """What was known, and what users liked afterwards: `wanted` (users, films); `among` limits what may be recommended."""

    name: str
    known: Ratings
    wanted: NDArray[np.bool_]
    texts: tuple[str, ...]
    among: NDArray[np.bool_]


@dataclass(frozen=True)
class Measured:
    """One method on one task: the mean over users of each measure, the share of films that are shown to anybody, and how few know those shown."""

    task: str
    method: str
    users: int
    values: Mapping[str, float]
    coverage: float
    novelty: float


@dataclass(frozen=True)
class Gate:
    """What must hold: the 95 % interval of a paired difference, or a number, against what it must reach."""

    name: str
    value: float
    low: float | None
    high: float | None
    least: float
    holds: bool


@dataclass(frozen=True)
class Lesson:
    """A model of what was known, the films' vectors, and each user's history."""

    model: Model
    vectors: Floats
    history: Interactions


@dataclass(frozen=True)
class Ranked:
    """The measures of each method for each user who liked something afterwards, (users,) each; and the films each was shown, (users, 20)."""

    each: Mapping[str, Mapping[str, NDArray[np.float64]]]
    shown: Mapping[str, NDArray[np.int64]]
    likes: NDArray[np.int64]


def main(arguments: Sequence[str]) -> int:
    """Exit code: 0 measured, and every gate holds; 1 one does not; 2 wrong usage."""
    options = _options(arguments)
    print("measuring recommendations: simulated shoppers …", file=sys.stderr, flush=True)
    bought = shoppers.told()
    there = movielens.there(options.data)
    measured, gates = films(movielens.read(options.data)) if there else ([], [])
    gates = [*_shopper_gates(bought), *gates]
    _show(bought, measured, gates)
    if not there:
        print(f"real ratings are not measured: {movielens.FOLDER} is not in {options.data}")
    if options.json:
        told = {"scores": [asdict(one) for one in measured], "gates": [asdict(gate) for gate in gates]}
        regret = {name: values.tolist() for name, values in bought.regret.items()}
        options.json.write_text(json.dumps(told | {"regret": regret}, indent=2) + "\n")
    return 0 if all(gate.holds for gate in gates) else 1


def films(ratings: Ratings) -> tuple[list[Measured], list[Gate]]:
    """Each user's last fifth, all, those of whom little is known, and films withheld, which is gated; and the global time split, which is not."""
    each, everywhere = (
        _task("each user's last fifth", ratings, movielens.last_of_each_user(ratings)),
        _task("last fifth of all", ratings, movielens.last_of_all(ratings)),
    )
    warm, later = _ranked(each), _ranked(everywhere)
    few = _only(warm, warm.likes <= FEW)
    held = _withheld(each)
    lesson = _learned(held)
    cold, full = _ranked(held, lesson), _ranked(_everything(held), lesson)
    measured = [*_measured(each, warm), *_measured(each, few, ", users with ≤ 10 likes"), *_measured(held, cold), *_measured(everywhere, later)]
    gates = [*_warm_gates(warm, few), *_cold_gates(held, cold, full), *_never_worse({"all": warm, "≤ 10 likes": few, "cold": cold})]
    return measured, gates


def difference(one: NDArray[np.float64], other: NDArray[np.float64], *, seed: int = 0) -> tuple[float, float, float]:
    """How much larger the mean of one is, and its 95 % interval over resamples of the users both are of (paired bootstrap)."""
    gaps = one - other
    drawn = np.random.default_rng(seed).integers(0, len(gaps), (RESAMPLES, len(gaps)))
    low, high = np.percentile(gaps[drawn].mean(axis=1), [2.5, 97.5])
    return float(gaps.mean()), float(low), float(high)


def _task(name: str, ratings: Ratings, later: NDArray[np.bool_]) -> Task:
    """Texts have no tag that its user gave when, or after, what is to be foretold began for that user."""
    users, count = int(ratings.users.max()) + 1, len(ratings.titles)
    until = np.full(users, np.inf)
    np.minimum.at(until, ratings.users[later], ratings.times[later])
    known, after = ratings.some(~later), ratings.some(later & (ratings.stars >= LIKED))
    wanted = np.zeros((users, count), bool)
    wanted[after.users, after.films] = True
    wanted[known.users, known.films] = False
    return Task(name, known, wanted, tuple(ratings.texts(until)), np.ones(count, bool))


def _withheld(task: Task) -> Task:
    """The same without any event of a fifth of the films, which alone are recommended."""
    films = np.unique(task.known.films)
    cold = np.zeros(len(task.among), bool)
    cold[np.random.default_rng(0).choice(films, round(WITHHELD * len(films)), replace=False)] = True
    return Task("films whose events are withheld", task.known.some(~cold[task.known.films]), task.wanted & cold, task.texts, cold)


def _everything(task: Task) -> Task:
    return Task(f"{task.name}, among all", task.known, task.wanted, task.texts, np.ones_like(task.among))


def _learned(task: Task) -> Lesson:
    print(f"measuring recommendations: {task.name} …", file=sys.stderr, flush=True)
    known, vectors = task.known, embedded(task.texts)
    events = Events(known.users, known.films, np.ones(len(known.users)), known.stars, known.times)
    model = learn(events, [str(film) for film in range(len(vectors))], vectors, now=float(known.times.max()))
    return Lesson(model, vectors, interactions(events, len(task.wanted), len(vectors)))


def _ranked(task: Task, lesson: Lesson | None = None) -> Ranked:
    """Every method's ranking of all that a user had not rated, among what may be recommended."""
    lesson = lesson or _learned(task)
    model, vectors, history = lesson.model, lesson.vectors, lesson.history
    each: dict[str, dict[str, list[float]]] = {method: {measure: [] for measure in MEASURES} for method in METHODS}
    shown: dict[str, list[NDArray[np.int64]]] = {method: [] for method in METHODS}
    users = np.flatnonzero(task.wanted.any(axis=1))
    for user in map(int, users):
        codes = np.flatnonzero(task.among & ~np.isin(np.arange(len(vectors)), history.matrix[user].indices))
        liked = task.wanted[user, codes]
        for method, scores in _scored(model, history_of(history, vectors, user), codes, vectors[codes]):
            for measure, value in zip(MEASURES, _values(scores, liked), strict=True):
                each[method][measure].append(value)
            shown[method].append(codes[first(scores, SHOWN)])
    likes = np.bincount(task.known.users[task.known.stars >= LIKED], minlength=len(task.wanted))[users]
    values = {method: {measure: np.array(told) for measure, told in of.items()} for method, of in each.items()}
    return Ranked(values, {method: np.stack(told) for method, told in shown.items()}, likes)


def _scored(model: Model, history: History, codes: NDArray[np.int64], vectors: Floats) -> Iterator[tuple[str, Floats]]:
    parts = model.signals.parts(history, codes, vectors)
    for part, method in SINGLE.items():
        yield method, parts[part]
    yield DEFAULT, model.blend.scores(parts, model.signals.supports(codes)).total


def _values(scores: Floats, liked: NDArray[np.bool_]) -> tuple[float, float, float]:
    found = liked[first(scores, SHOWN)].sum() / min(int(liked.sum()), SHOWN)
    return float(found), ndcg(scores, liked, 10), ndcg(scores, liked, 100)


def _only(ranked: Ranked, users: NDArray[np.bool_]) -> Ranked:
    each = {method: {measure: values[users] for measure, values in of.items()} for method, of in ranked.each.items()}
    return Ranked(each, {method: shown[users] for method, shown in ranked.shown.items()}, ranked.likes[users])


def _measured(task: Task, ranked: Ranked, more: str = "") -> Iterator[Measured]:
    """Novelty: how many bits it takes to say that a user knows the film, on average over what is shown."""
    known = (np.bincount(task.known.films, minlength=len(task.among)) + 1) / (len(task.wanted) + 1)
    for method in METHODS:
        shown, values = ranked.shown[method], {measure: float(told.mean()) for measure, told in ranked.each[method].items()}
        coverage = len(np.unique(shown)) / int(task.among.sum())
        yield Measured(f"{task.name}{more}", method, len(shown), values, coverage, float(-np.log2(known[shown]).mean()))


def _shopper_gates(bought: Told) -> Iterator[Gate]:
    falls = -float(np.diff(bought.regret[DEFAULT]).max())
    yield Gate("shoppers: the least that regret falls by with an event", falls, None, None, 0, falls > 0)
    yield Gate("shoppers: share whose second interest is served from its first event", bought.served, None, None, SERVED, bought.served >= SERVED)


def _warm_gates(warm: Ranked, few: Ranked) -> Iterator[Gate]:
    for measure in MEASURES:
        best = _best_single(warm, measure)
        mean, low, high = _against(warm, measure, best)
        yield Gate(f"{measure}: the default against {best}, as a share", mean, low, high, AS_GOOD, low >= AS_GOOD)
    for measure in MEASURES:
        best = _best_single(few, measure)
        mean, low, high = _against(few, measure, best)
        yield Gate(f"{measure}, ≤ {FEW} likes: the default against {best}, as a share", mean, low, high, 0, low > 0)


def _cold_gates(task: Task, cold: Ranked, full: Ranked) -> Iterator[Gate]:
    """Chance is told exactly for recall@20: 20 of the cold films a user has not rated."""
    share = SHOWN / int(task.among.sum())
    wanted = task.wanted.sum(axis=1)[task.wanted.any(axis=1)]
    chance = float((wanted * share / np.minimum(wanted, SHOWN)).mean())
    times = float(cold.each[DEFAULT]["recall@20"].mean()) / chance
    yield Gate("recall@20 among cold films, times chance", times, None, None, TIMES_RANDOM, times >= TIMES_RANDOM)
    exposed = float(task.among[full.shown[DEFAULT]].mean())
    yield Gate(f"share of cold films among the {SHOWN} shown of all (they are {task.among.mean():.2f} of all)", exposed, None, None, 0, True)


def _never_worse(groups: Mapping[str, Ranked]) -> Iterator[Gate]:
    for name, ranked in groups.items():
        for measure in MEASURES:
            mean, low, high = difference(ranked.each[DEFAULT][measure], ranked.each["popularity"][measure])
            yield Gate(f"{measure}, {name}: the default less popularity", mean, low, high, NOWHERE_WORSE, mean >= NOWHERE_WORSE)


def _best_single(ranked: Ranked, measure: str) -> str:
    return max(SINGLE.values(), key=lambda method: float(ranked.each[method][measure].mean()))


def _against(ranked: Ranked, measure: str, best: str) -> tuple[float, float, float]:
    base = float(ranked.each[best][measure].mean())
    mean, low, high = (value / base for value in difference(ranked.each[DEFAULT][measure], ranked.each[best][measure]))
    return mean, low, high


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.quality.recommendation", description="Measures recommendations on MovieLens ratings.")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), metavar="DIR", help="folder of the data (default: ../shared/data)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number to FILE too")
    return parser.parse_args(arguments)


def _show(bought: Told, measured: Sequence[Measured], gates: Sequence[Gate]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 160)
    table = Table("regret after … events", *map(str, range(shoppers.STEPS + 1)), title="Simulated shoppers", title_justify="left")
    for name, values in bought.regret.items():
        table.add_row(name, *(f"{value:.3f}" for value in values))
    console.print(table)
    table = Table("ratings", "users", "method", *MEASURES, "coverage", "novelty", title="Recommendations", title_justify="left")
    for one in measured:
        table.add_row(
            one.task, str(one.users), one.method, *(f"{one.values[measure]:.4f}" for measure in MEASURES), f"{one.coverage:.3f}", f"{one.novelty:.2f}"
        )
    console.print(table)
    table = Table("gate", "value", "95 % interval", "least", "holds")
    for gate in gates:
        interval = "" if gate.low is None else f"{gate.low:+.4f} - {gate.high:+.4f}"
        table.add_row(gate.name, f"{gate.value:+.4f}", interval, f"{gate.least:g}", "yes" if gate.holds else "NO")
    console.print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
