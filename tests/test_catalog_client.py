"""Catalogs from the Python clients, against a real server."""

import asyncio
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import samekind
from samekind import F, Item, Text, Vector
from samekind.catalogs import CatalogHandle
from samekind.errors import AlreadyExists, BadImage, BadVector, EtagMismatch, NotFound
from samekind.types import Deleted, Rotation, Upserted
from tests.running import address, process, started

SPACE = "0123456789abcdef-4"


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with started(tmp_path_factory.mktemp("data")) as address:
        yield address


@pytest.fixture(scope="module")
def sk(at: str) -> Iterator[samekind.Client]:
    with samekind.connect(at) as client:
        yield client


@pytest.fixture
def shop(sk: samekind.Client) -> Iterator[CatalogHandle]:
    yield sk.catalog("shop", space=SPACE, dimensions=4)
    sk.delete_catalog("shop", missing_ok=True)


def ready(n: int, **attributes: object) -> Item:
    return Item(f"{n:06}", [Vector(np.array([1, n, n % 7, 0], np.float32), SPACE)], {"n": n, **attributes})


def test_a_catalog_is_made_once_and_opened_from_then_on(sk, shop):
    assert sk.catalog("shop").value == shop.value
    assert sk.catalog("shop", dimensions=4).space == SPACE
    with pytest.raises(AlreadyExists, match=r"its metric is .* not <Metric.DOT"):
        sk.catalog("shop", metric="dot")
    changed = sk.update_catalog("shop", thumbnail_size=64, etag=shop.value.etag)
    with pytest.raises(EtagMismatch):
        sk.update_catalog("shop", m=8, etag=shop.value.etag)
    assert [each.name for each in sk.catalogs()] == ["shop"]
    assert (changed.thumbnail_size, sk.catalog("shop").value) == (64, changed)
    fewer = sk.update_catalog("shop", search_dimensions=2, rotation="pca")
    assert (fewer.search_dimensions, fewer.rotation, sk.catalog("shop", search_dimensions=2, rotation="pca").value) == (2, Rotation.PCA, fewer)


def test_photos_and_texts_go_in_and_come_out(sk, photos):
    shop = sk.catalog("photos", thumbnail_size=32)
    given = [Item(path.stem, [path, f"a photo of {path.stem}"], {"name": path.stem}) for path in photos]
    made = shop.upsert([*given, Item("none", Path("nowhere.jpg")), Item("bad", b"no image")])
    assert (made.count, made.created, made.changed) == (2, 2, 2)
    assert [(each.id, type(each.error)) for each in made.failures] == [("none", BadImage), ("bad", BadImage)]
    flower = shop.get("flower", vectors=True, thumbnails=True)
    assert (flower.contents, flower.attributes, set(flower.vectors)) == ((Text("a photo of flower"),), {"name": "flower"}, {"image", "text"})
    assert flower.thumbnail.startswith(b"\xff\xd8")
    assert shop.upsert(given) == Upserted(2, 0, 0)
    sk.delete_catalog("photos")


def test_one_item_raises_its_own_error(shop):
    assert shop.upsert(ready(1)).created
    for bad, error in ((Item("x", [Vector(np.zeros(4), SPACE)]), BadVector), (Item("x", ["a text"]), samekind.errors.BadRequest)):
        with pytest.raises(error):
            shop.upsert(bad)
    with pytest.raises(AlreadyExists):
        shop.upsert(ready(1), mode="insert")
    with pytest.raises(NotFound):
        shop.get("none")
    with pytest.raises(TypeError, match="an item is an Item"):
        shop.upsert(["a text"])


def test_any_number_of_items_is_streamed_and_listed(shop):
    made = shop.upsert((ready(n) for n in range(3000)), progress=True)
    assert made == Upserted(3000, 3000, 3000)
    assert [each.attributes["n"] for each in shop.list()] == [*range(3000)]
    assert [each.id for each in islice(shop.list(F.n >= 2990), 3)] == ["002990", "002991", "002992"]
    found = shop.get([f"{n:06}" for n in (3, 9999, 4)])
    assert [each and each.attributes["n"] for each in found] == [3, None, 4]
    assert shop.update({f"{n:06}": {"cheap": True} for n in range(1500)})[1499].changed
    assert shop.update("000000", {}, remove=["cheap"]).changed
    assert shop.delete(F.cheap == True) == Deleted(1499)  # noqa: E712
    assert shop.delete([f"{n:06}" for n in range(1500, 2990)] + ["x"]) == Deleted(1490, ("x",))
    assert (shop.delete("000000"), shop.stats().items) == (Deleted(1), 10)


def test_the_async_client_does_the_same(at):
    async def ask() -> tuple[Upserted, list[str], int]:
        async with samekind.aconnect(at) as sk:
            shop = await sk.catalog("async", space=SPACE, dimensions=4)

            async def items():
                for n in range(300):
                    yield ready(n)

            made = await shop.upsert(items())
            await shop.delete(F.n >= 10)
            ids = [each.id async for each in shop.list()]
            stats = await shop.stats()
            await sk.delete_catalog("async")
            return made, ids, stats.items

    assert asyncio.run(ask()) == (Upserted(300, 300, 300), [f"{n:06}" for n in range(10)], 10)


def test_a_stream_of_items_outlives_the_server_and_loses_none(tmp_path):
    def until(server: object) -> Iterator[Item]:
        for n in range(1500):
            if n == 800:
                while shop.stats().items < 300:
                    pass  # A client goes on only where the server has answered before.
                server.kill()
                server.wait()
                restarted.append(process(tmp_path, "--port", port))
                address(restarted[0].__enter__())
            yield ready(n)

    restarted: list[object] = []
    with process(tmp_path) as server:
        at = address(server)
        port = at.rpartition(":")[2]
        with samekind.connect(at) as sk:
            shop = sk.catalog("shop", space=SPACE, dimensions=4)
            made = shop.upsert(until(server))
            assert (made.count, made.failures) == (1500, ())
            assert [each.attributes["n"] for each in shop.list()] == [*range(1500)]
    restarted[0].__exit__(None, None, None)
