"""Makes many small writes into few commits: whoever waits while one is made shares the next."""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from samekind.errors import Damaged, Overloaded, SamekindError, StoreUnavailable, Unavailable
from samekind_server.store.base import Cell, Row, Transaction
from samekind_server.threads import give_way

T = TypeVar("T")
Settle = Callable[[], None]

WAITING = 1024  # Writes that may wait; more are refused.
TOGETHER = 256  # Writes in one commit.
SOON = 0.2  # Seconds after which who was refused may ask again.
SWEEP = 600.0  # Seconds between two sweeps.
BROKEN = ("malformed", "not a database")  # What SQLite says of a file that the disk changed.
FAULTS = (sqlite3.DatabaseError, UnicodeDecodeError)  # What it says cannot always be read.
TEXT = partial(str, encoding="utf-8", errors="replace")  # What the disk changed is read, too, and then differs from its checksum.


@dataclass(frozen=True, eq=False)
class Statements:
    """A transaction under way on one connection."""

    database: sqlite3.Connection

    def rows(self, sql: str, *values: Cell) -> list[Row]:
        """As in Transaction."""
        return self.database.execute(sql, values).fetchall()


@dataclass(frozen=True, eq=False)
class _Write:
    work: Callable[[Transaction], Any]
    done: Future[Any]
    then: Callable[[Any], None] | None = None

    def succeed(self, result: Any) -> None:
        """Tells who is to be told first, then who waits."""
        try:
            if self.then:
                self.then(result)
        except Exception as error:
            self.done.set_exception(error)
        else:
            self.done.set_result(result)


class Writer:
    """One thread that alone writes. It outlives every error; a write is acknowledged only after its commit."""

    def __init__(self, database: sqlite3.Connection, name: str, sweep: Callable[[Transaction], None], *, waiting: int = WAITING) -> None:
        self._database, self._name, self._sweep = database, name, sweep
        self._queue: queue.Queue[_Write | None] = queue.Queue(waiting)
        self._swept = time.monotonic()
        self.committed = float("-inf")  # When a commit last succeeded, on the clock of time.monotonic; -inf since one failed.
        self._ending = False
        self._gate = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def write(self, work: Callable[[Transaction], T], then: Callable[[T], None] | None = None) -> Future[T]:
        """As in Store."""
        done: Future[T] = Future()
        with self._gate:
            if self._ending:
                raise Unavailable("the store is closing; ask again, of a server that runs")
            try:
                self._queue.put_nowait(_Write(work, done, then))
            except queue.Full:
                raise Overloaded(f"{self._queue.maxsize:,} writes wait already, as many as may; ask again", retry_after=SOON) from None
        return done

    def close(self) -> None:
        """Makes the writes that wait, and ends."""
        with self._gate:
            ended, self._ending = self._ending, True
        if not ended:
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        give_way()
        ended = False
        while not ended:
            writes, ended = self._next()
            if writes:
                self._commit(writes)
            if time.monotonic() - self._swept >= SWEEP:
                self._swept = time.monotonic()
                self._commit([_Write(self._sweep, Future())])

    def _next(self) -> tuple[list[_Write], bool]:
        """Those that wait, at least one unless nothing comes for long; and whether the end has."""
        writes: list[_Write] = []
        try:
            while len(writes) < TOGETHER:
                write = self._queue.get(block=not writes, timeout=SWEEP)
                if write is None:
                    return writes, True
                if write.done.set_running_or_notify_cancel():
                    writes.append(write)
        except queue.Empty:
            pass
        return writes, False

    def _commit(self, writes: list[_Write]) -> None:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            settled = [self._attempt(write) for write in writes]
            self._database.execute("COMMIT")
            self.committed = time.monotonic()
        except Exception as error:
            self._give_up()
            self.committed = float("-inf")
            settled = [partial(write.done.set_exception, told(error, self._name)) for write in writes]
        for settle in settled:
            settle()

    def _attempt(self, write: _Write) -> Settle:
        """One write in a savepoint of its own. Raises where the database gave up all of the transaction."""
        self._database.execute("SAVEPOINT one")
        try:
            result = write.work(Statements(self._database))
        except Exception as error:
            if not self._database.in_transaction:
                raise
            self._database.execute("ROLLBACK TO one")
            self._database.execute("RELEASE one")
            return partial(write.done.set_exception, told(error, self._name))
        self._database.execute("RELEASE one")
        return partial(write.succeed, result)

    def _give_up(self) -> None:
        if self._database.in_transaction:
            self._database.rollback()


def told(error: Exception, name: str) -> Exception:
    """What a caller is told: a fault of the disk by the store's name, anything else as it is."""
    if isinstance(error, SamekindError) or not isinstance(error, FAULTS) or isinstance(error, sqlite3.IntegrityError):
        return error
    if isinstance(error, UnicodeDecodeError) or any(sign in str(error) for sign in BROKEN):
        damaged = Damaged(f"the store {name} is damaged: {error}; run `samekind verify`, and put back a copy of the store")
        damaged.__cause__ = error
        return damaged
    way_out = "make room on its disk" if "full" in str(error) else "see that its disk can be written and is well"
    unavailable = StoreUnavailable(f"the store {name} cannot be used: {error}; {way_out}")
    unavailable.__cause__ = error
    return unavailable
