"""Recommending from the Python clients, against a real server."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import samekind
from samekind import ById, Event, EventKind, ExampleStrategy, F, Image, Item, ItemView, LongText, ReasonKind, Recommended, Term, Text, wire
from samekind.catalogs import CatalogHandle
from samekind.errors import BadRequest, NotFound
from samekind.filter_text import BadFilter
from samekind.recommend_calls import recommend
from samekind.recommendations import Wish
from tests.running import until

WHEN = datetime(2026, 3, 1, tzinfo=UTC)
THINGS = {
    "red": ("a red coffee mug", 8.0),
    "blue": ("a blue coffee mug", 9.0),
    "green": ("a green coffee mug", 30.0),
    "tent": ("a tent for camping in the mountains", 140.0),
    "tent2": ("a small tent for camping", 90.0),
    "guitar": ("a guitar to play songs", 180.0),
    "book": ("a book to read in bed", 14.0),
    "boots": ("winter boots", 80.0),
}


@pytest.fixture(scope="module")
def shop(learner: samekind.Client, photos: list[Path]) -> Iterator[CatalogHandle]:
    """Campers buy guitars, which content does not tell."""
    shop = learner.catalog("shop")
    shop.upsert([Item(id, [text], {"title": text, "price": price}) for id, (text, price) in THINGS.items()])
    shop.upsert(Item("temple", photos[0], {"price": 1.0}))
    bought = [("tent", "guitar"), ("red", "book")]
    shop.record([Event(f"u{n}", id, "purchase", time=WHEN + timedelta(minutes=n)) for n in range(40) for id in bought[n % 2]])
    until(lambda: shop.recommendation_model().events == 80)
    yield shop
    learner.delete_catalog("shop")


def ids(found: Recommended) -> list[str]:
    return [hit.item.id for hit in found]


def test_items_are_recommended_by_what_is_liked_and_disliked(shop):
    found = shop.recommend(like=["red"], limit=2, behaviour=0)
    assert set(ids(found)) == {"blue", "green"}
    assert found[0].reasons[0].kind is ReasonKind.ALIKE
    apart = shop.recommend(like=[ById("red"), 0.5 * Text("a thing for a camper")], dislike="blue", behaviour=0)
    assert {"red", "blue"}.isdisjoint(ids(apart))
    assert ids(apart) != ids(shop.recommend(like="red", behaviour=0))


def test_texts_images_and_vectors_are_examples_too(shop, photos, learner):
    assert ids(shop.recommend(like=Text("a coffee mug"), where=F.price < 20, limit=2, behaviour=0)) in (["red", "blue"], ["blue", "red"])
    assert (
        ids(shop.recommend(like=photos[0], limit=1, behaviour=0)) == ids(shop.recommend(like=[Image(photos[0])], limit=1, behaviour=0)) == ["temple"]
    )
    vector = samekind.Vector(learner.embed("a small tent").vector, shop.space)
    assert ids(shop.recommend(like=[vector], limit=1, behaviour=0)) == ["tent2"]


def test_a_user_is_recommended_what_others_chose_and_not_what_is_seen(shop):
    shop.record(user="camper", item="tent", kind="purchase")
    found = shop.recommend(user="camper", limit=8)
    assert (ids(found)[0], "tent" in ids(found), found.report.events) == ("guitar", False, 1)
    assert ReasonKind.CHOSEN_WITH in {reason.kind for reason in found[0].reasons if reason.item == "tent"}
    parts = found[0].parts
    assert found[0].score == pytest.approx(parts.content + parts.behaviour + parts.popularity + parts.newness, abs=1e-5)
    assert found.hits == tuple(found)
    assert "tent" in ids(shop.recommend(user="camper", include_seen=True, limit=9))
    for kinds in (["hide", EventKind.DISLIKE], "hide", EventKind.HIDE):
        assert "tent" in ids(shop.recommend(user="camper", seen_kinds=kinds, limit=9))


def test_what_nobody_chose_with_an_item_is_not_said_to_be_chosen_with_it(learner):
    shop = learner.catalog("apart")
    shop.upsert([Item(id, [THINGS[id][0]]) for id in ("red", "blue", "book", "boots")])
    shop.record([Event(f"u{n}", id, "like") for n in range(40) for id in (("red", "book") if n % 2 else ("blue", "boots"))])
    until(lambda: shop.recommendation_model().events == 80)
    reasons = {hit.item.id: {(reason.kind, reason.item) for reason in hit.reasons} for hit in shop.recommend(recent=["red"])}
    assert [id for id, told in reasons.items() if (ReasonKind.CHOSEN_WITH, "red") in told] == ["book"]
    assert (ReasonKind.ALIKE, "red") in reasons["blue"]


def test_an_event_counts_in_the_next_answer_and_bears_its_attribution(shop):
    before = shop.recommend(user="reader", limit=3)
    shop.record(user="reader", item="red", kind="like", attribution=before.attribution)
    after = shop.recommend(user="reader", limit=3)
    assert (ids(after)[0], "red" in ids(after), after.report.events) == ("book", False, 1)
    assert before.attribution
    assert [event.attribution for event in shop.events(user="reader")] == [before.attribution]


def test_what_was_looked_at_lately_and_what_is_shown_lead_to_what_others_chose(shop):
    assert ids(shop.recommend(recent=["tent"], limit=1)) == ids(shop.recommend(recent="tent", limit=1)) == ["guitar"]
    beside = shop.recommend(item="red", limit=3)
    assert (ids(beside)[0], "red" in ids(beside)) == ("book", False)


def test_conditions_and_ids_leave_out(shop):
    cheap = shop.recommend(user="camper", where="price < 20", exclude=["book"], limit=20)
    assert set(ids(cheap)) == {"red", "blue", "temple"}
    assert cheap.report.shortfall
    assert ids(shop.recommend(user="camper", where=F.price > 1e6)) == []


def test_a_user_who_is_forgotten_is_nobody(shop):
    shop.record([Event("leaving", id, "like") for id in ("tent", "tent2")])
    assert shop.forget("leaving") == 2
    assert ids(shop.recommend(user="leaving")) == ids(shop.recommend(user="never there"))


def test_a_wish_that_cannot_be_is_told_why(shop, learner):
    for asked in (
        lambda: shop.recommend(limit=0),
        lambda: shop.recommend(limit=1001),
        lambda: shop.recommend(seen_kinds=["sold"]),
        lambda: shop.recommend(seen_kinds="sold"),
        lambda: shop.recommend(like="red", strategy="median"),
        lambda: shop.recommend(behaviour=1.5),
        lambda: shop.recommend(like=0 * Text("a mug")),
    ):
        with pytest.raises(BadRequest):
            asked()
    with pytest.raises(BadFilter):
        shop.recommend(where="price <")
    with pytest.raises(TypeError, match="ids and texts are str, not int: 7"):
        shop.recommend(user=7)
    with pytest.raises(NotFound):
        shop.recommend(like="no such item")


def test_the_async_client_does_the_same(learning, shop):
    async def ask() -> Recommended:
        async with samekind.aconnect(learning) as sk:
            mine = await sk.catalog("shop")
            return await mine.recommend(user="camper", like=Text("a guitar"), limit=2)

    assert ids(asyncio.run(ask())) == ids(shop.recommend(user="camper", like=Text("a guitar"), limit=2))


def test_a_disliked_example_pushes_away_whichever_sign_its_weight_has():
    one, other = (recommend("shop", like="a", dislike=[weight * Text("b")]).part().request for weight in (0.5, -0.5))
    assert one == other
    assert [each.weight for each in one.examples] == [1.0, -0.5]


def test_every_wish_comes_over_the_wire_as_it_was():
    terms = (Term(ById("a")), Term(Text("x"), -0.5))
    kinds = (EventKind.LIKE, EventKind.HIDE)
    view = ItemView(only=("price",))
    wish = Wish("u", terms, ExampleStrategy.SUM, ("b",), "c", F.price < 3, True, kinds, ("z",), 0.5, 0.25, 0.5, 7.0, 50, view, LongText.REJECT)
    assert wire.read_wish(wire.recommend_request("shop", wish)) == wish
    assert wire.read_wish(wire.recommend_request("shop", Wish())) == Wish()
