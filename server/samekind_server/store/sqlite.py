"""The store of record in one SQLite file: one thread writes, a few read, and no read waits for a write."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from samekind.errors import SettingError, StoreUnavailable
from samekind_server.store import pages, requests, words
from samekind_server.store.base import Cell, Row, Transaction
from samekind_server.store.migrations import migrate
from samekind_server.store.writer import BROKEN, FAULTS, TEXT, WAITING, Statements, Writer, told

T = TypeVar("T")

FILE = "samekind.sqlite"
READERS = 4
PATIENCE = 5.0  # Seconds to wait for another program that reads the file, as one that copies it.
APPLICATION = 0x534B4E44  # "SKND", at a place in the file's head where programs tell whose it is.
FRESH = 30.0  # Seconds for which a commit is proof that the store can be written.


class SqliteStore:
    """The store in `folder`, made where there is none. Whoever opens it holds the folder alone (DataDir). Raises SettingError."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time, waiting: int = WAITING) -> None:
        self._path, self._clock = folder / FILE, clock
        self._name = str(self._path)
        self._database = _opened(self._path)
        self._writer = Writer(self._database, self._name, self._sweep, waiting=waiting)
        self._readers = ThreadPoolExecutor(READERS, "store-reader")
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []

    def write(self, work: Callable[[Transaction], T], then: Callable[[T], None] | None = None) -> Future[T]:
        """As in Store."""
        return self._writer.write(work, then)

    def read(self, work: Callable[[Transaction], T]) -> Future[T]:
        """As in Store."""
        return self._readers.submit(self.read_here, work)

    def read_here(self, work: Callable[[Transaction], T]) -> T:
        """As in Store."""
        try:
            with _moment(self._connection()) as moment:
                return work(moment)
        except FAULTS as error:
            raise told(error, self._name) from error

    def prove(self) -> None:
        """As in Store; a commit made lately is proof enough of writing."""
        if time.monotonic() - self._writer.committed < FRESH:
            self.read(lambda of: of.rows("SELECT id FROM proof")).result()
            return
        written = os.urandom(16)
        sql = "INSERT INTO proof (id, written) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET written = excluded.written"
        self.write(lambda to: to.rows(sql, written)).result()
        if self.read(lambda of: of.rows("SELECT written FROM proof")).result() != [(written,)]:
            raise StoreUnavailable(f"the store {self._name} gives back other bytes than were written; its disk may be failing")

    def purge(self) -> Future[None]:
        """As in Store: pages are overwritten where rows go, and the log of pages as they were is cut here."""
        return self._readers.submit(self._purge)

    def close(self) -> None:
        """As in Store; what was written goes from the log into the file itself."""
        self._writer.close()
        self._readers.shutdown()
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        self._database.close()

    def _purge(self) -> None:
        try:
            with closing(_connected(self._path)) as database:
                [[busy, *_]] = database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except FAULTS as error:
            raise told(error, self._name) from error
        if busy:
            raise StoreUnavailable(f"the log of the store {self._name} is being read, as by a copy that is made of it, and cannot be cut; ask again")

    def _connection(self) -> sqlite3.Connection:
        """This thread's own."""
        if not hasattr(self._local, "connection"):
            self._local.connection = _connected(self._path)
            self._local.connection.execute("PRAGMA query_only = ON")
            self._connections.append(self._local.connection)
        connection: sqlite3.Connection = self._local.connection
        return connection

    def _sweep(self, to: Transaction) -> None:
        requests.sweep(to, now=self._clock())
        words.merge(to)
        pages.give_back(to)


class Look:
    """Reads the store of `folder` beside the server that holds it; use it with `with`."""

    def __init__(self, folder: Path) -> None:
        uri = f"{(folder / FILE).absolute().as_uri()}?mode=ro"
        self._database = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=PATIENCE)

    def read(self, work: Callable[[Transaction], T]) -> T:
        """What `work` answers, of one moment."""
        with _moment(self._database) as moment:
            return work(moment)

    def __enter__(self) -> Look:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()


class _Reads(Statements):
    """Begins a transaction with the first statement, as SQLite itself looks at nothing before; who reads nothing pays for none."""

    def rows(self, sql: str, *values: Cell) -> list[Row]:
        """As in Transaction."""
        if not self.database.in_transaction:
            self.database.execute("BEGIN")
        return super().rows(sql, *values)


@contextmanager
def _moment(database: sqlite3.Connection) -> Iterator[Transaction]:
    """All that is read within is of one moment."""
    try:
        yield _Reads(database)
    finally:
        if database.in_transaction:
            database.rollback()


def _opened(path: Path) -> sqlite3.Connection:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=PATIENCE)
        try:
            _prepare(database, path)
        except BaseException:
            database.close()
            raise
    except OSError as error:
        raise SettingError(f"cannot write the store {path}: {error.strerror}; name another folder with --data DIR") from None
    except FAULTS as error:
        broken = isinstance(error, UnicodeDecodeError) or any(sign in str(error) for sign in BROKEN)
        way_out = "put back a copy of it" if broken else "see that its disk has room and can be written"
        raise SettingError(f"the store {path} cannot be used: {error}; {way_out}, or name another folder with --data DIR") from None
    return database


def _connected(path: Path) -> sqlite3.Connection:
    # Threads are ours to look after: each connection is used by one, and closed once all have ended.
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=PATIENCE)
    _settle(database)
    return database


def _settle(database: sqlite3.Connection) -> None:
    """What holds for a connection alone."""
    database.text_factory = TEXT
    for pragma in ("synchronous = FULL", "foreign_keys = ON", "secure_delete = ON", "journal_size_limit = 67108864"):
        database.execute(f"PRAGMA {pragma}")


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    """Size of pages and the way of giving them back are settled before the first table, for good."""
    [[application]] = database.execute("PRAGMA application_id")
    [[tables]] = database.execute("SELECT count(*) FROM sqlite_master")
    if application != APPLICATION and tables:
        raise SettingError(f"{path} is another program's file; name another folder with --data DIR")
    if not tables:
        for pragma in ("page_size = 16384", "auto_vacuum = INCREMENTAL", f"application_id = {APPLICATION}"):
            database.execute(f"PRAGMA {pragma}")
    [[mode]] = database.execute("PRAGMA journal_mode = WAL")
    if mode != "wal":
        raise SettingError(f"{path} cannot be kept in write-ahead mode; its file system lacks what that needs: name a local one with --data DIR")
    _settle(database)
    database.execute("PRAGMA cache_size = -32768")  # In KiB: writes of many rows touch pages all over.
    migrate(database, str(path))
