"""The room of what was deleted here and there comes back, on the disk and in memory, as if the rest had been written afresh."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from samekind.filters import F
from samekind.queries import ItemView
from samekind.types import Item, Vector
from samekind_server.catalog.snapshots import Snapshots
from samekind_server.embedding.engine import Engine
from samekind_server.store import packing
from samekind_server.store.sqlite import FILE
from tests.keeping import Keeper, modelless

SPACE, DIMENSIONS = "0123456789abcdef-256", 256
GRAPH_FROM = 1000
MORE = 1.15  # Than a fresh catalog of the same items takes.


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Iterator[Engine]:
    with modelless(tmp_path_factory.mktemp("models")) as engine:
        yield engine


def opened(folder: Path, engine: Engine) -> Keeper:
    folder.mkdir(exist_ok=True)
    keeper = Keeper(folder, engine, indexes=Snapshots(folder, "", graph_from=GRAPH_FROM))
    keeper.run(keeper.catalogs.start())
    return keeper


def filled(folder: Path, engine: Engine, numbers: list[int]) -> Keeper:
    keeper = opened(folder, engine)
    keeper.make(space=SPACE, dimensions=DIMENSIONS)
    for start in range(0, len(numbers), 1000):
        keeper.ask("upsert", [made(n) for n in numbers[start : start + 1000]])
        settle(keeper)
    return keeper


def made(n: int) -> Item:
    vector = np.random.default_rng(n).standard_normal(DIMENSIONS).astype(np.float32)
    return Item(f"item-{n * 7919 % 1_000_003:07}", (Vector(vector, SPACE),), {"n": n, "name": f"thing {n}", "gone": gone(n)})


def gone(n: int) -> bool:
    return bool(np.random.default_rng([n, 1]).random() < 0.5)


def settle(keeper: Keeper) -> None:
    """All that is done behind the scenes is done."""
    keeper.catalogs._freeing.submit(int).result()
    for memory in keeper.catalogs._held():
        memory.loaded.result()
        for index in memory.indexes().values():
            while index.tend():
                pass


def sizes(keeper: Keeper, folder: Path) -> tuple[int, int]:
    """Bytes on the disk, and in memory."""
    keeper.store.write(lambda to: None).result()
    keeper.store.purge().result()
    return (folder / FILE).stat().st_size, keeper.ask("stats").memory_bytes


def test_half_of_the_items_deleted_leave_what_a_fresh_catalog_of_the_rest_takes(engine, tmp_path, pytestconfig):
    count = pytestconfig.getoption("--packed")
    rest = [n for n in range(count) if not gone(n)]
    keeper, fresh = filled(tmp_path / "half", engine, list(range(count))), filled(tmp_path / "fresh", engine, rest)
    full = sizes(keeper, tmp_path / "half")
    keeper.ask("delete_matching", F.gone == True)  # noqa: E712
    settle(keeper)
    left, wanted = sizes(keeper, tmp_path / "half"), sizes(fresh, tmp_path / "fresh")
    print(f"{count:,} items: (disk, memory) in bytes {full} before, {left} after, {wanted} afresh")
    assert [each <= MORE * best for each, best in zip(left, wanted, strict=True)] == [True, True], (full, left, wanted)
    view = ItemView(vectors=True)
    same = [
        [(each.id, each.attributes, each.vectors["vector"].values.tobytes()) for each in one.ask("page", "", 1000, view)] for one in (keeper, fresh)
    ]
    assert same[0] == same[1]
    assert keeper.store.read(lambda of: of.rows("PRAGMA foreign_key_check") + of.rows("PRAGMA integrity_check")).result() == [("ok",)]
    keeper.close()
    fresh.close()


def test_what_was_not_packed_when_a_server_ended_is_packed_by_the_next(engine, tmp_path):
    keeper = filled(tmp_path / "half", engine, list(range(1500)))
    full = sizes(keeper, tmp_path / "half")[0]
    keeper.catalogs._packing._busy = True  # As if it were not come by yet.
    keeper.ask("delete_matching", F.gone == True)  # noqa: E712
    settle(keeper)
    keeper.close()
    left = (tmp_path / "half" / FILE).stat().st_size
    again = opened(tmp_path / "half", engine)
    settle(again)
    settle(again)
    assert sizes(again, tmp_path / "half")[0] < 0.62 * full < left
    assert again.store.read(packing.noted).result() == 0
    again.close()
