"""What somebody likes as several interests, and how near contents are to it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster import hierarchy

from samekind_server.recommendation import taste
from samekind_server.recommendation.grouping import grouped
from samekind_server.recommendation.taste import Strategy

EYE = np.eye(4, dtype=np.float32)


def near(direction, count, seed=0):
    rows = EYE[direction] + np.random.default_rng(seed).normal(0, 0.1, (count, 4)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_two_kinds_of_things_are_two_interests():
    found = taste.interests(np.vstack([near(0, 5), near(1, 3)]), np.ones(8, np.float32))
    assert [(set(interest.members), interest.weight) for interest in found] == [(set(range(5)), 5), ({5, 6, 7}, 3)]
    assert all(interest.medoid in interest.members for interest in found)


def test_one_event_of_another_kind_is_an_interest_of_its_own():
    found = taste.interests(np.vstack([near(0, 20), EYE[2:3]]), np.ones(21, np.float32))
    assert found[-1].members == (20,)


def test_what_is_disliked_or_has_no_vector_is_no_interest():
    vectors = np.vstack([EYE[:2], np.zeros((1, 4), np.float32)])
    assert [interest.members for interest in taste.interests(vectors, np.array([1, -1, 1], np.float32))] == [(0,)]
    assert taste.interests(vectors[:0], np.empty(0, np.float32)) == []


def test_a_mean_is_between_its_examples_and_best_is_near_to_any():
    between, one = EYE[:2].sum(axis=0, keepdims=True) / np.sqrt(2), EYE[:1]
    for strategy, first in ((Strategy.MEAN, between), (Strategy.BEST, one)):
        scores = taste.alike(np.vstack([between, one]), EYE[:2], np.ones(2, np.float32), strategy)
        assert (np.vstack([between, one])[scores.argmax()] == first).all()


def test_the_sum_is_weighted():
    np.testing.assert_allclose(taste.alike(EYE, EYE[:2], np.array([3, -1], np.float32), Strategy.SUM), [0.75, -0.25, 0, 0])


@pytest.mark.parametrize("strategy", Strategy)
def test_what_is_like_the_disliked_comes_last(strategy):
    scores = taste.alike(EYE[:3], EYE[:2], np.array([1, -1], np.float32), strategy)
    assert scores[0] > scores[2] > scores[1]


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("weights", [[], [0, 0], [-1, -1]])
def test_nothing_liked_gives_numbers_all_the_same(strategy, weights):
    scores = taste.alike(EYE, EYE[: len(weights)], np.array(weights, np.float32), strategy)
    assert scores.shape == (4,) and np.isfinite(scores).all()


def test_every_interest_is_served_within_the_limit():
    assert taste.served(range(6), np.array([0, 0, 0, 0, 1, 2]), 4) == [0, 1, 4, 5]
    assert taste.served(range(6), np.array([0, 1, 0, 1, 0, 2]), 2) == [0, 1]
    assert taste.served([2, 1], np.array([-1, -1, -1]), 5) == [2, 1]


@given(st.lists(st.integers(-1, 3), max_size=20), st.integers(0, 25))
def test_serving_interests_takes_as_many_as_there_are(owners, limit):
    served = taste.served(range(len(owners)), np.array(owners, np.int64), limit)
    assert len(served) == len(set(served)) == min(limit, len(owners)) and served == sorted(served)


def test_popular_items_are_spread_over_kinds_in_turns():
    owners = taste.groups(np.vstack([near(0, 3), near(1, 3)]), 2)
    assert taste.spread(range(6), owners) == [0, 3, 1, 4, 2, 5]


def test_kinds_of_no_or_one_vector():
    assert taste.groups(np.zeros((2, 4), np.float32), 3).tolist() == [-1, -1]
    assert taste.groups(EYE[:1], 3).tolist() == [0]


@pytest.mark.parametrize("count", [1, 2, 7, 30])
def test_groups_are_those_that_scipy_finds(count):
    vectors = np.vstack([near(kind, count, seed=kind) for kind in (0, 1, 2)])
    tree = hierarchy.linkage(vectors, "ward")
    for few in (1, 3, 8):
        by_count = hierarchy.fcluster(tree, few, "maxclust")
        assert sorted(map(sorted, grouped(vectors, count=few))) == sorted(np.flatnonzero(by_count == one).tolist() for one in set(by_count))
    apart = hierarchy.fcluster(tree, taste.APART, "distance")
    assert sorted(map(sorted, grouped(vectors, apart=taste.APART))) == sorted(np.flatnonzero(apart == one).tolist() for one in set(apart))


def test_what_is_the_same_is_one_group():
    assert grouped(EYE[[0, 0, 1]], apart=0.0) == [[0, 1], [2]]
    assert grouped(EYE[:0]) == []
