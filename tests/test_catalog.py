"""Catalogs without a server: what is written is there, found, and the same whatever else is written."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from samekind.errors import AlreadyExists, BadRequest, BadVector, Damaged, EtagMismatch, NotFound, SamekindError, SpaceMismatch
from samekind.filters import F
from samekind.queries import ItemView
from samekind.types import Best, Catalog, Deleted, Fused, Image, Item, Metric, Text, Vector, WriteMode, Written
from samekind_server.catalog.writing import Update
from samekind_server.embedding.engine import Engine
from samekind_server.store.requests import Request
from tests.keeping import SPACE, Keeper, item

ALL = ItemView(vectors=True, thumbnails=True)


@pytest.fixture
def keeper(tmp_path, engine: Engine) -> Iterator[Keeper]:
    keeper = Keeper(tmp_path, engine)
    yield keeper
    keeper.close()


@pytest.fixture
def shop(keeper: Keeper) -> Keeper:
    keeper.make()
    return keeper


def ids(shop: Keeper, *, of: str = "shop", **more: object) -> list[str]:
    return [each.id for each in shop.ask("page", "", 10_000, ItemView(), of=of, **more)]


def nearest(shop: Keeper, *values: float, k: int = 10, of: str = "shop", **more: object) -> list[str]:
    [found] = shop.ask("nearest", np.array([values], np.float32), k, of=of, **more)
    return [hit.item.id for hit in found]


def test_what_is_written_comes_back_and_is_found(shop):
    [one, two] = shop.ask("upsert", [item("a", 1, 0, 0, 0, price=3, tags=["red"]), item("b", 0, 2, 0, 0, price=2.5)])
    assert (one.created, two.created, one.error) == (True, True, None)
    [a, b] = shop.ask("get", ["a", "b"], ALL)
    assert (a.id, a.attributes, a.version, a.kinds) == ("a", {"price": 3, "tags": ["red"]}, one.version, ("vector",))
    np.testing.assert_array_equal(b.vectors["vector"].values, np.array([0, 1, 0, 0], np.float32))
    assert nearest(shop, 0, 1, 0, 0) == ["b", "a"]
    assert nearest(shop, 0, 1, 0, 0, where=F.price > 2.9) == ["a"]


@pytest.mark.parametrize(
    ("bad", "error", "told"),
    [
        (item("x" * 513), BadRequest, "an item's id has 1 to 512 bytes"),
        (item(""), BadRequest, "and '' has 0"),
        (Item("x"), BadRequest, "an item has at least one content, and at most one text, one image and one vector; 'x' has none"),
        (Item("x", (*item("x").contents,) * 2), BadRequest, "'x' has 2 contents: vector, vector"),
        (item("x", 0, 0, 0, 0), BadVector, "the vector is zero"),
        (item("x", float("nan"), 0, 0, 0), BadVector, "not finite"),
        (item("x", 1e30, 0, 0, 0), BadVector, "too long"),
        (item("x", 1, 2), BadVector, f"the vector has 2 numbers, but the catalog's space '{SPACE}' has 4"),
        (Item("x", (Vector(np.ones(4, np.float32), "other-4"),)), SpaceMismatch, "the vector is of space 'other-4', but the catalog 'shop' is of"),
        (Item("x", (Text("a mug"),)), BadRequest, "the catalog 'shop' has no model, so it takes ready vectors"),
        (item("x", deep=[[[[[1]]]]]), BadRequest, "5 lists deep"),
        (item("x", large="x" * 70_000), BadRequest, "attributes take 70,012 bytes"),
        (item("a"), BadRequest, "the id 'a' stands twice in the batch, first at 0"),
        (replace(item("x"), version=7), NotFound, "no item 'x'"),
        (BadRequest("not even an item"), BadRequest, "not even an item"),
    ],
)
def test_an_item_that_cannot_be_fails_alone(shop, bad, error, told):
    before, failed, after = shop.ask("upsert", [item("a"), bad, item("b")])
    assert (before.error, after.error, type(failed.error)) == (None, None, error)
    assert told in failed.error.message
    assert ids(shop) == ["a", "b"]


def test_writes_may_be_for_new_items_alone_for_old_ones_or_for_one_version(shop):
    [made] = shop.ask("upsert", [item("a", n=1)])
    assert isinstance(shop.ask("upsert", [item("a", n=2)], mode=WriteMode.INSERT)[0].error, AlreadyExists)
    assert isinstance(shop.ask("upsert", [item("b")], mode=WriteMode.UPDATE)[0].error, NotFound)
    [changed] = shop.ask("upsert", [replace(item("a", n=3), version=made.version)], mode=WriteMode.UPDATE)
    assert (changed.error, changed.created, changed.version > made.version) == (None, False, True)
    [late] = shop.ask("upsert", [replace(item("a", n=4), version=made.version)])
    assert isinstance(late.error, EtagMismatch)
    assert late.error.metadata == {"version": str(changed.version)}
    assert shop.ask("get", ["a"], ItemView())[0].attributes == {"n": 3}


def test_what_changes_nothing_makes_no_version(shop):
    [first], [second] = (shop.ask("upsert", [item("a", n=1)]) for _ in range(2))
    assert second == Written("a", first.version, created=False, changed=False)


def test_a_request_made_twice_is_done_once(shop):
    request = Request("", "1", b"digest")
    first = shop.ask("upsert", [item("a"), item("a")], mode=WriteMode.INSERT, request=request)
    again = shop.ask("upsert", [item("a"), item("a")], mode=WriteMode.INSERT, request=request)
    assert [(each.version, each.created, str(each.error)) for each in again] == [(each.version, each.created, str(each.error)) for each in first]
    with pytest.raises(BadRequest, match="was used for another request"):
        shop.ask("delete", ["a"], request=Request("", "1", b"other"))
    deleted = [shop.ask("delete", ["a", "z"], request=Request("", "2", b"")) for _ in range(2)]
    assert deleted == [Deleted(1, ("z",))] * 2


def test_attributes_change_alone_and_are_filtered_at_once(shop):
    shop.ask("upsert", [item("a", 1, 0, 0, 0, price=3, old=True), item("b", 0, 1, 0, 0)])
    updates = [Update("a", {"price": 9}, remove=["old"]), Update("b", {"x": 1}, replace=True), Update("c", {}), Update("a", {})]
    outcomes = shop.ask("update", updates)
    assert [type(each.error) for each in outcomes] == [type(None), type(None), NotFound, BadRequest]
    assert [each.attributes for each in shop.ask("get", ["a", "b"], ItemView())] == [{"price": 9}, {"x": 1}]
    assert (ids(shop, where=F.price == 9), nearest(shop, 0, 1, 0, 0, where=F.price == 9)) == (["a"], ["a"])


def test_deleted_items_are_gone_and_the_others_stay(shop):
    shop.ask("upsert", [item(f"{n:04}", 1, n, 0, 0, n=n) for n in range(1000)])
    deleted = shop.ask("delete", ["0001", "0001", "none"])
    assert (deleted.count, deleted.missing) == (1, ("none",))
    assert shop.ask("delete_matching", F.n >= 10).count == 990
    assert ids(shop) == nearest(shop, 1, 0, 0, 0, k=100) == [f"{n:04}" for n in range(10) if n != 1]


def test_pages_together_are_the_one_big_page_while_others_write(shop):
    shop.ask("upsert", [item(f"{n:03}") for n in range(50)])
    seen, after = [], ""
    while page := shop.ask("page", after, 7, ItemView()):
        seen += [each.id for each in page]
        after = page[-1].id
        shop.ask("upsert", [item("new" + after)])
        shop.ask("delete", [seen[0]])
    assert [id for id in seen if not id.startswith("new")] == [f"{n:03}" for n in range(50)]


def test_what_was_written_is_there_and_found_when_it_opens_again(tmp_path, engine):
    first = Keeper(tmp_path, engine)
    first.make()
    first.ask("upsert", [item("a", 1, 0, 0, 0, n=1), item("b", 0, 1, 0, 0, n=2)])
    first.ask("delete", ["a"])
    first.close()
    second = Keeper(tmp_path, engine)
    assert (ids(second), nearest(second, 1, 0, 0, 0), nearest(second, 1, 0, 0, 0, where=F.n == 2)) == (["b"], ["b"], ["b"])
    second.close()


def test_texts_and_images_are_embedded_once_and_fused(keeper, photos):
    keeper.make(model="mini", thumbnail_size=64)
    image = Image(photos[1].read_bytes())
    given = [Item("both", (Text("a flower"), image)), Item("text", (Text("a temple"),)), Item("bad", (Image(b"no image"),))]
    outcomes = keeper.ask("upsert", given)
    assert [each.error is None for each in outcomes] == [True, True, False]
    [both, text] = keeper.ask("get", ["both", "text"], ALL)
    assert (both.kinds, text.kinds, both.contents, text.thumbnail) == (("image", "text"), ("text",), (Text("a flower"),), b"")
    assert both.thumbnail.startswith(b"\xff\xd8")
    fused = both.vectors["text"].values + both.vectors["image"].values
    [[hit, _]] = keeper.ask("nearest", fused[None], 2)
    assert (hit.item.id, round(hit.score, 5)) == ("both", 1.0)
    keeper.catalogs._engine = keeper.catalogs._drafting._engine = None  # From here on nothing can be embedded.
    changed = keeper.ask("upsert", [replace(given[0], attributes={"n": 1}), given[1], Item("both2", (Text("new"),))][:2])
    assert [(each.error, each.changed) for each in changed] == [(None, True), (None, False)]
    assert keeper.ask("get", ["both"], ALL)[0].thumbnail == both.thumbnail


def test_an_item_of_one_content_is_in_the_index_of_its_kind_and_one_of_several_in_that_of_fused_ones(keeper):
    space = keeper.make(model="mini").space
    vector = Vector(np.eye(256, dtype=np.float32)[0], space)
    keeper.ask("upsert", [Item("text", (Text("a mug"),)), Item("vector", (vector,)), Item("both", (Text("a hat"), vector))])
    assert [(each.name, each.live) for each in keeper.ask("stats").indexes] == [("text", 1), ("vector", 1), ("fused", 1)]
    assert {hit.item.id for hit in keeper.ask("nearest", vector.values[None], 3)[0]} == {"text", "vector", "both"}
    keeper.run(keeper.catalogs.update("", Catalog("shop", comparison=Best()), ["comparison"]))
    assert [(each.name, each.live) for each in keeper.ask("stats").indexes] == [("text", 2), ("vector", 2)]


def test_the_best_of_an_items_contents_counts_where_they_are_not_fused(keeper):
    keeper.make(model="mini", comparison=Best())
    keeper.ask(
        "upsert", [Item("a", (Text("a red scarf"), Vector(np.eye(256, dtype=np.float32)[0], keeper.run(keeper.catalogs.get("", "shop")).space)))]
    )
    [a] = keeper.ask("get", ["a"], ALL)
    for vector in a.vectors.values():
        [[hit]] = keeper.ask("nearest", vector.values[None], 5)
        assert (hit.item.id, round(hit.score, 5)) == ("a", 1.0)


def test_a_catalog_of_fewer_dimensions_takes_vectors_of_the_whole_space(keeper):
    whole = keeper.run(keeper.catalogs._engine.encoder("")).model
    made = keeper.make(model="mini", dimensions=64)
    assert made.space == whole.space.replace("-256", "-64")
    keeper.ask("upsert", [Item("a", (Vector(np.ones(256, np.float32), whole.space),)), Item("b", (Text("a mug"),))])
    assert [len(each.vectors[each.kinds[0]].values) for each in keeper.ask("get", ["a", "b"], ALL)] == [64, 64]


def test_dot_and_euclidean_catalogs_keep_raw_vectors(keeper):
    for metric, order in ((Metric.DOT, ["long", "near", "zero"]), (Metric.EUCLIDEAN, ["near", "zero", "long"])):
        keeper.make(metric.value, metric=metric)
        keeper.ask("upsert", [item("long", 9, 0, 0, 0), item("near", 1, 0, 0, 0), item("zero", 0, 0, 0, 0)], of=metric.value)
        assert nearest(keeper, 1, 0, 0, 0, of=metric.value) == order


def test_changing_how_contents_are_compared_changes_the_answers(keeper):
    model = keeper.run(keeper.catalogs._engine.encoder("")).model
    keeper.make(model="mini", comparison=Fused(text=0))
    vector = Vector(np.eye(256, dtype=np.float32)[0], model.space)
    keeper.ask("upsert", [Item("a", (Text("a mug"), vector))])
    query = vector.values[None]
    assert round(keeper.ask("nearest", query, 1)[0][0].score, 5) == 1
    keeper.run(keeper.catalogs.update("", Catalog("shop", comparison=Fused(vector=0)), ["comparison"]))
    assert keeper.ask("nearest", query, 1)[0][0].score < 0.9
    with pytest.raises(BadRequest, match="a catalog's metric is for good"):
        keeper.run(keeper.catalogs.update("", Catalog("shop"), ["metric"]))


def test_a_deleted_catalog_is_gone_at_once_and_its_room_comes_back(keeper):
    keeper.make()
    keeper.ask("upsert", [item(f"{n}", 1, n, 0, 0, text="x" * 1000) for n in range(1000)])
    open = keeper.run(keeper.catalogs.open("", "shop"))
    keeper.run(keeper.catalogs.delete("", "shop"))
    for again in (lambda: keeper.ask("get", ["1"], ItemView()), lambda: keeper.run(open.upsert([item("late")]))):
        with pytest.raises(NotFound):
            again()
    keeper.make()
    assert ids(keeper) == []
    keeper.catalogs._freeing.shutdown()
    left = keeper.store.read(
        lambda of: of.rows("SELECT (SELECT count(*) FROM items), (SELECT count(*) FROM catalogs), (SELECT count(*) FROM vectors)")
    )
    assert left.result() == [(0, 1, 0)]


def test_what_was_still_to_be_freed_is_freed_at_the_next_start(tmp_path, engine):
    first = Keeper(tmp_path, engine)
    first.make()
    first.ask("upsert", [item(f"{n}") for n in range(10)])
    first.store.write(lambda to: to.rows("UPDATE catalogs SET gone = 1")).result()
    first.close()
    second = Keeper(tmp_path, engine)
    second.run(second.catalogs.start())
    second.catalogs._freeing.shutdown()
    assert second.store.read(lambda of: of.rows("SELECT count(*) FROM items")).result() == [(0,)]
    second.close()


def test_one_tenant_s_catalog_is_nobody_else_s(shop):
    shop.make(tenant="other")
    shop.ask("upsert", [item("theirs")], tenant="other")
    assert (ids(shop), nearest(shop, 1, 0, 0, 0)) == ([], [])
    with pytest.raises(NotFound, match="no catalog 'shop'; there is none yet"):
        shop.ask("get", ["theirs"], ItemView(), tenant="third")


def test_what_the_disk_changed_is_named_and_not_told_as_truth(shop):
    shop.ask("upsert", [item("a", n=1), item("b", n=2)])
    shop.store.write(lambda to: to.rows("""UPDATE items SET attributes = CAST('{"n":7}' AS BLOB) WHERE id = 'a'""")).result()
    shop.store.write(lambda to: to.rows("UPDATE vectors SET data = zeroblob(16) WHERE row = 2")).result()
    [a, b] = shop.ask("get", ["a", "b"], ALL)
    assert (type(a), type(b)) == (Damaged, Damaged)
    assert "the item of 'a' in row 1 is not what was written" in a.message
    shop.ask("upsert", [item("a", n=1), item("b", n=2)])
    assert [isinstance(each, SamekindError) for each in shop.ask("get", ["a", "b"], ALL)] == [False, False]


def test_writes_from_many_at_once_are_all_there(shop):
    import asyncio

    async def many() -> None:
        open = await shop.catalogs.open("", "shop")
        await asyncio.gather(*(open.upsert([item(f"{n % 40}", 1, n, 0, 0, n=n)]) for n in range(200)))

    shop.run(many())
    assert len(ids(shop)) == len(nearest(shop, 1, 0, 0, 0, k=500)) == 40
    held = {each.id: each for each in shop.ask("page", "", 100, ALL)}
    [found] = shop.ask("nearest", np.array([[1, 0, 0, 0]], np.float32), 100)
    for hit in found:
        assert hit.score == pytest.approx(float(held[hit.item.id].vectors["vector"].values[0]), abs=1e-6)
        assert nearest(shop, 1, 0, 0, 0, where=F.n == held[hit.item.id].attributes["n"]) == [hit.item.id]


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"model": "mini", "space": "other-256"}, SpaceMismatch, "the catalog is to be of space 'other-256', but mini makes"),
        ({"model": "mini", "dimensions": 257}, BadRequest, "257 dimensions are more than the 256 that mini has"),
        ({"model": "nano"}, NotFound, "no model 'nano' here"),
        ({"dimensions": 0}, BadRequest, "a catalog of ready vectors has to be told their dimensions"),
        ({"m": 1}, BadRequest, "m is 4 or more"),
        ({"comparison": Fused(0, 0, 0)}, BadRequest, "all weights of the fused contents are 0"),
    ],
)
def test_a_catalog_that_cannot_be_is_refused(keeper, given, error, told):
    with pytest.raises(error, match=told):
        keeper.make(**given)
    assert keeper.run(keeper.catalogs.page("", "", 10)) == []


def test_changing_a_catalog_keeps_what_is_not_given(keeper):
    before = keeper.make(model="mini", comparison=Best())
    after = keeper.run(keeper.catalogs.update("", Catalog("shop", thumbnail_size=32), ["thumbnail_size", "model"]))
    assert (after.model, after.comparison, after.space, after.thumbnail_size, after.version) == ("mini", Best(), before.space, 32, 2)
