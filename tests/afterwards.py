"""What is found in a folder after the lives in it ended, and what should be."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from samekind.errors import NotFound
from samekind.filters import F
from samekind.queries import ItemView
from samekind.types import Item
from samekind_server.catalog.snapshots import Snapshots
from samekind_server.embedding.engine import Engine
from samekind_server.store import catalogs, copies, items, words
from samekind_server.store.base import Transaction
from samekind_server.store.sqlite import SqliteStore
from tests.dying import WORKERS, State, step, vector
from tests.keeping import Keeper
from tests.running import environment

NONE: list[State] = [{} for _ in range(WORKERS)]


class Cradle:
    """Where lives are begun."""

    def __init__(self, more: Mapping[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "tests.dying"]
        told = environment() | {"OPENBLAS_NUM_THREADS": "1", **(more or {})}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=told)

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


def expected(told: Sequence[str], seed: int, before: Sequence[State]) -> list[tuple[State, State]]:
    """Each worker's items when all that was acknowledged is done, and when what it was at is done too."""
    states = [(state, state) for state in before]
    for what, worker, number in (line.split() for line in told):
        done, under_way = states[int(worker)]
        states[int(worker)] = (done, step(seed, int(worker), int(number)).on(int(worker), done)) if what == "try" else (under_way, under_way)
    return states


def opened(folder: Path, engine: Engine) -> Keeper:
    with_store = SqliteStore(folder)
    life = with_store.read(catalogs.life).result()
    with_store.close()
    return Keeper(folder, engine, indexes=Snapshots(folder, life))


def kept(keeper: Keeper) -> list[State]:
    """What there is of each worker's; store, index and columns hold the same, and every row is sound."""
    keeper.run(keeper.catalogs.start())
    found = listed(keeper)
    states: list[State] = [{} for _ in range(WORKERS)]
    for each in found:
        vectors = {made: vector(each.id, made).values for made in range(4)}
        [made] = [made for made, values in vectors.items() if np.array_equal(values, each.vectors["vector"].values)]
        states[each.attributes["worker"]][each.id] = (made, each.attributes)
    if found:
        check(keeper, {each.id: each.vectors["vector"].values for each in found})
    keeper.catalogs._freeing.submit(int).result()
    assert keeper.store.read(lambda of: [fault for head in catalogs.every(of) for fault in faults(of, head.id)]).result() == []
    assert keeper.store.read(lambda of: words.digests(of) == worded(of)).result()
    for sql, wanted in (
        ("PRAGMA integrity_check", "ok"),
        ("SELECT count(*) FROM items LEFT JOIN vectors USING (row) WHERE vectors.row IS NULL", 0),
        ("SELECT count(*) FROM vectors LEFT JOIN items USING (row) WHERE items.row IS NULL", 0),
        ("SELECT count(*) FROM catalogs WHERE gone", 0),
    ):
        assert keeper.store.write(lambda to, sql=sql: to.rows(sql)).result() == [(wanted,)]
    return states


def listed(keeper: Keeper) -> list[Item]:
    """All items; none where the end came before there was a catalog."""
    try:
        found: list[Item] = keeper.ask("page", "", 10_000, ItemView(vectors=True))
    except NotFound:
        return []
    return found


def check(keeper: Keeper, held: dict[str, np.ndarray]) -> None:
    query = np.ones((1, 8), np.float32)
    for exact in (True, False):
        [hits] = keeper.ask("nearest", query, len(held) + 10, exact=exact)
        assert {hit.item.id for hit in hits} == held.keys()
        assert all(abs(hit.score - float(held[hit.item.id].sum()) / 8**0.5) < 1e-5 for hit in hits)
    [filtered] = keeper.ask("nearest", query, len(held) + 10, where=F.n >= 0)
    assert {hit.item.id for hit in filtered} == held.keys()


def worded(of: Transaction) -> dict[int, int]:
    """What the index of words should have of each row that has any."""
    every = (each for head in catalogs.every(of) for each in copies.rows(of, head))
    sums = {each.row: words.digest(each.catalog, each.text, each.attributes) for each in every}
    return {row: total for row, total in sums.items() if total}


def faults(of: Transaction, catalog: int) -> list[str]:
    return [fault for each in items.past(of, catalog, 0, 10_000) for fault in items.faults(of, each)]
