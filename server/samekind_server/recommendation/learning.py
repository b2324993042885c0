"""Learns from events beside the server: in a process of its own, when enough is new, and serves the last model until the next is whole."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import Protocol, TypeVar

from samekind.recommendations import Measure, RecommendationModel
from samekind_server.catalog import definitions
from samekind_server.catalog.catalogs import found
from samekind_server.recommendation.kept import Files, Kept
from samekind_server.recommendation.model import DamagedModel, Model
from samekind_server.store import catalogs
from samekind_server.store import events as rows
from samekind_server.store.base import Store, Transaction
from samekind_server.store.catalogs import Head
from samekind_server.store.events import Totals

T = TypeVar("T")

FEWEST, SHARE = 100, 0.05  # New events, and as a share of those learned from, at which all are learned from anew.
LOOK = 60.0  # Seconds between two looks whether catalogs are gone.
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bounds:
    """How learning is done: seconds between two of one catalog, at least, most bytes it takes, and up to how many items by EASE."""

    every: float = 60.0
    memory: int = 4 << 30
    ease_items: int = 10_000


class Heard(Protocol):
    """Who is told how long each catalog's learning took, and whether it failed."""

    def __call__(self, seconds: float, *, failed: bool) -> object: ...


def unheard(seconds: float, *, failed: bool) -> None:
    """Tells nobody."""


class Learner:
    """Looks after every catalog's model. `model` never waits; the rest may be called from any thread."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        life: str,
        bounds: Bounds | None = None,
        *,
        heard: Heard = unheard,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._folder, self._files, self._heard, self._clock = store, folder, Files(folder, life), heard, clock
        self._bounds = bounds or Bounds()
        self._kept: dict[int, Kept] = {}
        self._failures: dict[int, str] = {}
        self._next: dict[int, float] = {}  # When a catalog of which events were heard may be looked at, on the clock of time.monotonic.
        self._not_before: dict[int, float] = {}
        self._changed, self._ending = threading.Condition(), False
        self._child: subprocess.Popen[bytes] | None = None
        self._learning: int | None = None
        self._thread = threading.Thread(target=self._run, name="recommendation-learning", daemon=True)

    def start(self) -> None:
        """Reads what was learned before, behind the scenes, and goes on."""
        self._thread.start()

    def close(self) -> None:
        """Ends; what is being learned is learned at the next start."""
        with self._changed:
            self._ending = True
            self._stop()
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def model(self, catalog: int) -> Model | None:
        """What was learned of a catalog by now."""
        kept = self._kept.get(catalog)
        return kept.model if kept else None

    def models(self) -> list[Model]:
        """What was learned of every catalog by now."""
        return [kept.model for kept in list(self._kept.values())]

    def hear(self, catalog: int) -> None:
        """Events were recorded; it returns at once."""
        with self._changed:
            self._next.setdefault(catalog, max(time.monotonic(), self._not_before.get(catalog, 0.0)))
            self._changed.notify_all()

    def forget(self, catalog: int) -> None:
        """A user was forgotten: whoever reads the store now is stopped, and the catalog's events are learned from anew at once."""
        with self._changed:
            self._stop()
            self._next[catalog] = 0.0
            self._changed.notify_all()

    async def told(self, tenant: str, name: str) -> RecommendationModel:
        """What was learned of a tenant's catalog. Raises NotFound."""
        id, totals, users = await asyncio.wrap_future(self._store.read(lambda of: _counted(of, tenant, name)))
        learning, failure, kept = self._learning == id, self._failures.get(id, ""), self._kept.get(id)
        if kept is None:
            return RecommendationModel(recorded_events=totals.events, recorded_users=users, learning=learning, failure=failure)
        about = kept.model.about
        return RecommendationModel(
            about.method,
            datetime.fromtimestamp(about.learned, UTC),
            kept.seconds,
            about.events,
            about.users,
            about.items,
            totals.events,
            users,
            learning,
            failure,
            tuple(Measure(measure, method, value) for (measure, method), value in sorted(about.measures.items())),
        )

    def _run(self) -> None:
        self._begin()
        while not self._ending:
            catalog = self._due()
            try:
                self._drop_gone() if catalog is None else self._look(catalog)
            except Exception:
                log.exception("learning from the events of catalog %s failed", catalog)

    def _begin(self) -> None:
        """What was learned before serves from the start."""
        heads = self._read(catalogs.every)
        self._files.clear([head.id for head in heads])
        for head in heads:
            if kept := self._files.kept(head.id):
                self._kept[head.id] = kept
            self.hear(head.id)

    def _due(self) -> int | None:
        """The next catalog to look at, once it is time; None at the end, or where there was none for long."""
        with self._changed:
            patience = time.monotonic() + LOOK
            while not self._ending and (now := time.monotonic()) < patience:
                if due := [id for id, when in self._next.items() if when <= now]:
                    del self._next[due[0]]
                    return due[0]
                self._changed.wait(min([patience, *self._next.values()]) - now)
        return None

    def _look(self, catalog: int) -> None:
        head, totals = self._read(lambda of: (catalogs.by_id(of, catalog), rows.totals(of, catalog)))
        kept = self._kept.get(catalog)
        if head is None or not totals.events:
            self._kept.pop(catalog, None)
            self._files.drop(catalog)
        elif kept is None or totals.forgotten != kept.forgotten or totals.recorded - kept.recorded >= _enough(kept.recorded):
            self._learn(head, totals)

    def _learn(self, head: Head, totals: Totals) -> None:
        """Where it fails it is tried again when there is more to learn from, or at the next start."""
        self._not_before[head.id] = time.monotonic() + self._bounds.every
        begun = time.monotonic()
        try:
            if (failure := self._learned(head)) is None:
                return
            if not failure:
                self._kept[head.id] = self._files.keep(head.id, totals, time.monotonic() - begun)
        except (OSError, DamagedModel) as error:
            failure = str(error)
        self._failures[head.id] = failure
        self._heard(time.monotonic() - begun, failed=bool(failure))
        if failure:
            log.error("nothing new was learned from the events of the catalog %s: %s", head.name, failure)

    def _learned(self, head: Head) -> str | None:
        """Why a new model was not made, "" where it was; None where it was stopped."""
        told = {"store": str(self._folder), "catalog": head.id, "head": definitions.pack(head).decode(), "file": str(self._files.new(head.id))}
        told |= {"now": self._clock(), "memory": self._bounds.memory, "ease_items": self._bounds.ease_items}
        with TemporaryFile() as said:
            with self._changed:
                if self._ending or self._next.get(head.id) == 0.0:
                    return None
                command = [sys.executable, "-P", "-m", "samekind_server.recommendation.child"]
                child = self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=said)
                self._learning = head.id
            try:
                code = _ended(child, json.dumps(told).encode() + b"\n")
            finally:
                with self._changed:
                    stopped, self._child, self._learning = self._child is None, None, None
            said.seek(0)
            return None if stopped else _failure(code, said.read().decode(errors="replace"))

    def _stop(self) -> None:
        """Ends the process that learns, if there is one; what it was at is due again."""
        if self._child is not None and self._learning is not None:
            self._child.kill()
            self._child.wait()
            self._child = None
            self._next[self._learning] = 0.0

    def _drop_gone(self) -> None:
        for catalog in set(self._kept) - {head.id for head in self._read(catalogs.every)}:
            self._look(catalog)

    def _read(self, work: Callable[[Transaction], T]) -> T:
        return self._store.read(work).result()


def _enough(recorded: int) -> float:
    """How many new events are enough: as many as there were while these are few."""
    return max(1, min(FEWEST, recorded), SHARE * recorded)


def _counted(of: Transaction, tenant: str, name: str) -> tuple[int, Totals, int]:
    head = found(of, tenant, name)
    return head.id, rows.totals(of, head.id), rows.count_users(of, head.id)


def _ended(child: subprocess.Popen[bytes], told: bytes) -> int:
    """The child's exit code. Its input stays open, as it ends with that."""
    assert child.stdin
    with child.stdin:
        try:
            child.stdin.write(told)
            child.stdin.flush()
        except BrokenPipeError:
            pass
        return child.wait()


def _failure(code: int, said: str) -> str:
    if code < 0:
        return f"the process at it was killed by signal {-code}, most likely for want of memory"
    return "" if code == 0 else (said.splitlines() or [f"exit code {code}"])[-1]
