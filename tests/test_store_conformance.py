"""One suite for every store: what is acknowledged is durable and visible, one caller's fault is never another's, and its tables do what they say."""

import threading
from collections.abc import Iterator
from concurrent.futures import wait

import pytest

from samekind.errors import BadRequest, Damaged, Overloaded, StoreUnavailable, Unavailable
from samekind_server.store import catalogs, items, label_sets, requests
from samekind_server.store.base import Store, Transaction
from samekind_server.store.items import Embedded, Given
from samekind_server.store.requests import Request
from tests.stores import STORES, Held, added, names

DAY = 24 * 3600.0
ORDERED = ["", "A", "B", "a", "b\0", "b\x01", "z", "é", "日本", "\U0001f600"]  # By their bytes, whatever the language.


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


@pytest.fixture
def shop(store) -> int:
    """The number of a catalog."""
    return store.write(lambda to: catalogs.add(to, "", "shop", b"{}", now=0).id).result()


def put(store: Store, shop: int, *ids: str, thumbnail: bytes = b"") -> list[int]:
    given = [Given(id, b"{}", id, (Embedded("text", "s", b"c", id.encode()),), thumbnail) for id in ids]
    return store.write(lambda to: [items.add(to, shop, each, version=1, created=1, now=2) for each in given]).result()


def test_items_come_in_the_order_of_their_ids_bytes_a_page_at_a_time(store, shop):
    put(store, shop, *reversed(ORDERED[1:]))
    found, after = [], ""
    while page := store.read(lambda of, after=after: items.page(of, shop, after, 3)).result():
        found += [each.id for each in page]
        after = found[-1]
    assert found == ORDERED[1:] == sorted(found, key=str.encode)
    assert [each.id for each in store.read(lambda of: items.past(of, shop, 0, 100)).result()] == found[::-1]


def test_an_item_is_what_was_given_with_its_vectors_and_thumbnail(store, shop):
    [row] = put(store, shop, "a", thumbnail=b"jpeg")
    found = store.read(lambda of: (items.find(of, shop, "a"), items.vectors(of, row), items.thumbnail(of, row), items.count(of, shop))).result()
    assert found == (items.Stored(row, shop, "a", 1, 1, 2, b"{}", "a"), [Embedded("text", "s", b"c", b"a")], b"jpeg", 1)
    store.write(lambda to: items.describe(to, found[0], b'{"n":1}', version=2, now=3)).result()
    changed = store.read(lambda of: items.find(of, shop, "a")).result().checked()
    assert (changed.row, changed.version, changed.updated, changed.attributes) == (row, 2, 3, b'{"n":1}')
    assert store.read(lambda of: items.faults(of, changed)).result() == []


def test_an_id_is_given_once_in_a_catalog_and_a_rows_number_never_again(make):
    store = make()
    shop, other = (store.write(lambda to, name=name: catalogs.add(to, "", name, b"{}", now=0).id).result() for name in ("shop", "other"))
    [first], [second] = put(store, shop, "a"), put(store, other, "a")
    with pytest.raises(Exception, match=r"(?i)unique"):
        put(store, shop, "a")
    store.write(lambda to: [items.remove(to, items.find(to, one, "a")) for one in (shop, other)]).result()
    store.close()
    [third] = put(make(), shop, "a")
    assert first < second < third


def test_what_was_changed_behind_its_back_is_told_and_not_taken_for_truth(store, shop):
    [row] = put(store, shop, "a", thumbnail=b"jpeg")
    for table, change in (("items", "version = 9"), ("vectors", "data = content"), ("thumbnails", "checksum = 0")):
        store.write(lambda to, table=table, change=change: to.rows(f"UPDATE {table} SET {change}")).result()
    found = store.read(lambda of: items.find(of, shop, "a")).result()
    assert len(store.read(lambda of: items.faults(of, found)).result()) == 3
    for look in (lambda of: found.checked(), lambda of: items.vectors(of, row)[0].checked(), lambda of: items.thumbnail(of, row)):
        with pytest.raises(Damaged, match="is not what was written"):
            store.read(look).result()


def test_a_hidden_catalog_frees_its_name_at_once_and_its_items_little_by_little(store, shop):
    put(store, shop, *"abcde")
    assert store.write(lambda to: catalogs.changes(to, shop, 5)).result() == 5
    store.write(lambda to: catalogs.hide(to, catalogs.find(to, "", "shop"))).result()
    again = store.write(lambda to: catalogs.add(to, "", "shop", b"{}", now=0).id).result()
    assert again > shop
    freed = [store.write(lambda to: catalogs.free(to, shop, 2)).result() for _ in range(3)]
    assert (freed, store.read(catalogs.hidden).result()) == ([False, False, True], [])
    assert [head.id for head in store.read(catalogs.every).result()] == [again]
