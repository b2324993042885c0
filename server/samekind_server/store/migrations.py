"""The tables, as numbered steps; each is taken once, in one transaction. A step that was released is never changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from samekind.errors import SettingError
from samekind_server.store import catalogs, label_sets, words
from samekind_server.store.base import Transaction
from samekind_server.store.writer import Statements

Step = tuple[str | Callable[[Transaction], object], ...]

# Times are microseconds since 1970, so that a row tells them exactly.
MIGRATIONS: tuple[Step, ...] = (
    (
        "CREATE TABLE proof (id INTEGER PRIMARY KEY CHECK (id = 1), written BLOB NOT NULL) STRICT",
        """CREATE TABLE requests (
            tenant TEXT NOT NULL, id TEXT NOT NULL, digest BLOB NOT NULL, result BLOB NOT NULL, time INTEGER NOT NULL,
            PRIMARY KEY (tenant, id)
        ) STRICT""",
        "CREATE INDEX requests_by_time ON requests (time)",
        """CREATE TABLE label_sets (
            id INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, time INTEGER NOT NULL,
            UNIQUE (tenant, name)
        ) STRICT""",
        """CREATE TABLE label_set_versions (
            label_set INTEGER NOT NULL REFERENCES label_sets (id) ON DELETE CASCADE, version INTEGER NOT NULL,
            model TEXT NOT NULL, label_count INTEGER NOT NULL, definition BLOB NOT NULL, time INTEGER NOT NULL,
            PRIMARY KEY (label_set, version)
        ) STRICT""",
    ),
    (
        # Names this store's life: what is derived from another's, or from this one before a copy of it was put back, is not taken for its own.
        "CREATE TABLE life (id INTEGER PRIMARY KEY CHECK (id = 1), name BLOB NOT NULL) STRICT",
        "INSERT INTO life (id, name) VALUES (1, randomblob(16))",
        # What a removed catalog held goes little by little, and its name is free at once.
        """CREATE TABLE catalogs (
            id INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, name TEXT NOT NULL, gone INTEGER NOT NULL, version INTEGER NOT NULL,
            change INTEGER NOT NULL, definition BLOB NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL
        ) STRICT""",
        "CREATE UNIQUE INDEX catalogs_by_name ON catalogs (tenant, name) WHERE gone = 0",
        # A row's number is never used again: indexes know items by it.
        """CREATE TABLE items (
            row INTEGER PRIMARY KEY AUTOINCREMENT, catalog INTEGER NOT NULL REFERENCES catalogs (id), id TEXT NOT NULL, version INTEGER NOT NULL,
            created INTEGER NOT NULL, updated INTEGER NOT NULL, checksum INTEGER NOT NULL, attributes BLOB NOT NULL, text TEXT,
            UNIQUE (catalog, id)
        ) STRICT""",
        "CREATE INDEX items_by_row ON items (catalog)",
        """CREATE TABLE vectors (
            row INTEGER NOT NULL REFERENCES items (row) ON DELETE CASCADE, modality TEXT NOT NULL, space TEXT NOT NULL,
            content BLOB NOT NULL, checksum INTEGER NOT NULL, data BLOB NOT NULL,
            PRIMARY KEY (row, modality, space)
        ) STRICT""",
        """CREATE TABLE thumbnails (
            row INTEGER PRIMARY KEY REFERENCES items (row) ON DELETE CASCADE, checksum INTEGER NOT NULL, data BLOB NOT NULL
        ) STRICT""",
    ),
    (
        # Its columns are those of store/words.py. Without content and positions it takes the least room, and no text can be made of it again.
        f"""CREATE VIRTUAL TABLE words USING fts5(
            {", ".join(f"c{number}" for number in range(32))}, content = '', columnsize = 0, detail = column, tokenize = "ascii tokenchars '-_./:'"
        )""",
        "CREATE VIRTUAL TABLE word_places USING fts5vocab(words, instance)",
        """CREATE TABLE word_totals (
            catalog INTEGER PRIMARY KEY REFERENCES catalogs (id) ON DELETE CASCADE, items INTEGER NOT NULL, words INTEGER NOT NULL
        ) STRICT""",
    ),
    (
        # How many rows of items went since pages were last packed.
        "CREATE TABLE sparseness (id INTEGER PRIMARY KEY CHECK (id = 1), gone INTEGER NOT NULL) STRICT",
        "INSERT INTO sparseness (id, gone) VALUES (1, 0)",
    ),
    (
        # Users and items of events go by numbers, which are never used again: what was learned of one is not taken for another's.
        """CREATE TABLE event_users (
            id INTEGER PRIMARY KEY AUTOINCREMENT, catalog INTEGER NOT NULL REFERENCES catalogs (id), name TEXT NOT NULL, UNIQUE (catalog, name)
        ) STRICT""",
        """CREATE TABLE event_items (
            id INTEGER PRIMARY KEY AUTOINCREMENT, catalog INTEGER NOT NULL REFERENCES catalogs (id), name TEXT NOT NULL, UNIQUE (catalog, name)
        ) STRICT""",
        # In the order they are read in; `copy` tells apart those that differ by their ids alone.
        """CREATE TABLE events (
            user INTEGER NOT NULL, time INTEGER NOT NULL, item INTEGER NOT NULL, kind INTEGER NOT NULL, copy INTEGER NOT NULL,
            catalog INTEGER NOT NULL, value REAL, id TEXT, attribution TEXT,
            PRIMARY KEY (user, time, item, kind, copy)
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX events_by_item ON events (item, time)",
        "CREATE UNIQUE INDEX events_by_id ON events (catalog, id) WHERE id IS NOT NULL",
        """CREATE TABLE event_totals (
            catalog INTEGER PRIMARY KEY REFERENCES catalogs (id) ON DELETE CASCADE,
            events INTEGER NOT NULL, recorded INTEGER NOT NULL, forgotten INTEGER NOT NULL
        ) STRICT""",
    ),
    (
        """CREATE TABLE windows (
            row INTEGER PRIMARY KEY REFERENCES items (row) ON DELETE CASCADE, checksum INTEGER NOT NULL, places BLOB NOT NULL, data BLOB NOT NULL
        ) STRICT""",
        "CREATE INDEX windows_by_row ON windows (row)",
    ),
    (words.fill,),
    (
        "ALTER TABLE catalogs ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0",
        catalogs.seal,
        # Of all that is told of a version without reading it, and of what it holds.
        "ALTER TABLE label_set_versions ADD COLUMN told INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE label_set_versions ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0",
        label_sets.seal,
    ),
    # In the order of their numbers, so that those that are new are found at once.
    ("CREATE INDEX event_items_by_number ON event_items (catalog)",),
)


def migrate(database: sqlite3.Connection, name: str, steps: tuple[Step, ...] = MIGRATIONS) -> None:
    """Takes the steps not taken yet. Raises SettingError for a store of a newer samekind."""
    [[taken]] = database.execute("PRAGMA user_version")
    if taken > len(steps):
        newer = f"the store {name} was written by a newer samekind (format {taken}, and this one knows {len(steps)})"
        raise SettingError(f"{newer}; upgrade samekind, or name another folder with --data DIR")
    for number in range(taken, len(steps)):
        _take(database, number + 1, steps[number])


def _take(database: sqlite3.Connection, number: int, statements: Step) -> None:
    database.execute("BEGIN IMMEDIATE")
    try:
        for statement in statements:
            database.execute(statement) if isinstance(statement, str) else statement(Statements(database))
        database.execute(f"PRAGMA user_version = {number}")
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
