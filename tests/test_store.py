"""One suite for every store: what is acknowledged is durable and visible, and one caller's fault is never another's."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import wait
from pathlib import Path

import pytest

from samekind.errors import BadRequest, Overloaded, SettingError, StoreUnavailable, Unavailable
from samekind_server.store import label_sets, requests
from samekind_server.store.base import Store, Transaction
from samekind_server.store.migrations import MIGRATIONS, migrate
from samekind_server.store.requests import Request
from samekind_server.store.sqlite import FILE, SqliteStore
from samekind_server.store.writer import TOGETHER, Statements

STORES = {"sqlite": SqliteStore}
DAY = 24 * 3600.0


@pytest.fixture(params=STORES)
def make(request, tmp_path):
    """Opens a store of each kind in the test's folder; all are closed at the end."""
    opened: list[Store] = []

    def make(**more: object) -> Store:
        opened.append(STORES[request.param](tmp_path, **more))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def store(make) -> Store:
    return make()


def added(name: str, tenant: str = "") -> object:
    """Work that adds a label set."""
    return lambda to: label_sets.add(to, tenant, name, label_sets.Definition("", 1, name.encode()), now=0).name


def names(store: Store, tenant: str = "") -> list[str]:
    return [head.name for head in store.read(lambda of: label_sets.page(of, tenant, "", 10_000)).result()]


class Held:
    """Work that holds the writer until it is let go."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, to: Transaction) -> None:
        self.begun.set()
        assert self.go.wait(60)


@pytest.fixture
def held(store) -> Iterator[Held]:
    work = Held()
    store.write(work)
    assert work.begun.wait(60)
    yield work
    work.go.set()


def test_what_is_acknowledged_is_seen_by_the_next_read(store):
    for number in range(50):
        store.write(added(f"set-{number:02}")).result()
        assert names(store)[-1] == f"set-{number:02}"


def test_what_is_acknowledged_is_there_when_it_opens_again(make):
    first = make()
    first.write(added("pets")).result()
    first.close()
    assert names(make()) == ["pets"]


def test_one_that_raises_harms_none_of_those_beside_it(store, held):
    def bad(to: Transaction) -> None:
        added("half")(to)
        raise ValueError("mine alone")

    done = [store.write(work) for work in (added("a"), bad, added("b"), added("a"), added("c"))]
    held.go.set()
    wait(done)
    assert [done[place].result() for place in (0, 2, 4)] == ["a", "b", "c"]
    assert [str(done[place].exception()) for place in (1,)] == ["mine alone"]
    assert isinstance(done[3].exception(), Exception)
    assert names(store) == ["a", "b", "c"]


def test_a_read_waits_for_no_write_and_sees_nothing_half_done(store, held):
    done = store.write(added("later"))
    assert names(store) == []
    held.go.set()
    done.result()
    assert names(store) == ["later"]


def test_a_read_is_of_one_moment(store):
    def twice(of: Transaction) -> bool:
        before = label_sets.page(of, "", "", 10)
        store.write(added("meanwhile")).result()
        return before == label_sets.page(of, "", "", 10)

    assert store.read(twice).result()
    assert names(store) == ["meanwhile"]


def test_a_read_cannot_write(store):
    with pytest.raises(StoreUnavailable):
        store.read(added("no")).result()


def test_more_writes_than_may_wait_are_refused_and_the_others_done(make):
    store, held = make(waiting=2), Held()
    store.write(held)
    assert held.begun.wait(60)
    done = [store.write(added("a")), store.write(added("b"))]
    with pytest.raises(Overloaded) as refused:
        store.write(added("c"))
    held.go.set()
    wait(done)
    assert refused.value.retry_after
    assert names(store) == ["a", "b"]


def test_a_write_that_nobody_waits_for_any_more_is_not_made(store, held):
    assert store.write(added("gone")).cancel()
    after = store.write(added("made"))
    held.go.set()
    after.result()
    assert names(store) == ["made"]


def test_threads_that_write_and_read_at_once_each_see_their_own(store):
    wrong = []

    def work(number: int) -> None:
        for step in range(20):
            name = f"t{number}-{step}"
            store.write(added(name)).result()
            if name not in names(store):
                wrong.append(name)

    threads = [threading.Thread(target=work, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (wrong, len(names(store))) == ([], 160)


def test_who_is_to_be_told_first_is_told_in_the_order_of_commits_and_before_who_waits(store, held):
    told: list[str] = []
    done = [store.write(added(name), then=lambda name: told.append((name, done[ord(name) - 97].done()))) for name in "abc"]
    held.go.set()
    wait(done)
    assert told == [("a", False), ("b", False), ("c", False)]


def test_a_closed_store_takes_no_more_and_has_made_all_it_took(make):
    store, held = make(), Held()
    store.write(held)
    done = [store.write(added(f"set-{number}")) for number in range(5)]
    held.go.set()
    store.close()
    assert all(each.done() for each in done)
    with pytest.raises(Unavailable):
        store.write(added("late"))
    assert len(names(make())) == 5


def test_it_proves_itself(store):
    store.prove()
    store.prove()


def test_a_request_made_twice_is_done_once(store):
    def ask(request: Request, answer: bytes, now: float = 0.0) -> bytes:
        return store.write(lambda to: requests.once(to, request, lambda: answer, now=now)).result()

    assert ask(Request("a", "1", b"same"), b"first") == b"first"
    assert ask(Request("a", "1", b"same"), b"second") == b"first"
    assert ask(Request("b", "1", b"other tenant's"), b"theirs") == b"theirs"
    with pytest.raises(BadRequest, match="another request"):
        ask(Request("a", "1", b"other"), b"third")
    assert ask(Request("a", "1", b"other"), b"next day", DAY + 1) == b"next day"


def test_a_request_that_failed_is_tried_again(store):
    def fails() -> bytes:
        raise ValueError

    for work, told in ((fails, ValueError), (lambda: b"now", None)):
        done = store.write(lambda to, work=work: requests.once(to, Request("", "1", b""), work, now=0))
        assert type(done.exception()) is (told or type(None))


def test_requests_are_forgotten_after_a_day(store):
    for id in "ab":
        store.write(lambda to, id=id: requests.once(to, Request("", id, b""), lambda: b"", now=0 if id == "a" else DAY)).result()
    store.write(lambda to: requests.sweep(to, now=DAY)).result()
    assert store.read(lambda of: of.rows("SELECT id FROM requests")).result() == [("b",)]


def test_a_set_keeps_its_last_ten_versions(store):
    store.write(added("pets")).result()
    for number in range(2, 15):
        given = label_sets.Definition("", 1, str(number).encode())
        store.write(lambda to, given=given: label_sets.change(to, label_sets.find(to, "", "pets"), given, now=0)).result()
    assert store.read(lambda of: label_sets.versions(of, "", "pets")).result() == [*range(5, 15)]
    store.write(lambda to: label_sets.remove(to, label_sets.find(to, "", "pets"))).result()
    assert store.read(lambda of: of.rows("SELECT count(*) FROM label_set_versions")).result() == [(0,)]


# What holds for SQLite alone.


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
