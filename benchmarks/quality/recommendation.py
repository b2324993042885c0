"""`python -m benchmarks.quality.recommendation`: measures recommendations on real ratings and on simulated shoppers."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.quality import movielens, shoppers, textbook
from benchmarks.quality.embedding import embedded
from benchmarks.quality.metrics import RESAMPLES
from benchmarks.quality.movielens import LIKED, Ratings
from benchmarks.quality.shoppers import Told
from benchmarks.quality.textbook import Parameters
from samekind.types import Floats
from samekind_server.recommendation.blend import first, ndcg
from samekind_server.recommendation.interactions import Events, interactions
from samekind_server.recommendation.measuring import history_of
from samekind_server.recommendation.model import Model, learn
from samekind_server.recommendation.signals import History

CONTENT, OUR_EASE, DEFAULT = "content only", "our EASE", "the default"
SINGLE = (*textbook.METHODS, CONTENT)
METHODS = (*SINGLE, OUR_EASE, DEFAULT)
MEASURES = ("recall@20", "NDCG@10", "NDCG@100")
FEW = 10  # Likes of a user of whom little is known.
FIRST = (1, 3, 5, 10)  # Likes after which a user's history is cut.
FOLDS = 3  # Parts of the users, each met by a model of the others.
WITHHELD = 0.2
SHOWN = 20
NOWHERE_WORSE, AS_GOOD, BETTER, TIMES_RANDOM, SERVED = 0.0, -0.02, 1e-6, 2.0, 0.95


@dataclass(frozen=True)
class Task:
    """What was known of all and of those who are asked for, and what these liked afterwards: `wanted` (users, films). What they had `seen` is not
    recommended; `among` limits what may be."""

    name: str
    known: Ratings
    asked: Ratings
    seen: Ratings
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
    """A model of what was known, the films' vectors, and the parameters of the single methods."""

    model: Model
    vectors: Floats
    parameters: Mapping[str, Parameters]


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
    measured, gates = films(movielens.read(options.data), options.only) if there else ([], [])
    gates = [*_shopper_gates(bought), *gates]
    _show(bought, measured, gates)
    if not there:
        print(f"real ratings are not measured: {movielens.FOLDER} is not in {options.data}")
    if options.json:
        told = {"scores": [asdict(one) for one in measured], "gates": [asdict(gate) for gate in gates]}
        regret = {name: values.tolist() for name, values in bought.regret.items()}
        options.json.write_text(json.dumps(told | {"regret": regret}, indent=2) + "\n")
    return 0 if all(gate.holds for gate in gates) else 1


def films(ratings: Ratings, only: str = "") -> tuple[list[Measured], list[Gate]]:
    """Each user's last fifth, or users cut to their first likes; without `only` both."""
    each = _task("each user's last fifth", ratings, movielens.last_of_each_user(ratings))
    parameters = textbook.tuned(each.known, len(each.wanted))
    parts = [_split(each, parameters, ratings)] if only != "cut" else []
    parts += [_cut(ratings, each, parameters)] if only != "split" else []
    return [one for measured, _ in parts for one in measured], [gate for _, gates in parts for gate in gates]


def _split(each: Task, parameters: Mapping[str, Parameters], ratings: Ratings) -> tuple[list[Measured], list[Gate]]:
    """All users, those of whom little is known, and films withheld, which is gated; and the global time split, which is held to popularity alone."""
    everywhere = _task("last fifth of all", ratings, movielens.last_of_all(ratings))
    warm = _ranked(each, _learned(each, parameters))
    few, held = _only(warm, warm.likes <= FEW), _withheld(each)
    lesson = _learned(held, parameters)
    cold, full = _ranked(held, lesson), _ranked(_everything(held), lesson)
    later = _ranked(everywhere, _learned(everywhere, textbook.tuned(everywhere.known, len(everywhere.wanted))))
    measured = [*_measured(each, warm), *_measured(each, few, ", users with ≤ 10 likes"), *_measured(held, cold), *_measured(everywhere, later)]
    groups = {"all": warm, "≤ 10 likes": few, "cold": cold, "last fifth of all": later}
    few_gates = _gates(few, f"≤ {FEW} likes", BETTER)
    return measured, [*_gates(warm, "all", AS_GOOD), *few_gates, *_cold_gates(held, cold, full), *_never_worse(groups)]


def _cut(ratings: Ratings, each: Task, parameters: Mapping[str, Parameters]) -> tuple[list[Measured], list[Gate]]:
    """Users by their first likes alone, for all they liked later, and by their latest alone, for those of their last fifth; by models of other users,
    and texts without tags, so that none tells of later."""
    plain, parts = tuple(ratings.texts(np.full(len(each.wanted), -np.inf))), dict[str, list[tuple[Task, Ranked]]]()
    for fold in range(FOLDS):
        others = each.known.some(each.known.users % FOLDS != fold)
        task = replace(each, name=f"users in {FOLDS} parts, {fold + 1}", known=others, texts=plain)
        lesson = _learned(task, parameters)
        for cut in (*(cut_short(count, ratings, task, fold) for count in FIRST), cut_to_latest(FEW, task, fold)):
            parts.setdefault(cut.name, []).append((cut, _ranked(cut, lesson)))
    whole = [(found[0][0], _joined([ranked for _, ranked in found])) for found in parts.values()]
    measured = [one for task, ranked in whole for one in _measured(task, ranked)]
    gates = [gate for task, ranked in whole for gate in (*_gates(ranked, task.name, BETTER), *_never_worse({task.name: ranked}))]
    return measured, gates


def cut_short(count: int, ratings: Ratings, task: Task, fold: int) -> Task:
    """The users of a part, each with what came up to a like of theirs, if more are to come."""
    liked = ratings.stars >= LIKED
    before = np.zeros(len(ratings.users))
    for user in np.unique(ratings.users[ratings.users % FOLDS == fold]):
        own = ratings.users == user
        before[own] = np.cumsum(liked[own]) - liked[own]
    enough = np.bincount(ratings.users[liked], minlength=len(task.wanted)) > count
    own = (ratings.users % FOLDS == fold) & enough[ratings.users]
    asked, later = ratings.some(own & (before < count)), ratings.some(own & (before >= count) & liked)
    wanted = np.zeros_like(task.wanted)
    wanted[later.users, later.films] = True
    return replace(task, name=f"users cut to their first {count} likes", asked=asked, seen=asked, wanted=wanted)


def cut_to_latest(count: int, task: Task, fold: int) -> Task:
    """The users of a part, each with what came since the likes that were the latest of theirs when what is wanted began."""
    own = task.seen.some(task.seen.users % FOLDS == fold)
    liked, since = own.stars >= LIKED, np.zeros(len(own.users))
    for user in np.unique(own.users):
        places = own.users == user
        since[places] = np.cumsum(liked[places][::-1])[::-1]
    wanted = task.wanted & (np.arange(len(task.wanted)) % FOLDS == fold)[:, None]
    return replace(task, name=f"users cut to their latest {count} likes", asked=own.some(since <= count), wanted=wanted)


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
    return Task(name, known, known, known, wanted, tuple(ratings.texts(until)), np.ones(count, bool))


def _withheld(task: Task) -> Task:
    """The same without any event of a fifth of the films, which alone are recommended."""
    films = np.unique(task.known.films)
    cold = np.zeros(len(task.among), bool)
    cold[np.random.default_rng(0).choice(films, round(WITHHELD * len(films)), replace=False)] = True
    known = task.known.some(~cold[task.known.films])
    return Task("films whose events are withheld", known, known, known, task.wanted & cold, task.texts, cold)


def _everything(task: Task) -> Task:
    return replace(task, name=f"{task.name}, among all", among=np.ones_like(task.among))


def _learned(task: Task, parameters: Mapping[str, Parameters]) -> Lesson:
    print(f"measuring recommendations: {task.name} …", file=sys.stderr, flush=True)
    vectors = embedded(task.texts)
    model = learn(_events(task.known), vectors, now=float(task.known.times.max()))
    return Lesson(model, vectors, parameters)


def _events(ratings: Ratings) -> Events:
    return Events(ratings.users, ratings.films, np.ones(len(ratings.users)), ratings.stars, ratings.times)


def _ranked(task: Task, lesson: Lesson) -> Ranked:
    """Every method's ranking of all that a user had not rated, among what may be recommended."""
    model, vectors = lesson.model, lesson.vectors
    history, seen = (interactions(_events(some), len(task.wanted), len(vectors)) for some in (task.asked, task.seen))
    single = textbook.scores(task.known, task.asked, len(task.wanted), lesson.parameters)
    each: dict[str, dict[str, list[float]]] = {method: {measure: [] for measure in MEASURES} for method in METHODS}
    shown: dict[str, list[NDArray[np.int64]]] = {method: [] for method in METHODS}
    users = np.flatnonzero(task.wanted.any(axis=1))
    for user in map(int, users):
        codes = np.flatnonzero(task.among & ~np.isin(np.arange(len(vectors)), seen.matrix[user].indices))
        liked = task.wanted[user, codes]
        told = {method: scores[user, codes] for method, scores in single.items()}
        for method, scores in (told | _scored(model, history_of(history, vectors, user), codes, vectors[codes])).items():
            for measure, value in zip(MEASURES, _values(scores, liked), strict=True):
                each[method][measure].append(value)
            shown[method].append(codes[first(scores, SHOWN)])
    likes = np.bincount(task.asked.users[task.asked.stars >= LIKED], minlength=len(task.wanted))[users]
    values = {method: {measure: np.array(told) for measure, told in of.items()} for method, of in each.items()}
    return Ranked(values, {method: np.stack(told) for method, told in shown.items()}, likes)


def _scored(model: Model, history: History, codes: NDArray[np.int64], vectors: Floats) -> dict[str, Floats]:
    """What is ours."""
    parts = model.signals.parts(history, codes, vectors)
    blended = model.blend.scores(parts, model.signals.supports(codes), fresh=history.fresh)
    return {CONTENT: parts["content"], OUR_EASE: parts["ease"], DEFAULT: blended.total}


def _values(scores: Floats, liked: NDArray[np.bool_]) -> tuple[float, float, float]:
    found = liked[first(scores, SHOWN)].sum() / min(int(liked.sum()), SHOWN)
    return float(found), ndcg(scores, liked, 10), ndcg(scores, liked, 100)


def _only(ranked: Ranked, users: NDArray[np.bool_]) -> Ranked:
    each = {method: {measure: values[users] for measure, values in of.items()} for method, of in ranked.each.items()}
    return Ranked(each, {method: shown[users] for method, shown in ranked.shown.items()}, ranked.likes[users])


def _joined(parts: Sequence[Ranked]) -> Ranked:
    """Those of different users as one."""
    each = {method: {measure: np.concatenate([one.each[method][measure] for one in parts]) for measure in MEASURES} for method in METHODS}
    shown = {method: np.concatenate([one.shown[method] for one in parts]) for method in METHODS}
    return Ranked(each, shown, np.concatenate([one.likes for one in parts]))


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


def _gates(ranked: Ranked, users: str, least: float) -> Iterator[Gate]:
    for measure in MEASURES:
        best = _best_single(ranked, measure)
        mean, low, high = _against(ranked, measure, best)
        yield Gate(f"{measure}, {users}: the default against {best}, as a share", mean, low, high, least, low >= least)


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
    return max(SINGLE, key=lambda method: float(ranked.each[method][measure].mean()))


def _against(ranked: Ranked, measure: str, best: str) -> tuple[float, float, float]:
    base = float(ranked.each[best][measure].mean())
    mean, low, high = (value / base for value in difference(ranked.each[DEFAULT][measure], ranked.each[best][measure]))
    return mean, low, high


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.quality.recommendation", description="Measures recommendations on MovieLens ratings.")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), metavar="DIR", help="folder of the data (default: ../shared/data)")
    parser.add_argument("--only", choices=("split", "cut"), default="", help="each user's last fifth, or users cut to their first likes, alone")
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
