"""A data folder that an earlier samekind wrote opens in this one, with all that was in it; one of a later samekind is refused.

`formats/format-2.tar.gz` is a folder as samekind wrote it when its store's format was 2. `python -m tests.keep_format` keeps today's beside it.
"""

import sqlite3
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from samekind.errors import SettingError
from samekind.filters import F
from samekind.queries import ItemView
from samekind.types import Deleted, Item, Vector
from samekind_server import copies_command
from samekind_server.embedding.engine import Engine
from samekind_server.store import label_sets, requests
from samekind_server.store.migrations import MIGRATIONS
from samekind_server.store.requests import Request
from samekind_server.store.sqlite import FILE, SqliteStore
from tests.afterwards import opened
from tests.keeping import SPACE, modelless

FORMATS = Path(__file__).parent / "formats"
KEPT = sorted(FORMATS.glob("*.tar.gz"))
COLOURS = ("red", "green", "blue")


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Iterator[Engine]:
    with modelless(tmp_path_factory.mktemp("models")) as engine:
        yield engine


@pytest.fixture(params=KEPT, ids=lambda path: path.name.partition(".")[0])
def folder(request, tmp_path) -> Path:
    with tarfile.open(request.param) as kept:
        kept.extractall(tmp_path, filter="data")
    return tmp_path


def item(n: int) -> Item:
    return Item(f"item-{n:02}", (Vector(np.array([1, n, n % 7, -n % 3], np.float32), SPACE),), {"n": n, "colour": COLOURS[n % 3]})


def test_a_folder_of_an_earlier_format_opens_with_all_that_was_in_it(folder, engine):
    keeper = opened(folder, engine)
    keeper.run(keeper.catalogs.start())
    wanted = [item(n) for n in (*range(30), 40)]
    found = keeper.ask("page", "", 100, ItemView(vectors=True))
    assert [(each.id, each.attributes) for each in found] == [(each.id, each.attributes) for each in wanted]
    assert keeper.store.read(lambda of: of.rows("PRAGMA user_version")).result() == [(len(MIGRATIONS),)]
    assert keeper.store.read(lambda of: label_sets.find(of, "", "pets").label_count).result() == 2
    assert keeper.store.read(lambda of: requests.done(of, Request("", "kept", b"digest"), now=0)).result()
    units = {each.id: each.vectors["vector"].values for each in found}
    query = np.array([[1, 5, 3, 1]], np.float32)
    order = sorted(units, key=lambda id: -float(units[id] @ query[0]))
    for more in ({}, {"exact": True}):
        assert [hit.item.id for hit in keeper.ask("nearest", query, 100, **more)[0]] == order
    assert [hit.item.id for hit in keeper.ask("nearest", query, 100, where=F.colour == "red")[0]] == [id for id in order if int(id[5:]) % 3 == 0]
    keeper.close()


def test_a_folder_of_an_earlier_format_is_written_on_and_stays_sound(folder, engine, capsys):
    keeper = opened(folder, engine)
    keeper.run(keeper.catalogs.start())
    assert keeper.ask("delete", ["item-00"]) == Deleted(1)
    assert [each.error for each in keeper.ask("upsert", [item(n) for n in range(1, 60)])] == [None] * 59
    assert keeper.ask("delete_matching", F.n < 5) == Deleted(4)
    keeper.close()
    assert copies_command.main(["verify", "--data", str(folder)], {}) == 0, capsys.readouterr()


def test_a_store_of_a_newer_samekind_is_refused_and_left_as_it_is(tmp_path, capsys):
    SqliteStore(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    before = (tmp_path / FILE).read_bytes()
    newer = rf"newer samekind \(format 99, and this one knows {len(MIGRATIONS)}\); upgrade samekind"
    with pytest.raises(SettingError, match=newer):
        SqliteStore(tmp_path)
    assert copies_command.main(["verify", "--data", str(tmp_path)], {}) == 2
    assert "upgrade samekind" in capsys.readouterr().err
    assert (tmp_path / FILE).read_bytes() == before
