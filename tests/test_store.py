"""What holds for SQLite's file alone; what holds for every store is in `test_store_conformance.py`."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import wait
from pathlib import Path

import pytest

from samekind.errors import SettingError, StoreUnavailable
from samekind_server.store import label_sets, requests
from samekind_server.store.base import Store
from samekind_server.store.migrations import MIGRATIONS, migrate
from samekind_server.store.requests import Request
from samekind_server.store.sqlite import FILE, SqliteStore
from samekind_server.store.writer import TOGETHER, Statements
from tests.stores import Held, added, names

DAY = 24 * 3600.0


@pytest.fixture
def sqlite(tmp_path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    yield store
    store.close()


def pragma(store: Store, name: str) -> object:
    return store.write(lambda to: to.rows(f"PRAGMA {name}")).result()[0][0]


def test_the_file_is_made_as_it_has_to_stay(sqlite, tmp_path):
    asked = ["journal_mode", "synchronous", "page_size", "auto_vacuum", "secure_delete", "foreign_keys", "user_version"]
    assert [pragma(sqlite, name) for name in asked] == ["wal", 2, 16384, 2, 1, 1, len(MIGRATIONS)]
    tables = sqlite.read(
        lambda of: of.rows("SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'")
    ).result()
    assert tables and all(strict for _, strict in tables)
    assert {(tmp_path / file).stat().st_mode & 0o777 for file in (FILE, f"{FILE}-wal")} == {0o600}


def test_writes_that_wait_share_a_commit(sqlite):
    work, said = Held(), []
    sqlite.write(work)
    assert work.begun.wait(60)
    done = [sqlite.write(added(f"set-{number:03}")) for number in range(TOGETHER)]
    sqlite._database.set_trace_callback(said.append)
    work.go.set()
    wait(done)
    assert [each.result() for each in done] == names(sqlite)
    assert 1 <= said.count("COMMIT") <= 2


def test_a_full_disk_is_told_and_outlived(sqlite):
    pages = pragma(sqlite, "page_count")
    sqlite.write(lambda to: to.rows(f"PRAGMA max_page_count = {pages + 2}")).result()
    large = label_sets.Definition("", 1, bytes(1 << 20))
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="full; make room on its disk"):
            sqlite.write(lambda to: label_sets.add(to, "", "large", large, now=0)).result()
    sqlite.write(lambda to: to.rows("PRAGMA max_page_count = 100000")).result()
    sqlite.write(lambda to: label_sets.add(to, "", "large", large, now=0)).result()
    assert names(sqlite) == ["large"]


def test_a_disk_that_cannot_be_written_is_told_and_outlived(sqlite):
    sqlite._database.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreUnavailable, match="readonly database; see that its disk can be written"):
        sqlite.write(added("pets")).result()
    sqlite._database.execute("PRAGMA query_only = OFF")
    sqlite.write(added("pets")).result()
    assert names(sqlite) == ["pets"]


def test_what_is_deleted_is_no_more_in_the_file(tmp_path):
    store = SqliteStore(tmp_path)
    store.write(added("secret-word")).result()
    store.write(lambda to: label_sets.remove(to, label_sets.find(to, "", "secret-word"))).result()
    store.close()
    assert b"secret-word" not in (tmp_path / FILE).read_bytes()
    assert not (tmp_path / f"{FILE}-wal").exists()


def test_a_sweep_gives_pages_back(tmp_path):
    store = SqliteStore(tmp_path, clock=lambda: 2 * DAY)
    for number in range(4):
        request = Request("", str(number), b"")
        store.write(lambda to, request=request: requests.once(to, request, lambda: bytes(1 << 20), now=0)).result()
    before = pragma(store, "page_count")
    store.write(store._sweep).result()
    assert pragma(store, "page_count") < before / 2
    store.close()


def test_a_store_of_a_newer_samekind_is_refused_with_the_way_out(tmp_path):
    SqliteStore(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(SettingError, match=rf"newer samekind \(format 99, and this one knows {len(MIGRATIONS)}\); upgrade samekind"):
        SqliteStore(tmp_path)


@pytest.mark.parametrize("data", [b"not a database at all" * 1000, b"SQLite format 3\0" + bytes(8000)], ids=["text", "a torn head"])
def test_a_file_that_is_no_store_is_refused(data, tmp_path):
    (tmp_path / FILE).write_bytes(data)
    with pytest.raises(SettingError, match="put back a copy"):
        SqliteStore(tmp_path)
    assert (tmp_path / FILE).read_bytes() == data


def test_another_programs_database_is_refused(tmp_path):
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("CREATE TABLE theirs (x)")
    database.close()
    with pytest.raises(SettingError, match="another program's file"):
        SqliteStore(tmp_path)


def test_a_step_that_fails_leaves_nothing_behind(tmp_path):
    database = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    steps = (("CREATE TABLE one (x)",), ("CREATE TABLE two (x)", "nonsense"))
    with pytest.raises(sqlite3.OperationalError):
        migrate(database, "here", steps)
    assert Statements(database).rows("SELECT name FROM sqlite_master") == [("one",)]
    migrate(database, "here", (steps[0], ("CREATE TABLE two (x)",)))
    assert Statements(database).rows("PRAGMA user_version") == [(2,)]
    database.close()


WRITES_AND_DIES = """
import sys, os
from pathlib import Path
from samekind_server.store import label_sets
from samekind_server.store.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
done = [store.write(lambda to, n=n: label_sets.add(to, "", f"{n:04}", label_sets.Definition("", 1, b""), now=0).name) for n in range(500)]
for each in done:
    print(each.result(), flush=True)
    if each is done[300]:
        os.kill(os.getpid(), 9)
"""


def test_a_process_that_dies_loses_nothing_it_acknowledged(tmp_path: Path):
    ran = subprocess.run([sys.executable, "-c", WRITES_AND_DIES, str(tmp_path)], capture_output=True, text=True)
    acknowledged = ran.stdout.split()
    store = SqliteStore(tmp_path)
    found = names(store)
    store.close()
    assert ran.returncode == -9
    assert len(acknowledged) == 301 and set(acknowledged) <= set(found)
    assert found == [f"{number:04}" for number in range(len(found))]
