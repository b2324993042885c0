"""A life that records events, forgets users and learns until it is killed, and what is left of it; `tests.dying` begins it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from samekind.errors import SamekindError
from samekind.recommendations import Event, EventKind
from samekind.types import Catalog
from samekind_server.catalog.catalogs import Catalogs
from samekind_server.catalog.snapshots import Snapshots
from samekind_server.recommendation.events import Events
from samekind_server.recommendation.learning import Bounds, Learner
from samekind_server.store import catalogs
from samekind_server.store.base import Transaction
from samekind_server.store.sqlite import SqliteStore
from tests.dying import SPACE, WORKERS, Countdown, die, tell
from tests.keeping import modelless

OPERATIONS, SIZE = 12, 40
WHEN = datetime(2026, 3, 1, tzinfo=UTC)
State = dict[str, str]  # The user of each event, by its id.


def batch(seed: int, worker: int, number: int) -> list[Event]:
    """What a worker records at a number, of users of its own; every fifth time nothing: then it forgets a user."""
    chance = Random(f"{seed} {worker} {number}")
    return [
        Event(
            f"user-{worker}-{chance.randrange(6)}",
            f"item-{chance.randrange(30)}",
            chance.choice([EventKind.VIEW, EventKind.LIKE, EventKind.PURCHASE]),
            time=WHEN + timedelta(days=seed, seconds=number, microseconds=place),
            id=f"{seed}-{worker}-{number}-{place}",
        )
        for place in range(SIZE if number % 5 < 4 else 0)
    ]


def forgotten(worker: int, number: int) -> str:
    """The user a worker forgets at a number."""
    return f"user-{worker}-{number % 6}"


def after(state: State, seed: int, worker: int, number: int) -> State:
    """A worker's events once it has done what it does at a number."""
    if recorded := batch(seed, worker, number):
        return state | {each.id: each.user for each in recorded}
    return {id: user for id, user in state.items() if user != forgotten(worker, number)}


def expected(told: Sequence[str], seed: int, before: Sequence[State]) -> list[tuple[State, State]]:
    """Each worker's events when all that was acknowledged is done, and when what it was at is done too."""
    states = [(state, state) for state in before]
    for what, worker, number in (line.split() for line in told):
        done, under_way = states[int(worker)]
        states[int(worker)] = (done, after(done, seed, int(worker), int(number))) if what == "try" else (under_way, under_way)
    return states


def kept(of: Transaction) -> tuple[list[State], int]:
    """Each worker's events in a store, and how many it says there are."""
    found = of.rows("SELECT events.id, name FROM events JOIN event_users ON event_users.id = user")
    [[count]] = of.rows("SELECT coalesce(sum(events), 0) FROM event_totals")
    return [{id: user for id, user in found if user.startswith(f"user-{worker}-")} for worker in range(WORKERS)], int(count)


def killers(chance: Random) -> dict[str, Any]:
    """What kills a life: a statement to come, the time, or that it learns; or what kills the process that learns alone."""
    choice = chance.randrange(5)
    if choice < 2:
        return {"statement": chance.randint(1, 2500)}
    return ({"seconds": chance.random()}, {"learning": True}, {"child": True})[choice - 2]


async def live(folder: Path, seed: int, killer: dict[str, Any]) -> None:
    store = SqliteStore(folder)
    life = store.read(catalogs.life).result()
    with modelless(folder) as engine:
        catalogs_kept = Catalogs(store, engine, Snapshots(folder, life))
        await catalogs_kept.start()
        await made(catalogs_kept)
        learner = Learner(store, folder, life, Bounds(every=0.0))
        learner.start()
        _arm(killer, store, learner)
        events = Events(store, learner)
        await asyncio.gather(*(_work(events, seed, worker) for worker in range(WORKERS)))
        learner.close()
        await asyncio.to_thread(catalogs_kept.close)
    store.close()


async def made(kept: Catalogs) -> None:
    """The catalog that events are of."""
    try:
        await kept.create("", Catalog("shop", space=SPACE, dimensions=8))
    except SamekindError:
        await kept.get("", "shop")


def _arm(killer: dict[str, Any], store: SqliteStore, learner: Learner) -> None:
    if "statement" in killer:
        store._database.set_trace_callback(Countdown(killer["statement"]))
    if "seconds" in killer:
        threading.Timer(killer["seconds"], die).start()
    if "learning" in killer or "child" in killer:
        threading.Thread(target=_kill_at_learning, args=(learner, "child" in killer), daemon=True).start()


def _kill_at_learning(learner: Learner, child: bool) -> None:
    while learner._learning is None or (learning := learner._child) is None:
        pass
    os.kill(learning.pid if child else os.getpid(), signal.SIGKILL)


async def _work(events: Events, seed: int, worker: int) -> None:
    for number in range(OPERATIONS):
        tell("try", worker, number)
        if given := batch(seed, worker, number):
            assert not [each.error for each in await events.record("", "shop", given) if each.error]
        else:
            await events.forget("", "shop", forgotten(worker, number))
        tell("ack", worker, number)
