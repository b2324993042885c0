"""Kills processes in the midst of writing to catalogs; `--kills` says how often, and `make torture` five hundred times."""

import itertools
from collections.abc import Iterator
from random import Random

import pytest

from samekind_server.embedding.engine import Engine
from samekind_server.store.migrations import MIGRATIONS
from samekind_server.store.sqlite import SqliteStore
from tests.afterwards import NONE, Cradle, expected, kept, opened
from tests.dying import killers
from tests.keeping import modelless

LIVES = 4  # In one folder, one after the other.


@pytest.fixture(scope="module")
def cradle() -> Iterator[Cradle]:
    cradle = Cradle()
    yield cradle
    cradle.close()


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Iterator[Engine]:
    with modelless(tmp_path_factory.mktemp("models")) as engine:
        yield engine


def test_a_writer_that_is_killed_leaves_all_that_was_acknowledged_and_nothing_half(cradle, engine, tmp_path, pytestconfig):
    ends: dict[str, int] = {}
    for run in range(-(-pytestconfig.getoption("--kills") // LIVES)):
        folder = tmp_path / f"{run}"
        folder.mkdir()
        states = NONE
        for life in range(LIVES):
            seed = LIVES * run + life
            killer = killers(Random(seed))
            told = cradle.live(folder=str(folder), seed=seed, killer=killer)
            keeper = opened(folder, engine)
            found = kept(keeper)
            keeper.close()
            for worker, (done, under_way) in enumerate(expected(told[:-1], seed, states)):
                assert found[worker] in (done, under_way), (seed, killer, worker)
            states, ends[told[-1]] = found, ends.get(told[-1], 0) + 1
    assert ends["end -9\n"] > 0.5 * sum(ends.values())
    assert ends.keys() <= {"end -9\n", "end 0\n"}


def test_a_store_whose_making_is_killed_at_any_statement_opens_again(cradle, tmp_path):
    statements, end = itertools.count(1, 3), ""
    while end != "end 0\n":
        folder = tmp_path / f"{next(statements)}"
        folder.mkdir()
        end = cradle.live(folder=str(folder), migrate=int(folder.name))[-1]
        store = SqliteStore(folder)
        assert store.read(lambda of: of.rows("PRAGMA user_version")).result() == [(len(MIGRATIONS),)]
        store.close()
    assert next(statements) > len(MIGRATIONS[-1])
