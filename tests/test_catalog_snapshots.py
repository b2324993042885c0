"""A catalog's snapshots: used where they are whole and its own, and of no harm where they are not."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from samekind.queries import ItemView
from samekind.types import Catalog, Item, Rotation, Vector
from samekind_server.catalog.snapshots import FEWEST, FOLDER, Snapshots
from samekind_server.embedding.engine import Engine
from samekind_server.store import catalogs
from samekind_server.store.sqlite import SqliteStore
from tests.keeping import SPACE, Keeper, modelless

COUNT, GRAPH_FROM = 600, 300
VECTORS = np.random.default_rng(5).standard_normal((COUNT, 4)).astype(np.float32)
QUERIES = np.random.default_rng(6).standard_normal((5, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Iterator[Engine]:
    with modelless(tmp_path_factory.mktemp("models")) as engine:
        yield engine


def opened(folder: Path, engine: Engine) -> Keeper:
    store = SqliteStore(folder)
    life = store.read(catalogs.life).result()
    store.close()
    keeper = Keeper(folder, engine, indexes=Snapshots(folder, life, graph_from=GRAPH_FROM))
    keeper.run(keeper.catalogs.start())
    return keeper


@pytest.fixture(scope="module")
def whole(tmp_path_factory, engine) -> Path:
    """A folder with two catalogs of the same items, closed when their graphs held them all."""
    folder = tmp_path_factory.mktemp("whole")
    keeper = opened(folder, engine)
    for name in ("shop", "other"):
        keeper.make(name)
        for start in range(0, COUNT, 1000):
            some = [Item(f"{n:05}", (Vector(VECTORS[n], SPACE),), {"n": n}) for n in range(start, min(start + 1000, COUNT))]
            keeper.ask("upsert", some, of=name)
        index = keeper.run(keeper.catalogs.open("", name))._memory.indexes()["vector"]
        while index.tend():
            pass
    keeper.close()
    return folder


def found(keeper: Keeper, *, exact: bool = False) -> list[list[str]]:
    return [[hit.item.id for hit in hits] for hits in keeper.ask("nearest", QUERIES, 5, exact=exact, effort=200)]


def graphs(keeper: Keeper) -> bool:
    return all(each.graph for each in keeper.ask("stats").indexes)


def best(left: set[int]) -> list[list[str]]:
    units = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    orders = np.argsort(-(QUERIES @ units.T), axis=1)
    return [[f"{n:05}" for n in order if n in left][:5] for order in orders.tolist()]


def test_a_catalog_answers_from_its_snapshot_at_once_and_takes_in_what_came_after_it(whole, tmp_path, engine):
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    first = opened(tmp_path, engine)
    assert (graphs(first), found(first)) == (True, best(set(range(COUNT))))
    kept = shutil.copytree(tmp_path / FOLDER, tmp_path / "kept")
    first.ask("delete", [f"{n:05}" for n in range(0, COUNT, 10)])
    first.ask("upsert", [Item("new", (Vector(QUERIES[0], SPACE),))])
    first.close()
    shutil.rmtree(tmp_path / FOLDER)
    shutil.copytree(kept, tmp_path / FOLDER)  # As a crash before the last snapshot would have left it.
    second = opened(tmp_path, engine)
    wanted = best({n for n in range(COUNT) if n % 10})
    assert (graphs(second), found(second)) == (True, [["new", *wanted[0][:4]], *wanted[1:]])
    second.close()


def test_a_catalog_s_graph_goes_by_fewer_numbers_once_it_is_told_to_and_when_it_is_opened_again(whole, tmp_path, engine):
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    first = opened(tmp_path, engine)
    before = first.ask("stats").indexes
    fewer = Catalog("shop", search_dimensions=2, rotation=Rotation.PCA)
    first.run(first.catalogs.update("", fewer, ["search_dimensions", "rotation"]))
    assert (graphs(first), found(first)) == (True, best(set(range(COUNT))))  # The graph that was there answers until the other one is made.
    index = first.run(first.catalogs.open("", "shop"))._memory.indexes()["vector"]
    while index.tend():
        pass
    after = first.ask("stats").indexes
    first.close()
    second = opened(tmp_path, engine)
    memory = [sum(each.memory_bytes for each in indexes) for indexes in (before, after, second.ask("stats").indexes)]
    assert memory[2] <= memory[1] < memory[0]
    assert (graphs(second), found(second)) == (True, best(set(range(COUNT))))
    second.close()


@pytest.mark.parametrize(("asked", "patience", "saved"), [(False, 600.0, True), (True, 600.0, False), (True, 0.0, True)])
def test_a_snapshot_waits_while_somebody_searches_but_not_for_ever(asked, patience, saved, tmp_path, engine):
    snapshots = Snapshots(tmp_path, "life", graph_from=10**6, patience=patience)
    keeper = Keeper(tmp_path, engine, indexes=snapshots)
    keeper.make()
    vectors = np.random.default_rng(7).standard_normal((FEWEST, 4)).astype(np.float32)
    for start in range(0, FEWEST, 1000):
        keeper.ask("upsert", [Item(f"{n}", (Vector(vectors[n], SPACE),)) for n in range(start, start + 1000)])
    memory = keeper.run(keeper.catalogs.open("", "shop"))._memory
    if asked:
        keeper.ask("nearest", QUERIES, 5)
    snapshots.look(memory)
    assert [path.name for path in (tmp_path / FOLDER).rglob("manifest.json")] == ["manifest.json"] * saved
    keeper.close()


def parts(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / FOLDER / "1").rglob("*") if path.is_file())


def flip(folder: Path) -> None:
    for path in parts(folder):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)


def cut(folder: Path) -> None:
    for path in parts(folder):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def swap(folder: Path) -> None:
    shutil.rmtree(folder / FOLDER / "1")
    shutil.copytree(folder / FOLDER / "2", folder / FOLDER / "1")


def block(folder: Path) -> None:
    shutil.rmtree(folder / FOLDER)
    (folder / FOLDER).write_text("in the way")


def older(folder: Path) -> None:
    """The store as it was in another life: with fewer changes than the snapshot has."""
    store = SqliteStore(folder)
    store.write(lambda to: to.rows("DELETE FROM items WHERE catalog = 1 AND row > 400")).result()
    store.write(lambda to: to.rows("UPDATE catalogs SET change = 400 WHERE id = 1")).result()
    store.close()


@pytest.mark.parametrize("harm", [flip, cut, swap, block, older, lambda folder: shutil.rmtree(folder / FOLDER)])
def test_whatever_happens_to_a_snapshot_the_answers_are_right(harm, whole, tmp_path, engine):
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    harm(tmp_path)
    keeper = opened(tmp_path, engine)
    left = {int(each.id) for each in keeper.ask("page", "", COUNT, ItemView())}
    assert found(keeper) == best(left)
    index = keeper.run(keeper.catalogs.open("", "shop"))._memory.indexes()["vector"]
    while index.tend():
        pass
    assert found(keeper) == found(keeper, exact=True) == best(left)
    keeper.close()


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


HARMS = {
    "its first byte changed": lambda path, other: path.write_bytes(flipped(path.read_bytes(), 0)),
    "a byte in its midst changed": lambda path, other: path.write_bytes(flipped(path.read_bytes(), path.stat().st_size // 2)),
    "its last byte changed": lambda path, other: path.write_bytes(flipped(path.read_bytes(), path.stat().st_size - 2)),
    "cut by a byte": lambda path, other: path.write_bytes(path.read_bytes()[:-2]),
    "emptied": lambda path, other: path.write_bytes(b""),
    "removed": lambda path, other: path.unlink(),
    "another catalog's": lambda path, other: shutil.copy(other, path),
}


@pytest.mark.parametrize("harm", HARMS)
def test_any_one_file_of_an_index_may_be_harmed_and_the_answers_are_right_and_the_index_made_anew(harm, whole, tmp_path, engine, caplog):
    names = [path.relative_to(whole / FOLDER / "1") for path in parts(whole)]
    others = {path.suffix: path for path in (whole / FOLDER / "2").rglob("*") if path.is_file()}
    assert {name.suffix for name in names} == {".graph", ".rows", ".json"}
    for number, name in enumerate(names):
        folder = shutil.copytree(whole, tmp_path / f"{number}")
        HARMS[harm](folder / FOLDER / "1" / name, others[name.suffix])
        keeper = opened(folder, engine)
        assert found(keeper) == best(set(range(COUNT)))
        assert "the index vector of catalog 1 is made anew" in caplog.text
        caplog.clear()
        for index in keeper.run(keeper.catalogs.open("", "shop"))._memory.indexes().values():
            while index.tend():
                pass
        assert (graphs(keeper), found(keeper)) == (True, best(set(range(COUNT))))
        keeper.close()
