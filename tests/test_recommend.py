"""Recommending without a server: by content, by behaviour and by both, what is never shown, and odd cases."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from samekind.errors import BadRequest, BadVector, NotFound, SpaceMismatch
from samekind.filters import F
from samekind.queries import ById, Term
from samekind.recommendations import Event, EventKind, ExampleStrategy, ReasonKind, Recommended, Wish
from samekind.types import Fused, Item, Metric, Vector
from samekind_server.catalog.inside import Inside
from samekind_server.embedding.engine import Engine
from samekind_server.recommendation import likeness, past
from samekind_server.recommendation.events import Events
from samekind_server.recommendation.gathering import gathered
from samekind_server.recommendation.links import NOWHERE, Linking, Links
from samekind_server.recommendation.model import Model, learn
from samekind_server.recommendation.recommending import Recommending
from samekind_server.store.sqlite import Look
from tests.keeping import SPACE, Keeper, item

NOW = datetime(2026, 3, 1, tzinfo=UTC).timestamp()


class Nobody:
    """Learns nothing by itself."""

    def hear(self, catalog: int) -> None: ...

    def forget(self, catalog: int) -> None: ...


class Shop:
    """A catalog that is recommended from."""

    def __init__(self, keeper: Keeper, engine: Engine, folder: Path) -> None:
        self.keeper, self.folder, self.model = keeper, folder, None
        self.events = Events(keeper.store, Nobody(), clock=lambda: NOW)
        self.recommending = Recommending(engine, lambda _: self.model, clock=lambda: NOW)

    def put(self, *items: Item, of: str = "shop") -> None:
        assert not [each.error for each in self.keeper.ask("upsert", items, of=of) if each.error]

    def did(self, user: str, kind: str, *items: str, ago: float = 0, of: str = "shop", **more: Any) -> None:
        when = datetime.fromtimestamp(NOW - ago, UTC)
        told = [Event(user, each, kind, time=when + timedelta(microseconds=place), **more) for place, each in enumerate(items)]
        assert not [each.error for each in self.keeper.run(self.events.record("", of, told)) if each.error]

    def learn(self) -> Model:
        catalog = self.keeper.run(self.keeper.catalogs.open("", "shop"))
        with Look(self.folder) as look:
            self.model = learn(*gathered(look, catalog.id, catalog.catalog), now=NOW)
        return self.model

    def learn_that_all_is_popularity(self) -> None:
        model = self.learn()
        self.model = replace(model, blend=replace(model.blend, fresh={**model.blend.fresh, "popularity": 2.5}))

    def ask(self, wish: Wish, *, of: str = "shop", **more: Any) -> Recommended:
        async def found() -> Recommended:
            return await self.recommending.recommend(await self.keeper.catalogs.open("", of), wish, **more)

        return self.keeper.run(found())

    def ids(self, *, of: str = "shop", **wish: Any) -> list[str]:
        return [each.item.id for each in self.ask(Wish(**wish), of=of).recommendations]


@pytest.fixture
def shop(tmp_path: Path, engine: Engine) -> Iterator[Shop]:
    keeper = Keeper(tmp_path, engine)
    keeper.make()
    yield Shop(keeper, engine, tmp_path)
    keeper.close()


def near(*values: float, weight: float = 1.0) -> Term:
    return Term(Vector(np.array(values, np.float32), SPACE), weight)


# Two kinds: what is red lies along the first number, what is blue along the second.
REDS = [item(f"red-{n}", 1, 0, 0.1 * n, 0, kind="red", n=n) for n in range(5)]
BLUES = [item(f"blue-{n}", 0, 1, 0, 0.1 * n, kind="blue", n=n) for n in range(5)]


def among(ids: list[str], start: str) -> int:
    return sum(id.startswith(start) for id in ids)


def crowd(shop: Shop, users: int = 120) -> None:
    """Users who buy the last red with the first blue, which are not alike, and users who buy other things."""
    for n in range(users):
        shop.did(f"u{n}", "purchase", *(("red-4", "blue-0") if n % 3 else (f"red-{n % 4}", f"blue-{1 + n % 4}")))


def test_more_like_what_is_liked_comes_first(shop):
    shop.put(*REDS, *BLUES)
    assert among(shop.ids(examples=(Term(ById("red-0")),), limit=4), "red") == 4
    assert among(shop.ids(examples=(near(0, 1, 0, 0),), limit=5), "blue") == 5


@pytest.mark.parametrize("strategy", ExampleStrategy)
def test_what_is_disliked_pushes_away(shop, strategy):
    shop.put(*REDS, *BLUES)
    like = near(1, 0.4, 0.2, 0)
    assert among(shop.ids(examples=(like,), strategy=strategy, limit=5), "red") == 5
    assert shop.ids(examples=(like, near(1, 0, 0, 0, weight=-0.9)), strategy=strategy, limit=10)[-1] == "red-0"


@pytest.mark.parametrize("strategy", ExampleStrategy)
def test_every_strategy_finds_what_is_like_the_examples_and_not_them(shop, strategy):
    shop.put(*REDS, *BLUES)
    ids = shop.ids(examples=(Term(ById("red-0")), Term(ById("red-1")), Term(ById("blue-0"), -1)), strategy=strategy, limit=3)
    assert among(ids, "red") == 3
    assert not {"red-0", "red-1", "blue-0"} & set(ids)


def test_a_user_gets_more_of_what_they_like_and_nothing_they_have_seen(shop):
    shop.put(*REDS, *BLUES)
    shop.did("u", "like", "red-0", "red-1")
    ids = shop.ids(user="u", limit=10)
    assert among(ids[:3], "red") == 3
    assert sorted(ids) == sorted({each.id for each in (*REDS, *BLUES)} - {"red-0", "red-1"})


def test_an_event_counts_in_the_very_next_answer(shop):
    shop.put(*REDS, *BLUES)
    shop.did("u", "like", "red-0", ago=9)
    assert among(shop.ids(user="u", limit=4), "red") == 4
    shop.did("u", "like", "blue-0")
    assert among(shop.ids(user="u", limit=4), "blue") >= 1


def test_behaviour_finds_what_content_cannot_and_says_why(shop):
    shop.put(*REDS, *BLUES)
    crowd(shop)
    shop.learn()
    shop.did("new", "like", "red-4")
    [first, *_] = shop.ask(Wish(user="new")).recommendations
    assert first.item.id == "blue-0"
    assert next((why.kind, why.item) for why in first.reasons) == (ReasonKind.CHOSEN_WITH, "red-4")
    assert first.score == pytest.approx(sum(vars(first.parts).values()), abs=1e-5)


def test_the_weight_between_content_and_behaviour_goes_from_one_alone_to_the_other(shop):
    shop.put(*REDS, *BLUES)
    crowd(shop)
    shop.learn()
    shop.did("new", "like", "red-4")
    assert shop.ids(user="new", behaviour=1.0)[0] == "blue-0"
    by_content = shop.ask(Wish(user="new", behaviour=0.0, limit=4))
    assert among([each.item.id for each in by_content.recommendations], "red") == 4
    assert {(each.parts.behaviour, each.parts.popularity) for each in by_content.recommendations} == {(0.0, 0.0)}


def test_beside_an_item_comes_what_others_chose_with_it(shop):
    shop.put(*REDS, *BLUES)
    crowd(shop)
    shop.learn()
    assert shop.ids(context_item="red-4", limit=1) == ["blue-0"]
    assert shop.ids(context_item="blue-0", limit=1) == ["red-4"]


def test_what_was_looked_at_just_now_counts_without_a_user(shop):
    shop.put(*REDS, *BLUES)
    assert among(shop.ids(recent=("blue-1", "blue-2"), limit=3), "blue") == 3


def test_of_what_was_looked_at_just_now_the_latest_says_most(shop):
    shop.put(*REDS, *BLUES)
    crowd(shop)
    shop.learn()
    wishes = [Wish(recent=looked) for looked in (("blue-1", "red-4"), ("red-4", "blue-1"))]
    told = [{each.item.id: each.parts.behaviour for each in shop.ask(wish).recommendations} for wish in wishes]
    assert told[0]["blue-0"] / told[0]["red-0"] > told[1]["blue-0"] / told[1]["red-0"]


def test_each_interest_is_served(shop):
    shop.put(*REDS, *BLUES)
    shop.did("u", "like", "red-0", "red-1", "red-2", ago=60)
    shop.did("u", "like", "blue-0")
    found = shop.ask(Wish(user="u", limit=2))
    assert found.report.interests == 2
    assert {each.item.attributes["kind"] for each in found.recommendations} == {"red", "blue"}


def test_who_is_new_gets_what_many_like_one_of_each_kind_first(shop):
    shop.put(*REDS, *BLUES)
    for n in range(9):
        shop.did(f"u{n}", "like", "red-0", "red-1", *(["blue-0"] if n < 5 else []))
    shop.learn()
    found = shop.ask(Wish(user="nobody", limit=3))
    assert sorted(each.item.id for each in found.recommendations) == ["blue-0", "red-0", "red-1"]
    assert all(each.reasons[0].kind is ReasonKind.POPULAR for each in found.recommendations)


def test_by_behaviour_alone_who_is_new_gets_what_many_like_too(shop):
    shop.put(*REDS, *BLUES)
    for n in range(9):
        shop.did(f"u{n}", "like", "red-0")
    shop.learn()
    assert shop.ids(user="nobody", behaviour=1.0, limit=1) == ["red-0"]


def test_what_nobody_else_chose_is_followed_by_its_like(shop):
    shop.put(*REDS, *BLUES)
    for user in range(5):
        shop.did(f"u{user}", "like", *(f"blue-{n}" for n in range(5)))
    shop.learn_that_all_is_popularity()
    shop.did("me", "like", "red-0", "red-1")
    assert among(shop.ids(user="me", limit=2), "red") == 2 and among(shop.ids(user="nobody", limit=2), "blue") == 2
    shop.learn_that_all_is_popularity()  # Of me, too.
    assert among(shop.ids(user="me", limit=2), "red") == 2 and among(shop.ids(user="nobody", limit=2), "blue") == 2


def test_what_is_asked_for_is_not_drowned_by_what_is_popular(shop):
    shop.put(*REDS, *BLUES)
    for user in range(5):
        shop.did(f"u{user}", "like", *(f"blue-{n}" for n in range(5)), "red-0")
    shop.learn_that_all_is_popularity()
    assert among(shop.ids(recent=["red-0"], limit=4), "blue") == 4
    assert among(shop.ids(examples=[near(1, 0, 0, 0)], limit=4), "red") == 4 == among(shop.ids(context_item="red-0", limit=4), "red")


def test_without_a_model_and_anything_to_go_by_the_newest_come_first(shop):
    shop.put(*REDS)
    shop.put(*BLUES)
    found = shop.ask(Wish(limit=5))
    assert among([each.item.id for each in found.recommendations], "blue") == 5
    assert found.report.learn_time is None


def test_a_filter_holds(shop):
    shop.put(*REDS, *BLUES)
    shop.did("u", "like", "red-0")
    assert sorted(shop.ids(user="u", where=F.kind == "blue")) == sorted(each.id for each in BLUES)
    none = shop.ask(Wish(user="u", where=F.kind == "green"))
    assert (none.recommendations, none.report.shortfall) == ((), "no item meets the condition")


def test_what_is_deleted_never_comes_and_what_comes_back_counts_again(shop):
    shop.put(*REDS, *BLUES)
    shop.did("u", "like", "red-0")
    shop.keeper.ask("delete", ["red-0", "red-1"])
    assert "red-1" not in shop.ids(user="u", limit=10)
    assert shop.ask(Wish(user="u")).report.events == 0
    shop.put(REDS[0])
    assert shop.ask(Wish(user="u")).report.events == 1
    assert "red-0" not in shop.ids(user="u", limit=10)


def test_events_may_come_before_their_item(shop):
    shop.did("u", "like", "red-0")
    shop.put(*BLUES, *REDS[1:])
    assert len(shop.ids(user="u", limit=20)) == 9
    shop.put(REDS[0])
    assert among(shop.ids(user="u", limit=4), "red") == 4


def test_seen_items_come_again_where_that_is_wanted_but_hidden_ones_never(shop):
    shop.put(*REDS)
    shop.did("u", "like", "red-0")
    shop.did("u", "view", "red-1")
    shop.did("u", "hide", "red-2")
    assert sorted(shop.ids(user="u")) == ["red-3", "red-4"]
    assert sorted(shop.ids(user="u", include_seen=True)) == ["red-0", "red-1", "red-3", "red-4"]
    assert sorted(shop.ids(user="u", seen_kinds=(EventKind.LIKE,))) == ["red-1", "red-3", "red-4"]


def test_ids_are_left_out(shop):
    shop.put(*REDS)
    assert sorted(shop.ids(exclude=("red-0", "red-1", "unknown"), recent=("red-2",))) == ["red-3", "red-4"]


def test_ids_are_told_apart_to_the_last_character(shop):
    shop.put(*(item(id, 1, n, 0, 0) for n, id in enumerate(("a", "a\0b", "a\0c", "é"))))
    assert sorted(shop.ids(exclude=("a\0b",), recent=("é",))) == ["a", "a\0c"]
    shop.did("u", "like", "a\0b")
    found = shop.ask(Wish(user="u"))
    assert sorted(each.item.id for each in found.recommendations) == ["a", "a\0c", "é"]
    assert {why.item for each in found.recommendations for why in each.reasons} <= {"a\0b", ""}


def test_as_many_come_as_there_are_when_most_was_seen(shop):
    items = [item(f"item-{n:04}", 1, 0.001 * n, 0, 0) for n in range(1200)]
    shop.put(*items)
    shop.did("u", "view", *(each.id for each in items[:590]))
    ids = shop.ids(user="u", limit=20)
    assert len(set(ids)) == 20
    assert min(ids) >= "item-0590"
    shop.did("u", "view", *(each.id for each in items[590:1195]))
    left = shop.ask(Wish(user="u", limit=20))
    assert sorted(each.item.id for each in left.recommendations) == [each.id for each in items[1195:]]
    assert left.report.shortfall == "the catalog has 1,200 items; 1,195 of them were seen or are left out"


def test_of_who_did_a_great_deal_the_latest_counts_and_all_that_was_seen_stays_away(shop):
    shop.put(*(item(f"item-{n:02}", 1, 0.01 * n, 0, 0) for n in range(60)))
    shop.did("u", "view", *(f"item-{n:02}" for n in range(20)), ago=9000)
    shop.did("u", "hide", "item-20", ago=8000)
    for n in range(past.LATEST // 10):
        shop.did("u", "like", *(f"item-{n}" for n in range(30, 40)), ago=7000 - n)
    left = [f"item-{n}" for n in (*range(21, 30), *range(40, 60))]
    found = shop.ask(Wish(user="u", limit=60))
    assert (sorted(each.item.id for each in found.recommendations), found.report.events) == (left, past.LATEST)
    assert "item-20" not in shop.ids(user="u", limit=60, include_seen=True)
    assert len(shop.ids(user="u", limit=60, seen_kinds=(EventKind.VIEW,))) == 39


def test_where_items_are_is_known_however_they_and_events_come_and_go(shop):
    chance, linking = np.random.default_rng(3), Linking()

    def told(linking: Linking, inside: Inside) -> dict[int, int]:
        links = inside.read(partial(linking.now, inside.memory))
        there = likeness.there(inside.memory, links.at)
        assert links.rows(links.of(links.at[there])).tolist() == links.at[there].tolist()
        return dict(zip(links.numbers[there].tolist(), links.at[there].tolist(), strict=True))

    for turn in range(12):
        ids = [f"item-{n}" for n in chance.choice(30, 12, replace=False)]
        shop.put(*(item(id, *chance.normal(size=4)) for id in ids[:6]))
        shop.keeper.ask("delete", ids[6:8])
        shop.did(f"u{turn % 3}", "view", *ids[8:], ago=turn)
        if turn % 4 == 3:
            shop.keeper.run(shop.events.forget("", "shop", "u1"))
        kept, anew = (shop.keeper.ask("within", partial(told, each)) for each in (linking, Linking()))
        assert anew.items() <= kept.items()  # Numbers that were forgotten lead to where they led.


def test_pages_together_are_the_whole_answer_under_one_name(shop):
    shop.put(*REDS, *BLUES)
    shop.did("u", "like", "red-0")
    wish, whole = Wish(user="u", limit=7), shop.ids(user="u", limit=7)
    pages = [shop.ask(wish, size=3)]
    while token := pages[-1].next_page_token:
        pages.append(shop.ask(wish, size=3, token=token))
    assert [[each.item.id for each in page.recommendations] for page in pages] == [whole[:3], whole[3:6], whole[6:]]
    assert len({page.attribution for page in pages}) == 1


def test_diversity_brings_the_other_kind_sooner(shop):
    shop.put(*REDS, *BLUES)
    like = (near(1, 0.3, 0, 0),)
    assert among(shop.ids(examples=like, limit=3), "blue") == 0
    assert among(shop.ids(examples=like, limit=3, diversity=0.7), "blue") >= 1


def test_the_new_rise_as_far_as_is_asked(tmp_path, engine):
    keeper = Keeper(tmp_path, engine)
    keeper.make()
    shop = Shop(keeper, engine, tmp_path)
    shop.put(*REDS, *BLUES)
    [first, *_] = shop.ask(Wish(examples=(near(1, 0, 0, 0),), new_boost=1.0)).recommendations
    assert first.parts.newness == pytest.approx(first.parts.content, rel=1e-3)
    assert ReasonKind.NEW in {why.kind for why in first.reasons}
    keeper.close()


def test_reasons_name_the_nearest_liked_item_or_example(shop):
    shop.put(*REDS, *BLUES)
    shop.did("u", "like", "red-0", "blue-0")
    found = shop.ask(Wish(user="u", limit=8))
    assert all(each.reasons[0].item.split("-")[0] == each.item.id.split("-")[0] for each in found.recommendations if each.reasons)
    [first, *_] = shop.ask(Wish(examples=(near(0, 1, 0, 0), near(1, 0, 0, 0, weight=0.5)), strategy=ExampleStrategy.BEST)).recommendations
    assert (first.item.id, first.reasons[0].example) in {("red-0", 1), ("blue-0", 0)}


@pytest.mark.parametrize("metric", Metric)
def test_it_works_under_each_metric_and_for_fused_items(shop, metric):
    shop.keeper.make("other", metric=metric, comparison=Fused())
    shop.put(*REDS, *BLUES, of="other")
    shop.did("u", "like", "red-0", of="other")
    assert among(shop.ids(of="other", user="u", limit=4), "red") == 4
    assert among(shop.ids(of="other", examples=(near(0, 1, 0, 0),), limit=4), "blue") == 4


def test_an_empty_catalog_has_nothing(shop):
    found = shop.ask(Wish(user="u"))
    assert (found.recommendations, found.next_page_token, found.report.shortfall) == ((), "", "the catalog is empty")


def test_one_item_and_one_user(shop):
    shop.put(REDS[0])
    assert shop.ids(user="u") == ["red-0"]
    shop.did("u", "like", "red-0")
    assert shop.ids(user="u") == []
    shop.learn()
    assert shop.ids(user="other") == ["red-0"]
    assert shop.ids(user="u", include_seen=True) == ["red-0"]


def test_all_seen_says_so(shop):
    shop.put(*REDS)
    shop.did("u", "view", *(each.id for each in REDS))
    assert shop.ask(Wish(user="u")).report.shortfall == "the catalog has 5 items; 5 of them were seen or are left out"


def test_one_item_is_told_of_as_one(shop):
    shop.put(REDS[0])
    shop.did("u", "view", "red-0")
    assert shop.ask(Wish(user="u")).report.shortfall == "the catalog has 1 item; it was seen or is left out"
    shop.put(REDS[1])
    assert shop.ask(Wish(user="u")).report.shortfall == "the catalog has 2 items; 1 of them was seen or is left out"
    assert shop.ask(Wish(user="u", where=F.n == 1)).report.shortfall == "1 item meets the condition"


def test_all_disliked_brings_what_is_unlike_it(shop):
    shop.put(*REDS, *BLUES)
    shop.did("u", "dislike", "red-0", "red-1")
    assert among(shop.ids(user="u", limit=5), "blue") == 5
    assert among(shop.ids(examples=(near(1, 0, 0, 0, weight=-1),), limit=5), "blue") == 5


def test_who_and_what_is_unknown_does_no_harm_but_an_unknown_example_is_told(shop):
    shop.put(*REDS)
    assert len(shop.ids(user="nobody", recent=("nothing",), context_item="nothing", exclude=("nothing",))) == 5
    with pytest.raises(NotFound, match="no item 'nothing' in the catalog 'shop'") as caught:
        shop.ask(Wish(examples=(near(1, 0, 0, 0), Term(ById("nothing")))))
    assert [each.field for each in caught.value.violations] in ([], ["examples[1]"])


@pytest.mark.parametrize(("bad", "good"), [(0.1, 0.9), (-0.8, 0.7), (1.0, 5.0), (2.0, 9.0), (20.0, 95.0)])
def test_a_rating_counts_on_the_scale_of_all_ratings(shop, bad, good):
    shop.put(*REDS, *BLUES)
    shop.did("u", "rating", "red-0", value=bad)
    shop.did("u", "rating", "blue-0", value=good)
    assert among(shop.ids(user="u", limit=4), "blue") == 4
    shop.learn()
    shop.did("other", "rating", "red-0", value=bad)
    assert among(shop.ids(user="other", limit=4, behaviour=0.0), "blue") == 4


def test_events_of_the_future_repeated_and_contradictory_ones_are_borne(shop):
    shop.put(*REDS, *BLUES)
    shop.did("u", "like", "red-0", ago=-250)
    for _ in range(5):
        shop.did("u", "view", "blue-0", ago=60)
    shop.did("u", "like", "red-1", ago=50)
    shop.did("u", "dislike", "red-1", ago=40)
    found = shop.ask(Wish(user="u", limit=3))
    assert found.report.events == 4  # Of the same user, item, kind and time there is one.
    assert among([each.item.id for each in found.recommendations], "red") >= 1


def test_examples_that_cancel_out_leave_what_is_left(shop):
    shop.put(*REDS)
    assert len(shop.ids(examples=(near(1, 0, 0, 0), near(1, 0, 0, 0, weight=-1)))) == 5


@pytest.mark.parametrize(
    ("wish", "error", "told"),
    [
        (Wish(limit=0), BadRequest, "at least 1 and at most 1,000"),
        (Wish(behaviour=1.5), BadRequest, "behaviour is from 0 to 1"),
        (Wish(examples=(near(1, 0, 0),)), BadVector, "has 3 numbers"),
        (Wish(examples=(Term(Vector(np.ones(4, np.float32), "other-4")),)), SpaceMismatch, "is of space 'other-4'"),
        (Wish(new_days=0), BadRequest, "more than 0 days"),
    ],
)
def test_what_cannot_be_is_refused(shop, wish, error, told):
    shop.put(*REDS)
    with pytest.raises(error, match=told):
        shop.ask(wish)


def test_a_damaged_page_token_is_refused(shop):
    with pytest.raises(BadRequest, match="damaged"):
        shop.ask(Wish(), token="1 2")


def test_a_cold_item_is_found_by_what_it_is_like(shop):
    shop.put(*REDS, *BLUES)
    crowd(shop)
    shop.learn()
    shop.put(item("red-new", 1, 0, 0.45, 0))
    shop.did("new", "like", "blue-0")
    ids = shop.ids(user="new", limit=10)
    assert ids.index("red-new") < min(ids.index(f"red-{n}") for n in range(4))  # It is like red-4, which is chosen with blue-0.
    assert "red-new" in shop.ids(user="new", limit=4, behaviour=1.0)


def test_other_catalogs_of_the_same_user_are_another_matter(shop):
    shop.keeper.make("other")
    shop.put(*REDS, *BLUES)
    shop.put(*REDS, *BLUES, of="other")
    shop.did("u", "like", "red-0")
    assert len(shop.ids(user="u", limit=20)) == 9
    assert len(shop.ids(of="other", user="u", limit=20)) == 10
    assert replace(shop.ask(Wish(user="u")).report.embedding, wait_ms=0).space == SPACE


def test_a_tenant_s_user_of_the_same_name_in_a_catalog_of_the_same_name_is_somebody_else(shop):
    async def ids(tenant: str) -> list[str]:
        catalog = await shop.keeper.catalogs.open(tenant, "shop")
        return sorted(each.item.id for each in (await shop.recommending.recommend(catalog, Wish(user="u"))).recommendations)

    shop.keeper.make(tenant="b")
    shop.put(*REDS)
    shop.keeper.ask("upsert", REDS, tenant="b")
    shop.did("u", "like", "red-0")
    assert shop.keeper.run(ids("")) == ["red-1", "red-2", "red-3", "red-4"]
    assert shop.keeper.run(ids("b")) == ["red-0", "red-1", "red-2", "red-3", "red-4"]


def test_an_item_whose_events_all_went_goes_by_the_number_of_its_later_ones():
    links = Links(np.array([1, 2, 5, 7]), np.array([30, 40, NOWHERE, 30]), 40)
    assert links.of(np.array([30, 40, 50])).tolist() == [7, 2, NOWHERE]
    assert links.rows(np.array([1, 7, 5, 9])).tolist() == [30, 30, NOWHERE, NOWHERE]
