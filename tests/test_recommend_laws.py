"""What holds of recommendations among more items than are all scored, whatever is wished for."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samekind.filters import F
from samekind.recommendations import EventKind, Wish
from samekind_server.catalog.inside import Inside
from samekind_server.embedding.engine import Engine
from samekind_server.recommendation import ordering, past
from samekind_server.recommendation.links import Linking
from samekind_server.recommendation.pool import ALL, Pool, pool
from samekind_server.recommendation.wanted import wanted
from tests.keeping import Keeper, item
from tests.test_recommend import NOW, Shop, near

ITEMS, USERS, HELD = ALL + 300, 60, 400
KINDS = ("view", "like", "purchase", "dislike", "hide")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Iterator[Shop]:
    """Users who did a dozen things each, and one who saw most."""
    folder, chance = tmp_path_factory.mktemp("laws"), np.random.default_rng(7)
    keeper = Keeper(folder, engine)
    keeper.make()
    shop = Shop(keeper, engine, folder)
    shop.put(*(item(f"{n}", *chance.normal(size=4), n=n) for n in range(ITEMS)))
    for user in range(USERS):
        for kind, n in zip(chance.choice(KINDS, 12), chance.choice(HELD, 12, replace=False), strict=True):
            shop.did(f"u{user}", str(kind), str(n))
    shop.did("u0", "view", *(str(n) for n in range(20, ITEMS)))
    shop.learn()
    yield shop
    keeper.close()


def done(shop: Shop, user: str) -> dict[str, set[str]]:
    """The items of each kind of a user's events."""
    events, _ = shop.keeper.run(shop.events.page("", "shop", user=user, item="", after="", most=2000))
    return {kind: {each.item for each in events if each.kind is EventKind(kind)} for kind in KINDS}


WISHES = st.builds(
    Wish,
    user=st.sampled_from(["", "nobody", *(f"u{n}" for n in range(4))]),
    examples=st.sampled_from([(), (near(1, 0, 0, 0),), (near(0, 1, 0, 0), near(0, 0, 1, 0, weight=-1.0))]),
    recent=st.sampled_from([(), ("1", "2", "gone")]),
    context_item=st.sampled_from(["", "3", "gone"]),
    where=st.sampled_from([None, F.n < 10, F.n < 700]),
    include_seen=st.booleans(),
    seen_kinds=st.sampled_from([(), (EventKind.PURCHASE,)]),
    exclude=st.sampled_from([(), ("5", "6")]),
    behaviour=st.sampled_from([None, 0.0, 0.5, 1.0]),
    diversity=st.sampled_from([0.0, 0.5]),
    new_boost=st.sampled_from([0.0, 0.5]),
    limit=st.sampled_from([1, 10, 150]),
)


@settings(max_examples=60, deadline=None)
@given(WISHES)
def test_nothing_seen_or_left_out_comes_and_as_many_come_as_there_are(shop, wish):
    did = done(shop, wish.user) if wish.user else {kind: set() for kind in KINDS}
    kinds = set() if wish.include_seen else {kind.value for kind in wish.seen_kinds} or set(KINDS)
    gone = set().union(did["hide"], *(did[kind] for kind in kinds), wish.exclude, wish.recent, {wish.context_item})
    free = [n for n in range({None: ITEMS, F.n < 10: 10, F.n < 700: 700}[wish.where]) if str(n) not in gone]
    found = shop.ask(wish).recommendations
    ids = [each.item.id for each in found]
    assert len(set(ids)) == len(ids) == min(wish.limit, len(free))
    assert set(ids) <= set(map(str, free))
    assert all(each.score == pytest.approx(sum(vars(each.parts).values()), abs=1e-4) for each in found)


def test_what_is_recommended_is_about_what_it_were_if_all_were_scored(shop):
    def shared(user: int, inside: Inside) -> float:
        wish = Wish(user=f"u{user}")
        links = inside.read(partial(Linking().now, inside.memory))
        known = inside.read(lambda of: past.read(of, inside.memory, links, wish, {}, NOW, None))
        want = wanted(inside, shop.model, wish, [], known)
        some = pool(inside, want, links)
        assert len(some.scored) < len(some.eligible.free)
        first, every = (rows(inside, want, links, each) for each in (some, Pool(some.eligible.free, some.eligible)))
        return len(first & every) / len(every)

    def rows(inside, want, links, among) -> set[int]:
        found = ordering.scored(inside, want, links, among, NOW)
        return set(found.rows[ordering.order(want, found)].tolist())

    assert np.mean([shop.keeper.ask("within", partial(shared, user)) for user in range(1, 30)]) > 0.75
