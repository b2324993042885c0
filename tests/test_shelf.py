"""Items that were read lately are told again without the store, and never as they were before a change."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from samekind_server.catalog.shelf import DECODED, OWN, Shelf
from samekind_server.store import catalogs, items
from samekind_server.store.base import Row
from samekind_server.store.items import Embedded, Given
from samekind_server.store.sqlite import SqliteStore


@pytest.fixture
def store(tmp_path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(tmp_path)) as store:
        store.write(lambda to: catalogs.add(to, "", "shop", b"{}", now=0)).result()
        yield store


class Counting:
    """A transaction that counts its statements."""

    def __init__(self, of):
        self.of, self.asked = of, 0

    def rows(self, sql: str, *values) -> list[Row]:
        self.asked += 1
        return self.of.rows(sql, *values)


def test_what_was_told_is_told_again_without_the_store(store):
    shelf = Shelf()
    rows = _added(store, "a", "b")
    assert _ids(store, shelf, rows) == (["a", "b"], 2)
    assert _ids(store, shelf, rows[::-1]) == (["b", "a"], 0)


def test_what_is_kept_and_what_is_read_come_in_the_order_asked_for(store):
    shelf = Shelf()
    one, two = _added(store, "a", "b")
    _ids(store, shelf, [one])
    assert _ids(store, shelf, [two, 10**6, one]) == (["b", "a"], 2)


def test_what_is_forgotten_is_read_again(store):
    shelf = Shelf()
    rows = _added(store, "a", "b")
    _ids(store, shelf, rows)
    shelf.forget(rows[:1])
    assert _ids(store, shelf, rows[1:]) == (["b"], 0)
    assert _ids(store, shelf, rows[:1]) == (["a"], 2)


def test_what_was_read_before_a_change_is_not_kept_after_it(store):
    shelf = Shelf()
    rows, look = _added(store, "a"), shelf.look()
    shelf.forget(rows)
    store.read(lambda of: look.told(rows, of)).result()
    assert _ids(store, shelf, rows) == (["a"], 2)


def test_what_was_read_while_others_were_added_is_kept(store):
    shelf = Shelf()
    rows, look = _added(store, "a"), shelf.look()
    shelf.forget([])
    store.read(lambda of: look.told(rows, of)).result()
    assert _ids(store, shelf, rows) == (["a"], 0)


def test_no_more_is_kept_than_has_room(store):
    shelf = Shelf(2 * (OWN + 2 * DECODED))
    rows = _added(store, "a", "b", "c")
    _ids(store, shelf, rows)
    assert [_ids(store, shelf, [row])[1] for row in reversed(rows)] == [0, 0, 2]


def _added(store: SqliteStore, *ids: str) -> list[int]:
    given = [Given(id, b"{}", None, (Embedded("vector", "s", b"c", b"v"),), b"") for id in ids]
    return store.write(lambda to: [items.add(to, 1, each, version=1, created=0, now=0) for each in given]).result()


def _ids(store: SqliteStore, shelf: Shelf, rows: list[int]) -> tuple[list[str], int]:
    """The ids in their order, and how many statements that took."""
    look = shelf.look()

    def work(of):
        counting = Counting(of)
        return [item.id for item in look.told(rows, counting).values()], counting.asked

    return store.read(work).result()
