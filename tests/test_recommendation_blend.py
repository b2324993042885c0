"""How the methods' weights are learned: of whom much is known and nothing is, apart, and only from what is no chance."""

import numpy as np

from samekind_server.recommendation.blend import COLD, DEFAULT, Example, begun, fitted
from samekind_server.recommendation.interactions import Events, interactions
from samekind_server.recommendation.measuring import newcomers
from samekind_server.recommendation.signals import NAMES

ITEMS = 200


def asked(users, fresh, telling):
    """Users who like five items next, which one method knows and the others do not."""
    chance = np.random.default_rng(0)
    for user in range(users):
        liked = np.zeros(ITEMS, bool)
        liked[chance.permutation(ITEMS)[:5]] = True
        parts = {name: chance.random(ITEMS).astype(np.float32) for name in NAMES}
        parts[telling] = (liked + parts[telling]).astype(np.float32)
        yield Example(user, parts, np.full(ITEMS, 1e6, np.float32), liked, fresh)


def test_who_is_new_is_served_by_what_served_others_at_their_beginnings():
    blend = fitted([*asked(100, 0.0, "ease")], fresh=[*asked(100, 1.0, "popularity")])
    assert blend.weights["ease"] / blend.weights["popularity"] > 5
    assert blend.fresh["popularity"] / blend.fresh["ease"] > 5


def test_weights_go_over_from_those_of_who_is_new_to_those_of_who_is_known():
    assert DEFAULT.of(0.0) == DEFAULT.weights and DEFAULT.of(1.0) == DEFAULT.fresh
    middle = DEFAULT.of(0.5)
    assert all(np.isclose(middle[name], (DEFAULT.weights[name] + DEFAULT.fresh[name]) / 2) for name in (*NAMES, COLD))


def test_what_is_popular_says_more_of_who_is_new_the_more_likes_are_known():
    told = [begun(DEFAULT, likes).fresh for likes in (0, 30, 500, 1_000_000)]
    assert told[0] == DEFAULT.fresh and told[0]["popularity"] < told[1]["popularity"] < 0.2 < told[2]["popularity"] < told[3]["popularity"]
    assert all(np.isclose(sum(each[name] for name in NAMES), 1) for each in told)


def test_weights_are_shares():
    blend = fitted([*asked(100, 0.1, "als")], fresh=[*asked(100, 0.9, "content")])
    for told in (blend.weights, blend.fresh):
        assert np.isclose(sum(told[name] for name in NAMES), 1)


def test_too_few_users_move_nothing():
    assert fitted([*asked(29, 0.0, "als")], fresh=[*asked(29, 1.0, "popularity")]) == fitted([])


def test_one_user_at_many_beginnings_is_one_user():
    fresh = [Example(0, one.parts, one.supports, one.liked, one.fresh) for one in asked(100, 1.0, "popularity")]
    assert fitted([], fresh=fresh) == fitted([])


def test_a_fifth_of_the_users_are_met_as_new_where_that_tells_something():
    events = Events(np.repeat(np.arange(300), 2), np.tile([0, 1], 300), np.ones(600), np.full(600, np.nan), np.arange(600.0))
    history = interactions(events, 300, 2)
    assert len(newcomers(history, 0)) == 60
    assert not len(newcomers(interactions(events.some(events.users < 140), 140, 2), 0))
