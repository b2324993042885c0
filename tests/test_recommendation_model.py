"""What a learned model answers: the same from the same events, never what was seen, and something sensible of odd histories."""

from dataclasses import replace

import numpy as np
import pytest

from samekind_server.recommendation.blend import leading
from samekind_server.recommendation.interactions import Events
from samekind_server.recommendation.model import POPULAR, DamagedModel, Model, learn
from samekind_server.recommendation.signals import History

ITEMS, USERS, DIMENSIONS = 60, 120, 8


def drawn_vectors():
    rows = np.random.default_rng(1).normal(size=(ITEMS, DIMENSIONS)).astype(np.float32)
    rows[: ITEMS // 2, 0] += 3
    rows[ITEMS // 2 :, 1] += 3
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


VECTORS = drawn_vectors()


def drawn_events(seed=0):
    """Users who each like one half of the items, ten of it, in any order."""
    chance = np.random.default_rng(seed)
    users = np.repeat(np.arange(USERS), 10)
    items = np.concatenate([chance.permutation(ITEMS // 2)[:10] + ITEMS // 2 * (user % 2) for user in range(USERS)])
    return Events(users, items, np.ones(len(users)), np.full(len(users), np.nan), chance.permutation(len(users)).astype(float))


@pytest.fixture(scope="module")
def model():
    """A model of the drawn events, in which the last item was never liked."""
    events = drawn_events()
    return learn(events.some(events.items != ITEMS - 1), VECTORS, now=1e4)


def history(*items, weights=None):
    codes = np.array(items, np.int64)
    vectors = np.zeros((len(codes), DIMENSIONS), np.float32)
    vectors[codes >= 0] = VECTORS[codes[codes >= 0]]
    return History(codes, np.array(weights if weights is not None else [1] * len(items), np.float32), vectors)


def scored(model, past, behaviour=None):
    return model.scores(past, np.arange(ITEMS), VECTORS, behaviour=behaviour)


def alike(one, other):
    """Whether two models give the same to the last bit, for two histories."""
    histories = (history(1, 2), history(40, 3, weights=[1, -1]))
    return all(np.array_equal(scored(one, past).total, scored(other, past).total) for past in histories)


def test_the_same_events_give_the_same_model(model):
    events = drawn_events()
    again = learn(events.some(events.items != ITEMS - 1), VECTORS, now=1e4)
    assert alike(model, again) and again.blend == model.blend and again.about == model.about


def test_it_tells_from_what_it_was_learned_and_how_good_it_is(model):
    assert (model.about.method, model.about.users, model.about.items) == ("ease", USERS, ITEMS - 1)
    assert model.about.measures["ndcg@10", "default"] > model.about.measures["ndcg@10", "popularity"]


def test_users_of_one_half_are_recommended_that_half(model):
    assert scored(model, history(1, 2, 3)).total.argsort()[::-1][:10].max() < ITEMS // 2


def test_the_parts_add_up_to_the_score(model):
    scores = scored(model, history(1, 2, 40, weights=[1, 0.5, -1]))
    np.testing.assert_allclose(scores.content + scores.behaviour + scores.popularity, scores.total, atol=1e-5)
    np.testing.assert_allclose(sum(scores.behaviours.values()), scores.behaviour, atol=1e-5)


def test_by_content_alone_behaviour_has_no_part_and_the_other_way_round(model):
    assert not scored(model, history(1), behaviour=0.0).behaviour.any()
    assert not scored(model, history(1), behaviour=1.0).content.any()


def test_an_item_that_nobody_liked_comes_by_its_content(model):
    scores = scored(model, history(*range(ITEMS - 9, ITEMS - 1)))
    assert scores.total[ITEMS - 1] > np.median(scores.total[: ITEMS // 2])


def test_items_that_are_not_known_are_scored_by_content(model):
    codes = np.array([-1, -1])
    scores = model.scores(history(1, 2), codes, VECTORS[[3, 40]])
    assert scores.total[0] > scores.total[1]


def test_what_is_excluded_is_never_a_candidate_and_all_others_are(model):
    seen = np.array([1, 2, 3, 59])
    assert sorted(model.candidates(model.signals.heard(history(1, 2)), ITEMS, seen).tolist()) == sorted(set(range(ITEMS)) - {1, 2, 3, 59})


@pytest.mark.parametrize("weights", [[1, 1], [1, -1], [-1, -1], [0.1, 0]])
def test_the_candidates_are_those_for_which_all_methods_speak_most_together(model, weights):
    heard, blend = model.signals.heard(history(1, 40, weights=weights)), model.blend.of(model.signals.heard(history(1, 40)).fresh)
    told = {name: blend[name] * leading(part) for name, part in model.signals.behaviours(heard).items()}
    whole = sum(told.values()) + max(blend["popularity"], POPULAR) * model.signals.popularity
    for count in (2, 12):
        np.testing.assert_allclose(whole[model.candidates(heard, count)], np.sort(whole)[::-1][:count], rtol=1e-4)


def test_all_seen_leaves_no_candidate(model):
    assert not len(model.candidates(model.signals.heard(history(1)), 10, np.arange(ITEMS)))


def test_nothing_known_of_somebody_gives_what_is_popular(model):
    scores = scored(model, history())
    assert not scores.content.any() and not scores.behaviour.any()
    assert scores.total.argmax() == model.signals.popularity.argmax() == model.candidates(model.signals.heard(history()), 1)[0]


def test_after_one_event_of_which_nothing_is_known_what_is_popular_has_a_score(model):
    past = History(np.array([-1]), np.ones(1, np.float32), np.zeros((1, DIMENSIONS), np.float32))
    assert (scored(model, past).total[model.signals.popularity > 0] > 0).all()


def test_after_one_event_of_an_item_that_nobody_liked_its_like_have_a_score(model):
    total = scored(model, history(ITEMS - 1)).total
    assert (total[30:59] > 0).all() and total[30:59].mean() > total[:30].mean()


def test_what_came_last_says_most(model):
    one, other = scored(model, history(1, 40)).behaviour, scored(model, history(40, 1)).behaviour
    assert one[:30].mean() > other[:30].mean() and one[30:59].mean() < other[30:59].mean()


def steps(users):
    """Users who each go two steps along a ring of all items."""
    items = (np.random.default_rng(0).integers(0, ITEMS, users)[:, None] + np.arange(3)).ravel() % ITEMS
    return Events(np.repeat(np.arange(users), 3), items, np.ones(len(items)), np.full(len(items), np.nan), np.tile(np.arange(3.0), users))


def test_where_users_go_one_way_nobody_is_led_back():
    model = learn(steps(3 * USERS), VECTORS, now=1e4)
    heard, total = model.signals.heard(history(30)), scored(model, history(30)).total
    assert model.blend.of(heard.fresh)["succession"] > 0.1 and total[31] > total[29]
    assert heard.links["succession"][31] > 0 and not heard.wished.links["succession"].any()


def test_where_too_few_tell_of_order_it_is_not_learned():
    model = learn(steps(20), VECTORS, now=1e4)
    assert not model.blend.of(0.5)["succession"] and not model.signals.succession.nnz


def test_what_came_at_one_moment_says_as_much(model):
    both = [replace(history(*items), times=np.zeros(2)) for items in ((1, 40), (40, 1))]
    np.testing.assert_allclose(*(scored(model, past).behaviour for past in both), atol=1e-5)


def test_all_disliked_puts_the_other_half_first(model):
    scores = scored(model, history(*range(20), weights=[-1] * 20))
    assert np.isfinite(scores.total).all() and scores.content[:30].mean() < scores.content[30:].mean()


def test_an_unknown_item_in_a_history_counts_by_its_content_alone(model):
    unknown = History(np.array([-1]), np.ones(1, np.float32), VECTORS[:1])
    scores = scored(model, unknown)
    assert not scores.behaviour.any() and scores.content[:30].mean() > scores.content[30:].mean()


@pytest.mark.parametrize("users", [0, 1])
@pytest.mark.parametrize("items", [0, 1, 3])
def test_hardly_any_events_make_a_model_that_answers(users, items):
    counts = np.arange(items if users else 0)
    events = Events(np.zeros_like(counts), counts, np.ones(len(counts)), np.full(len(counts), np.nan), np.zeros(len(counts)))
    model = learn(events, VECTORS[:items], now=0)
    scores = model.scores(History(counts, np.ones(len(counts), np.float32), VECTORS[counts]), np.arange(items), VECTORS[:items])
    assert scores.total.shape == (items,) and np.isfinite(scores.total).all() and not model.about.measures


def test_a_catalog_without_vectors_is_recommended_by_behaviour():
    model = learn(drawn_events(), np.zeros((ITEMS, 0), np.float32), now=1e4)
    past = History(np.array([1, 2]), np.ones(2, np.float32), np.zeros((2, 0), np.float32))
    scores = model.scores(past, np.arange(ITEMS), np.zeros((ITEMS, 0), np.float32))
    assert scores.total.argsort()[::-1][:10].max() < ITEMS // 2


def test_above_the_limit_of_ease_factors_tell_the_halves_apart():
    model = learn(drawn_events(), VECTORS, now=1e4, ease_items=10)
    assert model.about.method == "als" and scored(model, history(1, 2)).total.argsort()[::-1][:10].max() < ITEMS // 2


def test_the_unit_of_weights_does_not_matter(model):
    events = drawn_events().some(drawn_events().items != ITEMS - 1)
    times_five = learn(replace(events, weights=5 * events.weights), VECTORS, now=1e4)
    one, other = scored(model, history(1, 40, weights=[1, -0.5])), scored(times_five, history(1, 40, weights=[5, -2.5]))
    np.testing.assert_allclose(one.total, other.total, atol=1e-4)


def test_a_saved_model_is_the_same_again(model, tmp_path):
    model.save(tmp_path / "model")
    loaded = Model.load(tmp_path / "model")
    assert alike(model, loaded) and (loaded.blend, loaded.about) == (model.blend, model.about)


@pytest.mark.parametrize("place", [0, 40, 3000, -1])
def test_a_damaged_file_is_refused(model, tmp_path, place):
    file = tmp_path / "model"
    model.save(file)
    told = bytearray(file.read_bytes())
    told[place] ^= 1
    file.write_bytes(told)
    with pytest.raises(DamagedModel, match="damaged"):
        Model.load(file)


def test_a_file_cut_short_is_refused(model, tmp_path):
    file = tmp_path / "model"
    model.save(file)
    for size in (0, 31, 32, file.stat().st_size - 1):
        file.write_bytes(file.read_bytes()[:size])
        with pytest.raises(DamagedModel):
            Model.load(file)
