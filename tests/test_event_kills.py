"""Kills processes in the midst of recording events and learning from them; `--kills` says how often, and `make torture` five hundred times."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from samekind.recommendations import RecommendationModel
from samekind_server.recommendation.kept import Files
from samekind_server.recommendation.learning import Bounds, Learner
from samekind_server.store import catalogs
from samekind_server.store.sqlite import SqliteStore
from tests.afterwards import Cradle
from tests.dying import WORKERS
from tests.recording import expected, kept, killers

LIVES = 4  # In one folder, one after the other.
EACH = 20  # Kills of `--kills` for which there is a folder.


@pytest.fixture(scope="module")
def cradle() -> Iterator[Cradle]:
    cradle = Cradle()
    yield cradle
    cradle.close()


def learned_again(folder: Path) -> tuple[RecommendationModel | None, RecommendationModel]:
    """What is served at once after a start, if anything was kept, and what is learned then."""
    store = SqliteStore(folder)
    life, [head] = store.read(catalogs.life).result(), store.read(catalogs.every).result()
    before = Files(folder, life).kept(head.id)
    learner = Learner(store, folder, life, Bounds(every=0.0))
    learner.start()
    while (told := asyncio.run(learner.told("", "shop"))).events == 0 or told.learning:
        assert not told.failure
    learner.close()
    store.close()
    return before, told


def test_nothing_acknowledged_is_lost_and_what_was_learned_is_served_or_learned_again(cradle, tmp_path, pytestconfig):
    ends: dict[str, int] = {}
    for run in range(-(-pytestconfig.getoption("--kills") // EACH)):
        folder, states = tmp_path / f"{run}", [dict[str, str]() for _ in range(WORKERS)]
        folder.mkdir()
        for life in range(LIVES):
            seed = LIVES * run + life
            killer = killers(Random(seed))
            told = cradle.live(folder=str(folder), seed=seed, killer=killer, events=True)
            store = SqliteStore(folder)
            found, count = store.read(kept).result()
            assert store.write(lambda to: to.rows("PRAGMA integrity_check")).result() == [("ok",)]
            store.close()
            for worker, (done, under_way) in enumerate(expected(told[:-1], seed, states)):
                assert found[worker] in (done, under_way), (seed, killer, worker)
            assert count == sum(map(len, found)), (seed, killer)
            states, ends[told[-1]] = found, ends.get(told[-1], 0) + 1
        if any(states):
            before, now = learned_again(folder)
            assert before is None or before.model.about.events > 0
            assert now.recorded_events - now.events < 100
    assert ends["end -9\n"] >= 0.5 * sum(ends.values())
    assert ends.keys() <= {"end -9\n", "end 0\n"}
