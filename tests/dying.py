"""Lives that write to catalogs until they are killed, each in a process of its own; `python -m tests.dying` is where they are begun.

It reads a line of JSON for each life: its folder, its seed and what is to kill it. A life tells on standard output what it tries and
what was acknowledged, by worker and number; what a worker does is told by the seed alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from samekind.errors import SamekindError
from samekind.filters import F
from samekind.types import Catalog, Item, Vector
from samekind_server.catalog.catalogs import Catalogs
from samekind_server.catalog.snapshots import Snapshots
from samekind_server.catalog.writing import Update
from samekind_server.index.base import SAVE_STEPS
from samekind_server.store import catalogs
from samekind_server.store.sqlite import FILE, SqliteStore, _prepare
from tests.keeping import modelless

SPACE, DIMENSIONS = "0123456789abcdef-8", 8
WORKERS, IDS, OPERATIONS = 3, 40, 25
GRAPH_FROM = 30
State = dict[str, tuple[int, dict[str, int]]]  # By id: what the vector is made of, and the attributes.


@dataclass(frozen=True)
class Step:
    """One thing a worker does: items to write, ids or a bound of `n` to delete, attributes to change."""

    kind: str
    items: tuple[tuple[str, int, int], ...] = ()
    below: int = 0

    def on(self, worker: int, state: State) -> State:
        """The worker's items afterwards."""
        match self.kind:
            case "upsert":
                return {**state, **{id: (made, {"n": n, "worker": worker}) for id, made, n in self.items}}
            case "update":
                return {id: (made, told | {n: value for other, n, value in self._changes() if other == id}) for id, (made, told) in state.items()}
            case "delete":
                return {id: each for id, each in state.items() if id not in {id for id, *_ in self.items}}
        return {id: each for id, each in state.items() if each[1]["n"] >= self.below}

    def _changes(self) -> list[tuple[str, str, int]]:
        return [(id, "n", n) for id, _, n in self.items]


def step(seed: int, worker: int, number: int) -> Step:
    """What a worker does at a number."""
    chance = Random(f"{seed} {worker} {number}")
    ids = chance.sample(range(IDS), chance.randint(1, 15))
    items = tuple((f"{worker}-{id}", chance.randrange(4), chance.randrange(100)) for id in ids)
    kind = chance.choices(("upsert", "update", "delete", "matching"), (8, 3, 2, 1))[0]
    return Step(kind, items, below=chance.randrange(30))


def vector(id: str, made: int) -> Vector:
    """The vector of an item, by what it is made of."""
    values = np.random.default_rng([made, *id.encode()]).standard_normal(DIMENSIONS).astype(np.float32)
    return Vector(values / np.linalg.norm(values), SPACE)


def die() -> None:
    """At once, without a last word."""
    os.kill(os.getpid(), signal.SIGKILL)


class Countdown:
    """Kills when it was called so often."""

    def __init__(self, count: int) -> None:
        self._left = count

    def __call__(self, *_: object) -> None:
        self._left -= 1
        if self._left <= 0:
            die()


async def live(folder: Path, seed: int, killer: dict[str, Any]) -> None:
    store = SqliteStore(folder)
    saved = partial(_at_save, killer["save"], Countdown(killer["count"])) if "save" in killer else (lambda step: None)
    snapshots = Snapshots(folder, store.read(catalogs.life).result(), graph_from=GRAPH_FROM, step=saved)
    with modelless(folder) as engine:
        kept = Catalogs(store, engine, snapshots, pack_from=20)
        await kept.start()
        if "statement" in killer:
            store._database.set_trace_callback(Countdown(killer["statement"]))
        if "applied" in killer:
            kept._applied = _after(kept._applied, Countdown(killer["applied"]))  # type: ignore[method-assign]
        if "checkpoint" in killer:
            store._database.execute(f"PRAGMA wal_autocheckpoint = {killer['checkpoint']}")
        if "seconds" in killer:
            threading.Timer(killer["seconds"], die).start()
        await _made(kept, "shop")
        writing = [asyncio.create_task(_work(kept, seed, worker)) for worker in range(WORKERS)]
        await asyncio.gather(*writing, _come_and_go(kept), _save(kept, snapshots, writing))
        await asyncio.to_thread(kept.close)
    store.close()


def _at_save(name: str, count: Countdown, step: str) -> None:
    if step == name:
        count()


def _after(applied: Callable[[Any], None], count: Countdown) -> Callable[[Any], None]:
    def after(changes: Any) -> None:
        count()
        applied(changes)
        count()

    return after


async def _made(kept: Catalogs, name: str) -> None:
    try:
        await kept.create("", Catalog(name, space=SPACE, dimensions=DIMENSIONS))
    except SamekindError:
        await kept.get("", name)


async def _work(kept: Catalogs, seed: int, worker: int) -> None:
    open = await kept.open("", "shop")
    for number in range(OPERATIONS):
        tell("try", worker, number)
        match step(seed, worker, number):
            case Step("upsert", items):
                await open.upsert([Item(id, (vector(id, made),), {"n": n, "worker": worker}) for id, made, n in items])
            case Step("update", items):
                await open.update([Update(id, {"n": n}) for id, _, n in items])
            case Step("delete", items):
                await open.delete([id for id, *_ in items])
            case Step(_, _, below):
                await open.delete_matching((F.n < below) & (F.worker == worker))
        tell("ack", worker, number)


async def _come_and_go(kept: Catalogs) -> None:
    """Catalogs that are made, filled, and deleted."""
    for number in range(5):
        await _made(kept, "temp")
        await (await kept.open("", "temp")).upsert([Item(f"{n}", (vector(f"{n}", number),)) for n in range(50)])
        await kept.delete("", "temp")


async def _save(kept: Catalogs, snapshots: Snapshots, writing: list[asyncio.Task[None]]) -> None:
    while not all(each.done() for each in writing):
        for memory in kept._held():
            await asyncio.to_thread(snapshots.save, memory)
        await asyncio.sleep(0)


def tell(*words: object) -> None:
    """A line, whole, of which nothing stays behind in this process."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def migrated(folder: Path, statement: int) -> None:
    """Makes a store's tables, and is killed before a statement."""
    database = sqlite3.connect(folder / FILE, isolation_level=None)
    database.set_trace_callback(Countdown(statement))
    _prepare(database, folder / FILE)


def killers(chance: Random) -> dict[str, Any]:
    """What kills a life: a statement to come, what comes after a commit, a step of a snapshot, or the time."""
    match chance.randrange(5):
        case 0 | 1:
            return {"statement": chance.randint(1, 1600)}
        case 2:
            return {"applied": chance.randint(1, 150)}
        case 3:
            return {"save": chance.choice(SAVE_STEPS), "count": chance.randint(1, 5)}
    return {"seconds": 0.6 * chance.random()}


def main() -> None:
    for line in sys.stdin:
        told = json.loads(line)
        if (child := os.fork()) == 0:
            begin = partial(migrated, Path(told["folder"]), told["migrate"]) if "migrate" in told else partial(_run, told)
            try:
                begin()
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        tell("end", os.waitstatus_to_exitcode(status))


def _run(told: dict[str, Any]) -> None:
    from tests import recording  # It is made of parts of this module.

    asyncio.run((recording.live if "events" in told else live)(Path(told["folder"]), told["seed"], told["killer"]))


if __name__ == "__main__":
    main()
