"""`samekind backup | restore | verify`: a copy while others write, put back elsewhere; what is damaged is named."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from samekind.queries import ItemView
from samekind.types import Item, Vector
from samekind_server import copies_command
from samekind_server.catalog.snapshots import FOLDER, Snapshots
from samekind_server.data_dir import DataDir
from samekind_server.embedding.engine import Engine
from samekind_server.store import catalogs
from samekind_server.store.sqlite import FILE, SqliteStore
from tests.keeping import SPACE, Keeper, item, modelless


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Iterator[Engine]:
    with modelless(tmp_path_factory.mktemp("models")) as engine:
        yield engine


@pytest.fixture
def run(capsys):
    def run(*arguments: object) -> tuple[int, str]:
        code = copies_command.main([str(each) for each in arguments], {})
        told = capsys.readouterr()
        return code, told.out + told.err

    return run


def keeper(folder: Path, engine: Engine) -> Keeper:
    return Keeper(folder, engine, indexes=Snapshots(folder, life_of(folder), graph_from=300))


def life_of(folder: Path) -> str:
    store = SqliteStore(folder)
    life = store.read(catalogs.life).result()
    store.close()
    return life


def test_a_copy_made_while_others_write_is_whole_and_can_be_put_back(run, engine, tmp_path):
    source, folder, copy = tmp_path / "source", tmp_path / "again", tmp_path / "copy.sqlite"
    source.mkdir()
    first = keeper(source, engine)
    first.make()
    first.ask("upsert", [item(f"{n:03}") for n in range(500)])
    told = threading.Thread(target=lambda: ended.append(copies_command.main(["backup", str(copy), "--data", str(source)], {})))
    ended: list[int] = []
    told.start()
    for n in range(500, 520):
        first.ask("upsert", [item(f"{n:03}")])
    told.join()
    first.close()
    assert ended == [0]
    assert run("verify", "--data", source)[0] == 0
    assert run("restore", copy, "--data", folder)[0] == 0
    second = keeper(folder, engine)
    ids = [each.id for each in second.ask("page", "", 1000, ItemView())]
    assert ids == [f"{n:03}" for n in range(len(ids))] and len(ids) >= 500
    second.close()
    assert life_of(source) != life_of(folder)


def test_what_would_destroy_is_refused(run, tmp_path):
    SqliteStore(tmp_path).close()
    copy = tmp_path / "copy.sqlite"
    assert run("backup", copy, "--data", tmp_path)[0] == 0
    assert run("backup", copy, "--data", tmp_path) == (2, f"samekind backup: {copy} is there already; name another file, or take it away\n")
    assert "has a store (samekind.sqlite); take it away" in run("restore", copy, "--data", tmp_path)[1]
    assert "there is no folder" in run("backup", tmp_path / "x", "--data", tmp_path / "none")[1]
    with DataDir(tmp_path / "used"):
        assert "is in use by another samekind" in run("restore", copy, "--data", tmp_path / "used")[1]
    copy.write_bytes(b"SQLite format 3\0" + bytes(5000))
    assert run("restore", copy, "--data", tmp_path / "new")[0] == 2
    assert not (tmp_path / "new" / FILE).exists()


def test_what_the_disk_changed_is_named(run, engine, tmp_path):
    first = keeper(tmp_path, engine)
    first.make()
    first.ask("upsert", [item(f"{n}", n=n) for n in range(3)])
    first.close()
    assert run("verify", "--data", tmp_path) == (0, f"{tmp_path}: every row is what was written\n")
    assert {path.name for path in tmp_path.glob("samekind*")} == {FILE}
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("""UPDATE items SET attributes = CAST('{"n":7}' AS BLOB) WHERE id = '1'""")
        database.execute("UPDATE vectors SET data = zeroblob(16) WHERE row = 3")
    database.close()
    code, told = run("verify", "--data", tmp_path)
    assert (code, told.count("\n")) == (1, 3)
    assert "catalog 'shop': the item of '1' in row 2 is not what was written" in told
    assert "catalog 'shop': the vector vector of '2' in row 3 is not what was written" in told


def test_an_index_that_holds_another_vector_than_the_store_is_found(run, engine, tmp_path):
    first = keeper(tmp_path, engine)
    first.make()
    vectors = np.random.default_rng(1).standard_normal((400, 4)).astype(np.float32)
    for start in range(0, len(vectors), 1000):
        some = vectors[start : start + 1000]
        first.ask("upsert", [Item(f"{start + n}", (Vector(each, SPACE),)) for n, each in enumerate(some)])
    index = first.run(first.catalogs.open("", "shop"))._memory.indexes()["vector"]
    while index.tend():
        pass
    first.run(first.catalogs.start())
    first.close()
    assert any((tmp_path / FOLDER).rglob("*.graph"))
    assert run("verify", "--data", tmp_path)[0] == 0
    store = SqliteStore(tmp_path)
    data = np.array([1, 0, 0, 0], "<f4").tobytes()
    from samekind_server.store.items import _checksum

    sql = "UPDATE vectors SET data = ?, checksum = ? WHERE row = 7"
    store.write(
        lambda to: to.rows(sql, data, _checksum(7, "vector", SPACE, to.rows("SELECT content FROM vectors WHERE row = 7")[0][0], data))
    ).result()
    store.close()
    code, told = run("verify", "--data", tmp_path)
    assert (code, "the index vector has another vector of '6' than the store" in told) == (1, True)
