"""Searching from the Python clients, against a real server."""

import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import samekind
from samekind import ById, F, Found, Image, Item, Term, Text, Vector
from samekind.catalogs import CatalogHandle
from samekind.errors import BadImage, BadRequest, NotFound, SpaceMismatch
from samekind.filter_text import BadFilter
from samekind.search_calls import search

SPACE = "0123456789abcdef-4"
THINGS = {
    "scarf": ("a red scarf of wool", 30.0),
    "blue": ("a blue scarf of silk", 20.0),
    "mug": ("a coffee mug", 8.0),
    "pot": ("a green tea pot", 25.0),
    "boots": ("winter boots", 80.0),
}


@pytest.fixture(scope="module")
def sk(server: str) -> Iterator[samekind.Client]:
    with samekind.connect(server) as client:
        yield client


@pytest.fixture(scope="module")
def shop(sk: samekind.Client, photos: list[Path]) -> Iterator[CatalogHandle]:
    shop = sk.catalog("searched")
    shop.upsert([Item(id, [text], {"price": price, "scarf": "scarf" in text}) for id, (text, price) in THINGS.items()])
    shop.upsert([Item(path.stem, path) for path in photos])
    yield shop
    sk.delete_catalog("searched")


@pytest.fixture(scope="module")
def many(sk: samekind.Client) -> Iterator[CatalogHandle]:
    many = sk.catalog("many", space=SPACE, dimensions=4, metric="euclidean")
    many.upsert(Item(f"{n:06}", [at(n)], {"n": n}) for n in range(3000))
    yield many
    sk.delete_catalog("many")


def at(n: float) -> Vector:
    return Vector(np.array([1, n, 0, 0], np.float32), SPACE)


def ids(found: Found) -> list[str]:
    return [hit.item.id for hit in found]


def test_a_text_finds_what_is_like_it_and_meets_the_condition(shop):
    found = shop.search("something warm for winter", where=F.price < 30, limit=2)
    assert (len(found), found[0].item.contents[0].text in dict(THINGS.values())) == (2, True)
    assert all(hit.item.attributes["price"] < 30 for hit in found)
    assert ids(shop.search("a scarf", limit=2)) == ids(shop.search("a scarf", where="scarf = true")) == ["scarf", "blue"]
    assert found.report.complete
    assert found.report.matching == 3


def test_terms_are_weighed_and_some_push_away(shop):
    plain, mixed = shop.search("a scarf"), shop.search(["a scarf", 0.5 * Text("in blue"), -0.3 * Text("wool")])
    assert (ids(plain)[0], ids(mixed)[0]) == ("scarf", "blue")
    assert ids(shop.search([2 * Text("a scarf"), Term(Text("in blue"))], limit=1)) == ids(shop.search(["a scarf", Text("in blue") * 0.5], limit=1))


def test_an_item_and_a_photo_are_what_is_looked_for_too(shop, photos):
    assert ids(shop.search(ById("scarf"), limit=1)) == ["blue"]
    assert ids(shop.search(photos[0], limit=1)) == ids(shop.search([Image(photos[0].read_bytes())], limit=1)) == ["china"]
    assert "scarf" not in ids(shop.search([ById("scarf"), 0.5 * ById("mug")]))


def test_a_limit_past_a_page_is_one_answer(many):
    found = many.search(at(0), limit=2500)
    assert ids(found) == [f"{n:06}" for n in range(2500)]
    assert (found.report.complete, found.report.matching, found.next_page_token) == (True, 3000, "")
    rest = many.search(at(0), where="n >= 500", limit=10_000)
    assert (len(rest), rest.report.complete) == (2500, True)


def test_of_many_queries_each_has_its_answer_or_its_error(shop, photos):
    asked = ["a coffee mug", samekind.query("tea", where="price < 26", limit=1), Path("none.jpg"), ById("none"), b"no photo", photos[1]]
    mug, tea, unread, unknown, bad, flower = shop.search_many(asked)
    assert (ids(mug)[0], ids(tea), ids(flower)[0]) == ("mug", ["pot"], "flower")
    assert [type(each.error) for each in (unread, unknown, bad)] == [BadImage, NotFound, BadImage]
    assert bad.error.violations[0].field.startswith("queries[4]")
    with pytest.raises(NotFound):
        list(unknown)


def test_queries_of_any_number_are_several_requests(many):
    found = many.search_many(samekind.query(at(n), limit=1) for n in range(600))
    assert [ids(each) for each in found] == [[f"{n:06}"] for n in range(600)]
    assert many.search_many([]) == []


def test_what_of_an_item_is_told_is_chosen(shop):
    [hit] = shop.search("a coffee mug", limit=1, view=samekind.ItemView(text=False, only=("price",), vectors=True))
    assert (hit.item.contents, hit.item.attributes, set(hit.item.vectors)) == ((), {"price": 8.0}, {"text"})


def test_a_query_that_cannot_be_is_told_why(shop):
    with pytest.raises(BadFilter) as wrong:
        shop.search("a mug", where="price <")
    assert wrong.value.position == 7
    for asked in (
        lambda: shop.search(),
        lambda: shop.search("a", limit=0),
        lambda: shop.search("a", limit=10_001),
        lambda: shop.search(0 * Text("a")),
    ):
        with pytest.raises(BadRequest):
            asked()
    with pytest.raises(SpaceMismatch):
        shop.search(Vector(np.ones(256, np.float32), SPACE))
    with pytest.raises(TypeError):
        "2" * Text("a")


HOSTILE = [
    "'; DROP TABLE items; --",
    '" OR "1"="1',
    "NEAR(a b) AND *:^",
    "`",
    "\\",
    "%_",
    "\0",
    "{{7*7}}",
    "../../etc/passwd",
    "\u202e",
    "a\nb",
    "(" * 100,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_stands_in_a_string_is_that_string(shop, text):
    before = len(list(shop.list()))
    assert len(shop.search(text, limit=2)) == 2
    assert ids(shop.search("a scarf", where=(F.price == text) | (F[text] == text) | F[text].contains(text))) == []
    assert ids(shop.search("a scarf", where=str(F[text].one_of(text)))) == []
    for asked in (lambda: shop.search(words=text), lambda: shop.search("a", facets=[text], group_by=text)):
        assert asked().report.complete
    with pytest.raises(NotFound):
        shop.search(ById(text))
    assert len(list(shop.list())) == before


def test_hits_are_counted_grouped_and_made_to_differ(shop):
    found = shop.search("a scarf", facets=["scarf", "price"], limit=1)
    assert (dict(found.facets["scarf"].counts), found.facets["price"].values) == ({True: 2, False: 3}, 5)
    assert ids(shop.search("a scarf", group_by="scarf", where="exists(scarf)"))[0] == "scarf"
    assert len(shop.search("a scarf", group_by="scarf", where="exists(scarf)")) == 2
    assert len(shop.search("a scarf", group_by=samekind.Grouping("scarf", 2), where="exists(scarf)")) == 4
    assert set(ids(shop.search("a scarf", diversity=0.7, limit=2))) != {"scarf", "blue"}
    assert shop.search("a scarf", min_similarity=0.99).hits == ()


def test_items_are_listed_by_a_text_condition_too(many):
    assert [each.attributes["n"] for each in many.list("n < 2 or n in (7, 9)")] == [0, 1, 7, 9]


def test_the_async_client_does_the_same(server, shop, photos):
    async def ask() -> tuple[Found, list[Found]]:
        async with samekind.aconnect(server) as sk:
            mine = await sk.catalog("searched")
            return await mine.search(photos[0], limit=1), await mine.search_many(["a coffee mug", "a scarf"])

    one, several = asyncio.run(ask())
    assert (ids(one), [ids(each)[0] for each in several]) == (["china"], ["mug", "scarf"])


def test_one_query_of_several_takes_what_a_search_takes():
    [_, *asked] = inspect.signature(search).parameters.values()
    assert asked == [*inspect.signature(samekind.query).parameters.values()]
