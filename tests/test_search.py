"""Search without a server: what is meant, what is found, and what is told of it."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from samekind.errors import BadRequest, BadVector, DeadlineExceeded, NotFound, Overloaded, SamekindError, SpaceMismatch
from samekind.filters import F, Not
from samekind.queries import ById, Found, Grouping, ItemView, Query, Term
from samekind.types import Best, Fused, Image, Item, Metric, Text, Vector
from samekind_server.catalog.memory import Place
from samekind_server.catalog.snapshots import Snapshots
from samekind_server.catalog.writing import Update
from samekind_server.embedding.askers import Asker
from samekind_server.embedding.engine import Engine
from samekind_server.index.base import Opened, Rows, Shape
from samekind_server.index.costs import NEVER_COMPARED
from samekind_server.index.exact import Exact
from samekind_server.search.searching import Searching
from tests.keeping import SPACE, Keeper, Twins, item


class Shop:
    """A catalog that is searched."""

    def __init__(self, keeper: Keeper, engine: Engine) -> None:
        self.keeper, self.searching = keeper, Searching(engine)

    def put(self, *items: Item, of: str = "shop") -> None:
        assert not [each.error for each in self.keeper.ask("upsert", items, of=of) if each.error]

    def search(self, query: Query, *, of: str = "shop", **more: Any) -> Found:
        async def found() -> Found:
            return await self.searching.search(await self.keeper.catalogs.open("", of), query, **more)

        return self.keeper.run(found())

    def batch(self, *queries: Query | SamekindError, of: str = "shop") -> list[Found]:
        async def found() -> list[Found]:
            return await self.searching.batch(await self.keeper.catalogs.open("", of), queries)

        return self.keeper.run(found())

    def ids(self, query: Query, **more: Any) -> list[str]:
        return [hit.item.id for hit in self.search(query, **more).hits]


@pytest.fixture
def shop(tmp_path, engine: Engine) -> Iterator[Shop]:
    keeper = Keeper(tmp_path, engine)
    keeper.make()
    yield Shop(keeper, engine)
    keeper.close()


def near(*values: float) -> Term:
    return Term(Vector(np.array(values, np.float32), SPACE))


def query(*terms: Term, **more: Any) -> Query:
    return Query(terms, **more)


AXES = [item("x", 1, 0, 0, 0, n=0), item("y", 0, 1, 0, 0, n=1), item("z", 0, 0, 1, 0, n=2), item("xy", 1, 1, 0, 0, n=3)]


def test_the_nearest_to_the_weighted_sum_are_found_best_first(shop):
    shop.put(*AXES)
    found = shop.search(query(near(1, 0, 0, 0), replace(near(0, 2, 0, 0), weight=0.5)))
    assert [hit.item.id for hit in found.hits] == ["xy", "x", "y", "z"]
    np.testing.assert_allclose([hit.score for hit in found.hits], [1.5 / 2.5**0.5, 1 / 1.25**0.5, 0.5 / 1.25**0.5, 0], atol=1e-6)
    assert [(hit.similarity, hit.kind) for hit in found.hits] == [(hit.score, "vector") for hit in found.hits]


def test_a_negative_weight_pushes_away_and_may_stand_alone(shop):
    shop.put(*AXES)
    assert shop.ids(query(near(1, 1, 0, 0), replace(near(0, 1, 0, 0), weight=-0.6)))[:2] == ["x", "xy"]
    assert shop.ids(query(replace(near(1, 0.1, 0, 0), weight=-1)))[0] == "z"


def test_an_item_that_is_a_term_is_never_among_the_hits(shop):
    shop.put(*AXES)
    assert shop.ids(query(Term(ById("x")), limit=3)) == ["xy", "y", "z"]
    assert shop.ids(query(Term(ById("x")), Term(ById("y"), 0.5), limit=1)) == ["xy"]


@pytest.mark.parametrize(
    ("asked", "error", "told"),
    [
        (query(), BadRequest, "no terms and no words"),
        (query(Term(ById("gone"))), NotFound, "no item 'gone' in the catalog 'shop'"),
        (query(Term(ById("' OR 1=1 --"))), NotFound, 'no item "\' OR 1=1 --"'),
        (query(near(1, 0, 0, 0), replace(near(1, 0, 0, 0), weight=-1)), BadRequest, "the terms cancel each other out"),
        (query(near(0, 0, 0, 0)), BadVector, "the vector is zero"),
        (query(near(1, 0)), BadVector, "has 2 numbers"),
        (query(Term(Vector(np.ones(4, np.float32), "other-4"))), SpaceMismatch, "of space 'other-4'"),
        (query(Term(Text("a mug"))), BadRequest, "the catalog 'shop' has no model, so it takes ready vectors"),
        (query(near(1, 0, 0, 0), limit=0), BadRequest, "at least 1"),
        (query(near(1, 0, 0, 0), limit=10_001), BadRequest, "at most 10,000"),
        (query(near(1, 0, 0, 0), limit=1001, diversity=0.5), BadRequest, "at most 1,000"),
        (
            query(near(1, 0, 0, 0), where=Not(Not(Not(Not(Not(Not(Not(Not(Not(Not(Not(Not(Not(Not(Not(Not(F.n == 1))))))))))))))))),
            BadRequest,
            "16 deep",
        ),
    ],
)
def test_a_query_that_cannot_be_is_refused_and_fails_alone_among_several(shop, asked, error, told):
    shop.put(*AXES)
    with pytest.raises(error, match=told):
        shop.search(asked)
    good, bad = shop.batch(query(near(1, 0, 0, 0)), asked)
    assert (type(bad.error), len(good.hits)) == (error, 4)


def test_a_bad_term_is_named(shop):
    with pytest.raises(BadVector) as refused:
        shop.search(query(near(1, 0, 0, 0), near(0, 0, 0, 0)))
    assert refused.value.violations[0].field == "terms[1]"


def test_an_empty_catalog_a_condition_that_nothing_meets_and_a_limit_past_the_end_are_told(shop):
    assert shop.search(query(near(1, 0, 0, 0))).report.shortfall == "the catalog is empty"
    shop.put(*AXES)
    assert shop.search(query(near(1, 0, 0, 0), where=F.colour == "red")).report.shortfall == "no item meets the condition; none has 'colour'"
    assert shop.search(query(near(1, 0, 0, 0), where=(F.n > 9) & ~F.n.exists() & (F.a == 1))).report.shortfall.endswith("none has 'a'")
    report = shop.search(query(near(1, 0, 0, 0), where=F.n < 2)).report
    assert (report.complete, report.exact, report.candidates, report.matching, report.shortfall) == (True, True, 2, 2, "2 items meet the condition")
    assert shop.search(query(near(1, 0, 0, 0), where=F.n < 1)).report.shortfall == "1 item meets the condition"
    assert shop.search(query(near(1, 0, 0, 0), limit=4)).report.shortfall == ""
    assert shop.search(query(Term(ById("x")), limit=4)).report.shortfall == "the catalog has 4 items; what is a term is no hit"


def test_what_is_less_similar_than_asked_is_left_out(shop):
    shop.put(*AXES)
    found = shop.search(query(near(1, 0, 0, 0), min_similarity=0.5, limit=3))
    assert [hit.item.id for hit in found.hits] == ["x", "xy"]
    assert (found.report.complete, found.report.shortfall) == (True, "others are less similar than 0.5")


def test_only_what_is_asked_for_of_an_item_is_told(shop):
    shop.put(item("a", 1, 0, 0, 0, price=3, name="mug"))
    [hit] = shop.search(query(near(1, 0, 0, 0), view=ItemView(only=("price", "none"), vectors=True))).hits
    assert (hit.item.attributes, hit.item.vectors["vector"].values.tolist()) == ({"price": 3}, [1, 0, 0, 0])
    [hit] = shop.search(query(near(1, 0, 0, 0), view=ItemView(attributes=False))).hits
    assert (hit.item.attributes, hit.item.vectors) == ({}, {})


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_pages_together_are_the_one_big_page(shop, size):
    random = np.random.default_rng(0)
    shop.put(*(item(f"{n}", *random.integers(-2, 3, 3), 1, n=n % 3) for n in range(60)))
    for asked in (
        query(near(1, 2, 3, 1), limit=40),
        query(near(1, 2, 3, 1), limit=20, diversity=0.3),
        query(Term(ById("7")), limit=50, where=F.n != 1),
    ):
        ids, token = [], ""
        while True:
            found = shop.search(asked, size=size, token=token)
            ids += [hit.item.id for hit in found.hits]
            if not (token := found.next_page_token):
                break
        assert ids == shop.ids(asked)


def test_items_that_are_there_all_the_time_come_exactly_once_while_others_are_written_and_deleted(shop):
    random = np.random.default_rng(1)
    shop.put(*(item(f"stays {n}", *random.normal(size=4)) for n in range(40)), *(item(f"goes {n}", *random.normal(size=4)) for n in range(40)))
    ids, token, asked = [], "", query(near(1, 0, 0, 0), limit=1000)
    for page in range(100):
        found = shop.search(asked, size=7, token=token)
        ids += [hit.item.id for hit in found.hits]
        if not (token := found.next_page_token):
            break
        shop.put(*(item(f"new {page} {n}", *random.normal(size=4)) for n in range(5)))
        shop.keeper.ask("delete", [f"goes {n}" for n in range(4 * page, 4 * page + 4)])
    assert sorted(id for id in ids if id.startswith("stays")) == sorted(f"stays {n}" for n in range(40))
    assert len(set(ids)) == len(ids)


def test_a_limit_holds_over_all_pages_whatever_is_written_meanwhile(shop):
    shop.put(*(item(f"{n}", 1, n, 0, 0) for n in range(20)))
    asked = query(near(1, 0, 0, 0), limit=10)
    first = shop.search(asked, size=6)
    shop.put(*(item(f"new {n}", 1, 0, 0, 0) for n in range(30)))
    second = shop.search(asked, size=6, token=first.next_page_token)
    assert [hit.item.id for hit in second.hits] == ["6", "7", "8", "9"]
    assert second.next_page_token == ""


@pytest.mark.parametrize("token", ["x", "1 2", "1 2 3 4", "99999999999 1 1", "1 -1 1", "1 9999999999999999999 1"])
def test_a_mark_that_is_none_is_refused(shop, token):
    with pytest.raises(BadRequest, match="page token is damaged"):
        shop.search(query(near(1, 0, 0, 0)), token=token)


def test_the_best_of_each_value_are_told_and_what_has_none_stands_for_itself(shop):
    shop.put(*(item(f"{n:02}", 1, n, 0, 0, brand=f"b{n // 30}") for n in range(90)), item("none", 1, 99, 0, 0), item("null", 1, 98, 0, 0, brand=None))
    asked = query(near(1, 0, 0, 0), grouping=Grouping("brand"))
    assert shop.ids(asked) == ["00", "30", "60", "null", "none"]
    assert shop.ids(replace(asked, grouping=Grouping("brand", 2), limit=5)) == ["00", "01", "30", "31", "60"]
    assert "at most 1 of each 'brand'" in shop.search(asked).report.shortfall


def test_numbers_and_lists_that_are_equal_are_one_group(shop):
    values = [1, 1.0, True, [1], [1.0], "1", 2**60, 2**60, 2**60 + 1]
    shop.put(*(item(f"{n}", 1, n, 0, 0, v=value) for n, value in enumerate(values)))
    assert shop.ids(query(near(1, 0, 0, 0), grouping=Grouping("v"))) == ["0", "2", "3", "5", "6", "8"]


def test_hits_that_differ_are_chosen_one_after_the_other(shop):
    shop.put(item("a", 1, 0, 0, 0), item("a again", 1, 0.01, 0, 0), item("b", 1, 1, 0, 0), item("c", 1, 0, -2, 0), item("far", -1, 0, 0, 0))
    assert shop.ids(query(near(1, 0.2, 0, 0), limit=2)) == ["a again", "a"]
    assert shop.ids(query(near(1, 0.2, 0, 0), limit=3, diversity=0.5)) == ["a again", "b", "c"]
    assert shop.ids(query(near(1, 0.2, 0, 0), limit=2, diversity=1.0)) == ["a again", "far"]


def test_facets_count_all_items_that_meet_the_condition_on_the_first_page_alone(shop):
    tags = [["red", "new"], ["red", "red"], "red", None, ["new", None], 3, 3.0, [3, [1]], True]
    shop.put(*(item(f"{n}", 1, n, 0, 0, n=n, tags=tag) for n, tag in enumerate(tags)), item("none", 1, 0, 0, 0, n=99))
    asked = query(near(1, 0, 0, 0), where=F.n > 0, facets=("tags", "nothing"), limit=2)
    first = shop.search(asked, size=1)
    assert first.facets["tags"].counts == ((3, 3), ("red", 2), (True, 1), ([1], 1), ("new", 1))
    assert (first.facets["tags"].items, first.facets["tags"].values) == (7, 5)
    assert (first.facets["nothing"].counts, first.facets["nothing"].items) == ((), 0)
    assert shop.search(asked, size=1, token=first.next_page_token).facets == {}


def test_the_most_frequent_hundred_values_are_told(shop):
    shop.put(*(item(f"{n}", 1, n, 0, 0, v=n // 2 if n < 300 else 1000) for n in range(303)))
    facet = shop.search(query(near(1, 0, 0, 0), facets=("v",))).facets["v"]
    assert (len(facet.counts), facet.counts[0], facet.counts[1], facet.items, facet.values) == (100, (1000, 3), (0, 2), 303, 151)


def test_several_queries_are_answered_as_each_alone(shop):
    random = np.random.default_rng(2)
    shop.put(*(item(f"{n}", *random.normal(size=4), n=n) for n in range(50)))
    asked = [query(near(*random.normal(size=4)), limit=1 + n % 3, where=F.n < 25 if n % 2 else None) for n in range(12)]
    together = shop.batch(*asked, BadRequest("not read"))
    assert [[hit.item.id for hit in found.hits] for found in together[:-1]] == [shop.ids(each) for each in asked]
    assert str(together[-1].error) == "not read"


def test_a_product_is_the_sum_of_the_terms_products_and_a_distance_is_to_their_mean(shop):
    shop.keeper.make("dot", metric=Metric.DOT)
    shop.keeper.make("far", metric=Metric.EUCLIDEAN)
    items = [item("a", 1, 0, 0, 0), item("b", 3, 3, 0, 0), item("c", 0, -2, 0, 0)]
    terms = (near(1, 0, 0, 0), replace(near(0, 1, 0, 0), weight=-0.5))
    for of, ids, scores in (("dot", ["b", "c", "a"], [1.5, 1, 1]), ("far", ["a", "c", "b"], [-(2**0.5), -(5**0.5), -(17**0.5)])):
        shop.put(*items, of=of)
        found = shop.search(query(*terms), of=of)
        assert sorted(hit.item.id for hit in found.hits) == sorted(ids)
        np.testing.assert_allclose([hit.score for hit in found.hits], scores, rtol=1e-6)
    with pytest.raises(BadRequest, match="add up to 0 or less"):
        shop.search(query(replace(terms[0], weight=-1.0)), of="far")


def test_texts_images_and_items_mix_and_each_content_of_an_item_may_be_the_nearest(shop, png):
    shop.keeper.make("mixed", model="mini", comparison=Best())
    shop.put(Item("both", (Text("a red scarf"), Image(png))), Item("text", (Text("a blue mug"),)), Item("image", (Image(png),)), of="mixed")
    found = shop.search(query(Term(Text("a red scarf")), Term(Image(png), 0.1)), of="mixed")
    assert (found.hits[0].item.id, found.hits[0].kind) == ("both", "text")
    assert found.hits[0].item.contents == (Text("a red scarf"),)
    assert (found.report.embedding.model, found.report.embed_ms > 0) == ("mini", True)
    found = shop.search(query(Term(ById("both"))), of="mixed")
    assert ({hit.item.id: round(hit.score, 3) for hit in found.hits}["image"], found.hits[0].kind) == (1.0, "image")


def test_a_shortened_space_is_searched_by_texts_and_by_whole_and_shortened_vectors(shop, engine):
    shop.keeper.make("short", model="mini", dimensions=64)
    shop.put(*(Item(text, (Text(text),)) for text in ("a red scarf", "a blue mug")), of="short")
    encoder = shop.keeper.run(engine.encoder("mini"))
    whole = shop.keeper.run(engine.embed(encoder, [Text("a blue mug")]))
    cut = shop.keeper.run(engine.embed(encoder, [Text("a blue mug")], dimensions=64))
    for vector in (Vector(whole.vectors[0], whole.report.space), Vector(cut.vectors[0], cut.report.space), Text("a blue mug")):
        assert shop.ids(query(Term(vector), limit=1), of="short") == ["a blue mug"]


class Late(Exact):
    """An index that has not heard yet of what was removed."""

    def remove(self, rows: Rows) -> int:
        return 0


class LateTwins(Twins):
    def open(self, place: Place, shape: Shape) -> Opened:
        return Opened(Late(shape), rebuild="it keeps no snapshot")


def test_rows_that_are_gone_when_they_are_read_are_made_up_for(tmp_path, engine):
    keeper = Keeper(tmp_path, engine, indexes=LateTwins())
    keeper.make()
    shop = Shop(keeper, engine)
    shop.put(*(item(f"{n}", 1, n, 0, 0, n=n) for n in range(10)))
    keeper.ask("delete", ["0", "1", "3"])
    assert shop.ids(query(near(1, 0, 0, 0), limit=3)) == ["2", "4", "5"]
    assert shop.ids(query(near(1, 0, 0, 0), limit=3), size=1) == ["2"]
    keeper.close()


def test_a_hit_is_told_as_it_was_written_last(shop):
    shop.put(item("a", 1, 0, 0, 0, price=1))
    asked = query(near(1, 0, 0, 0))
    for price in (1, 2, 3):
        shop.keeper.ask("update", [Update("a", {"price": price})])
        assert [hit.item.attributes for hit in shop.search(asked).hits] == [{"price": price}]
    shop.keeper.ask("delete", ["a"])
    assert not shop.search(asked).hits


@pytest.mark.parametrize("table", ["items", "vectors", "thumbnails"])
def test_what_is_not_as_it_was_written_is_no_hit(shop, png, table):
    shop.keeper.make("seen", model="mini", thumbnail_size=8)
    shop.put(*(Item(id, (Image(png),)) for id in ("a", "b")), of="seen")
    asked = query(Term(Text("a picture")), limit=1, view=ItemView(vectors=True, thumbnails=True))
    shop.keeper.store.write(lambda to: to.rows(f"UPDATE {table} SET checksum = checksum + 1 WHERE row = (SELECT min(row) FROM items)")).result()
    [hit] = shop.search(asked, of="seen").hits
    assert (hit.item.id, hit.item.thumbnail[:2], [*hit.item.vectors]) == ("b", b"\xff\xd8", ["image"])


def test_a_query_whose_time_is_over_is_not_searched_for(shop):
    with pytest.raises(DeadlineExceeded, match="the time given was over"):
        shop.search(query(near(1, 0, 0, 0)), asker=Asker(deadline=0.0))


def test_searches_are_refused_beyond_as_many_as_are_taken_and_one_caller_leaves_room_for_others(shop, engine):
    shop.put(*AXES)
    shop.searching = Searching(engine, most=8)

    async def several() -> list[object]:
        catalog = await shop.keeper.catalogs.open("", "shop")
        await catalog.ready()
        asked = [shop.searching.search(catalog, query(near(1, 0, 0, 0), limit=1), asker=Asker(name)) for name in [*"aaaaaa", "b"]]
        return await asyncio.gather(*asked, return_exceptions=True)

    told = shop.keeper.run(several())
    assert [type(each) for each in told] == [*[Found] * 4, Overloaded, Overloaded, Found]
    assert told[4].message == "4 queries are under way, as many as are taken; ask again in a moment"
    assert shop.ids(query(near(1, 0, 0, 0), limit=1)) == ["x"]


def test_fused_items_are_found_whatever_contents_they_have(shop):
    shop.keeper.make("fused", comparison=Fused(vector=1.0))
    shop.put(item("a", 1, 0, 0, 0), of="fused")
    assert shop.ids(query(near(1, 0, 0, 0)), of="fused") == ["a"]


def test_searches_may_be_asked_side_by_side(shop):
    shop.put(*AXES)

    async def several() -> list[Found]:
        catalog = await shop.keeper.catalogs.open("", "shop")
        return await asyncio.gather(*(shop.searching.search(catalog, query(near(1, n, 0, 0), limit=1)) for n in range(20)))

    assert [found.hits[0].item.id for found in shop.keeper.run(several())] == ["x", "xy", *["xy"] * 1, *["y"] * 17]


def test_ten_thousand_hits_come_in_pages_grouped_counted_and_under_a_condition(shop):
    for begin in range(0, 12_000, 1000):
        shop.put(*(item(f"{n}", 1, n / 12_000, 0, 0, n=n, brand=n % 100) for n in range(begin, begin + 1000)))
    asked = query(near(1, 0, 0, 0), where=F.n >= 1000, limit=10_000, grouping=Grouping("brand", 100), facets=("brand",))
    first = page = shop.search(asked, size=1000)
    ids = [hit.item.id for hit in first.hits]
    while page.next_page_token:
        page = shop.search(asked, size=1000, token=page.next_page_token)
        ids += [hit.item.id for hit in page.hits]
    assert ids == [f"{n}" for n in range(1000, 11_000)]
    assert (first.facets["brand"].counts[0], first.facets["brand"].values, first.report.matching) == ((0, 110), 100, 11_000)
    assert (page.report.complete, page.report.shortfall) == (True, "")


@pytest.fixture(scope="module")
def graphed(tmp_path_factory, engine: Engine) -> Iterator[Shop]:
    """A catalog of 3,000 vectors, which a graph has."""
    folder, space = tmp_path_factory.mktemp("graphed"), SPACE.replace("-4", "-16")
    keeper = Keeper(folder, engine, indexes=Snapshots(folder, "", costs=NEVER_COMPARED, graph_from=500))
    keeper.make(space=space, dimensions=16)
    shop, drawn = Shop(keeper, engine), np.random.default_rng(4).normal(size=(3000, 16)).astype(np.float32)
    shop.put(*(Item(f"{n}", (Vector(values, space),), {"n": n}) for n, values in enumerate(drawn)))
    index = keeper.run(keeper.catalogs.open("", "shop"))._memory.indexes()["vector"]
    while index.tend():
        pass
    yield shop
    keeper.close()


@pytest.mark.parametrize("limit", [10, 100, 1000])
@pytest.mark.parametrize("below", [5, 300, 1500, 3000])
def test_a_graph_finds_as_many_as_match_nearly_all_of_them_the_nearest_and_the_report_says_how(graphed, limit, below):
    values = np.random.default_rng(7).normal(size=16).astype(np.float32)
    asked = query(Term(Vector(values, "0123456789abcdef-16")), where=F.n < below, limit=limit)
    found, true = graphed.search(asked), graphed.search(replace(asked, exact=True))
    assert len(found.hits) == len(true.hits) == min(limit, below)
    assert len({hit.item.id for hit in found.hits} & {hit.item.id for hit in true.hits}) >= 0.95 * min(limit, below)
    assert (found.report.complete, found.report.matching, true.report.exact, true.report.candidates) == (True, below, True, below)
    assert len(found.hits) <= found.report.candidates <= 3000
    assert (found.report.shortfall == "") is (below >= limit)
    assert found.report.search_ms > 0 < found.report.load_ms


def test_without_a_filter_a_graph_chooses_what_is_compared(graphed):
    report = graphed.search(query(Term(Vector(np.ones(16, np.float32), "0123456789abcdef-16")), limit=10)).report
    assert (report.exact, report.complete, report.matching) == (False, True, 3000)
    assert report.candidates < 3000
