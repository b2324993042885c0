"""Kills processes in the midst of writing to catalogs; `--kills` says how often, and `make torture` five hundred times."""

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
import pytest

from samekind.filters import F
from samekind_server.catalog.reading import View
from samekind_server.catalog.snapshots import Snapshots
from samekind_server.embedding.engine import Engine
from samekind_server.store import catalogs, items
from samekind_server.store.base import Transaction
from samekind_server.store.migrations import MIGRATIONS
from samekind_server.store.sqlite import SqliteStore
from tests.dying import WORKERS, State, killers, step, vector
from tests.keeping import Keeper, modelless
from tests.running import environment

LIVES = 4  # In one folder, one after the other.


class Cradle:
    """Where lives are begun."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.dying"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment() | {"OPENBLAS_NUM_THREADS": "1"}
        )

    def live(self, **told: object) -> list[str]:
        """What a life told, and last how it ended."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        lines = []
        while not (line := self._process.stdout.readline()).startswith("end"):
            assert line, "the cradle broke"
            lines.append(line)
        return [*lines, line]

    def close(self) -> None:
        with self._process:
            assert self._process.stdin
            self._process.stdin.close()


@pytest.fixture(scope="module")
def cradle() -> Iterator[Cradle]:
    cradle = Cradle()
    yield cradle
    cradle.close()


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Iterator[Engine]:
    with modelless(tmp_path_factory.mktemp("models")) as engine:
        yield engine


def expected(told: list[str], seed: int, before: list[State]) -> list[tuple[State, State]]:
    """Each worker's items when all that was acknowledged is done, and when what it was at is done too."""
    states = [(state, state) for state in before]
    for what, worker, number in (line.split() for line in told[:-1]):
        done, under_way = states[int(worker)]
        states[int(worker)] = (done, step(seed, int(worker), int(number)).on(int(worker), done)) if what == "try" else (under_way, under_way)
    return states


def kept(keeper: Keeper) -> list[State]:
    """What there is of each worker's; store, index and columns hold the same, and every row is sound."""
    keeper.run(keeper.catalogs.start())
    found = keeper.ask("page", "", 10_000, View(vectors=True))
    states: list[State] = [{} for _ in range(WORKERS)]
    for each in found:
        vectors = {made: vector(each.id, made).values for made in range(4)}
        [made] = [made for made, values in vectors.items() if np.array_equal(values, each.vectors["vector"].values)]
        states[each.attributes["worker"]][each.id] = (made, each.attributes)
    check(keeper, {each.id: each.vectors["vector"].values for each in found})
    return states


def check(keeper: Keeper, held: dict[str, np.ndarray]) -> None:
    query = np.ones((1, 8), np.float32)
    for exact in (True, False):
        [hits] = keeper.ask("nearest", query, len(held) + 10, exact=exact)
        assert {hit.item.id for hit in hits} == held.keys()
        assert all(abs(hit.score - float(held[hit.item.id].sum()) / 8**0.5) < 1e-5 for hit in hits)
    [filtered] = keeper.ask("nearest", query, len(held) + 10, where=F.n >= 0)
    assert {hit.item.id for hit in filtered} == held.keys()
    keeper.catalogs._freeing.submit(int).result()
    assert keeper.store.read(lambda of: [fault for head in catalogs.every(of) for fault in faults(of, head.id)]).result() == []
    for sql, wanted in (
        ("PRAGMA integrity_check", "ok"),
        ("SELECT count(*) FROM items LEFT JOIN vectors USING (row) WHERE vectors.row IS NULL", 0),
        ("SELECT count(*) FROM vectors LEFT JOIN items USING (row) WHERE items.row IS NULL", 0),
        ("SELECT count(*) FROM catalogs WHERE gone", 0),
    ):
        assert keeper.store.write(lambda to, sql=sql: to.rows(sql)).result() == [(wanted,)]


def faults(of: Transaction, catalog: int) -> list[str]:
    return [fault for each in items.past(of, catalog, 0, 10_000) for fault in items.faults(of, each)]


def opened(folder: Path, engine: Engine) -> Keeper:
    with_store = SqliteStore(folder)
    life = with_store.read(catalogs.life).result()
    with_store.close()
    return Keeper(folder, engine, indexes=Snapshots(folder, life))


def test_a_writer_that_is_killed_leaves_all_that_was_acknowledged_and_nothing_half(cradle, engine, tmp_path, pytestconfig):
    ends: dict[str, int] = {}
    for run in range(-(-pytestconfig.getoption("--kills") // LIVES)):
        folder = tmp_path / f"{run}"
        folder.mkdir()
        states: list[State] = [{} for _ in range(WORKERS)]
        for life in range(LIVES):
            seed = LIVES * run + life
            killer = killers(Random(seed))
            told = cradle.live(folder=str(folder), seed=seed, killer=killer)
            keeper = opened(folder, engine)
            found = kept(keeper)
            keeper.close()
            for worker, (done, under_way) in enumerate(expected(told, seed, states)):
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
