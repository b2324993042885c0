"""Copies a store while it is used, puts a copy back, and proves that every row is what was written."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from samekind.errors import Damaged, SettingError
from samekind_server.durable import sync
from samekind_server.store import catalogs, items, label_sets, words
from samekind_server.store.base import Transaction
from samekind_server.store.catalogs import Head
from samekind_server.store.migrations import MIGRATIONS, migrate
from samekind_server.store.sqlite import APPLICATION, FILE
from samekind_server.store.writer import FAULTS, TEXT, Statements

PAGES = 1024  # Copied at a time; a server writes in between.
CHUNK = 1000


def back_up(folder: Path, to: Path, *, alone: bool) -> int:
    """Copies the store in `folder`, which nobody else uses if `alone`, to the new file `to`, whole or not at all; its bytes. Raises SettingError."""
    if to.exists():
        raise SettingError(f"{to} is there already; name another file, or take it away")
    with _reading(folder / FILE, alone=alone) as source:
        _copied(source, to)
    return to.stat().st_size


def restore(copy: Path, folder: Path) -> None:
    """Makes a copy the store in `folder`, which has none and is used by nobody (DataDir). Raises SettingError or Damaged."""
    if left := [path.name for path in sorted(folder.glob(f"{FILE}*"))]:
        raise SettingError(f"{folder} has a store ({', '.join(left)}); take it away, or restore into another folder with --data DIR")
    with _reading(copy, alone=False) as source:
        _check_file(source, copy)
        _copied(source, folder / FILE, another_life=True)


@contextmanager
def read(folder: Path, *, alone: bool) -> Iterator[Transaction]:
    """The store in `folder`, which nobody else uses if `alone`, at one moment, while others write. Raises SettingError."""
    with _reading(folder / FILE, alone=alone) as database:
        database.execute("BEGIN")
        _check_format(database, folder / FILE)
        yield Statements(database)


def faults(of: Transaction) -> Iterator[str]:
    """What is not as it was written, each named; and what SQLite finds wrong with its file."""
    for (fault,) in of.rows("PRAGMA integrity_check"):
        if fault != "ok":
            yield f"the store's file is damaged: {fault}; put back a copy"
    for table, row, parent, _ in of.rows("PRAGMA foreign_key_check"):
        yield f"the store's file is damaged: row {row} of {table} belongs to none of {parent}; put back a copy"
    yield from _schema_faults(of)
    yield from label_sets.faults(of)
    for head in catalogs.every(of):
        if not head.sound:
            yield head.damaged.message
        for stored in rows(of, head):
            yield from (f"catalog {head.name!r}: {fault}" for fault in items.faults(of, stored))
    yield from _word_faults(of)


def rows(of: Transaction, head: Head) -> Iterator[items.Stored]:
    """Every item of a catalog, in the order of rows."""
    last = 0
    while some := items.past(of, head.id, last, CHUNK):
        yield from some
        last = some[-1].row


def _schema_faults(of: Transaction) -> Iterator[str]:
    """Tables that are not what their steps make."""
    sql = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name, type"
    [[taken]] = of.rows("PRAGMA user_version")
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        migrate(fresh, "", MIGRATIONS[:taken])
        for _, name, *_ in set(of.rows(sql)) ^ set(fresh.execute(sql)):
            yield f"the store's file is damaged: {name!r:.60} is not what was made there; put back a copy"


def _word_faults(of: Transaction) -> Iterator[str]:
    """Items that are not found by the words they have."""
    held = words.digests(of)
    for head in catalogs.every(of):
        for stored in rows(of, head):
            if stored.sound and held.get(stored.row, 0) != words.digest(head.id, stored.text, stored.attributes):
                yield f"catalog {head.name!r}: {stored.id!r:.60} is not found by its words; write it again, or put back a copy of the store"


@contextmanager
def _reading(path: Path, *, alone: bool) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise SettingError(f"there is no store {path}; name its folder with --data DIR")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{_way(path, alone)}", uri=True, isolation_level=None)) as database:
            database.text_factory = TEXT
            yield database
    except FAULTS as error:
        raise SettingError(f"the store {path} cannot be read: {error}") from None


def _way(path: Path, alone: bool) -> str:
    """How to open it and leave no file beside it that its server, perhaps another user's, could not write."""
    if not alone:
        return "mode=ro"
    # What a server that was killed left in the log has to be taken in; without a log there is nothing but the file.
    return "mode=rw" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"


def _copied(source: sqlite3.Connection, to: Path, *, another_life: bool = False) -> None:
    """The copy comes into its place when it is whole and on the disk."""
    part = to.with_name(f"{to.name}.part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with closing(sqlite3.connect(part, isolation_level=None)) as target:
            source.backup(target, pages=PAGES)
            target.execute("PRAGMA journal_mode = DELETE")
            if another_life and target.execute("SELECT name FROM sqlite_master WHERE name = 'life'").fetchall():
                # Whatever was derived from what came after the copy was made is not taken for its own.
                target.execute("UPDATE life SET name = randomblob(16)")
        sync(part)
        part.replace(to)
        sync(to.parent)
    except OSError as error:
        raise SettingError(f"cannot write {to}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def _check_file(database: sqlite3.Connection, path: Path) -> None:
    _check_format(database, path)
    found = [fault for (fault,) in database.execute("PRAGMA integrity_check")]
    if found != ["ok"]:
        raise Damaged(f"the copy {path} is damaged: {found[0]}; put back another one")


def _check_format(database: sqlite3.Connection, path: Path) -> None:
    [[application]] = database.execute("PRAGMA application_id")
    [[taken]] = database.execute("PRAGMA user_version")
    if application != APPLICATION:
        raise SettingError(f"{path} is no store of samekind")
    if taken > len(MIGRATIONS):
        raise SettingError(f"{path} was written by a newer samekind (format {taken}, and this one knows {len(MIGRATIONS)}); upgrade samekind")
