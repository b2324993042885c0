"""What is learned of behaviour: laws that hold whatever users did, closed forms on little data, and odd histories."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from threadpoolctl import threadpool_limits

from samekind_server.recommendation.als import als
from samekind_server.recommendation.cooccurrence import cooccurrence
from samekind_server.recommendation.ease import dense, ease
from samekind_server.recommendation.interactions import Events, Interactions, faded, interactions, on_five, scale
from samekind_server.recommendation.sparse_rows import strongest, weightiest
from samekind_server.recommendation.succession import succession

NONE = np.nan


def events(*told):
    """Events of (user, item, weight, rating, time)."""
    users, items, weights, values, times = zip(*told, strict=True) if told else ((),) * 5
    return Events(np.array(users, np.int64), np.array(items, np.int64), *(np.array(column, np.float64) for column in (weights, values, times)))


def liked(*told):
    """How much user 0 likes item 0 after events of (weight, rating), one after the other."""
    return float(interactions(events(*((0, 0, weight, value, time) for time, (weight, value) in enumerate(told))), 1, 1).matrix[0, 0])


def loss(likes, users, items):
    """What implicit ALS makes small: each pair's error by its confidence, and the ridge."""
    liked = likes.toarray()
    return ((1 + 5 * liked) * (users @ items.T - (liked > 0)) ** 2).sum() + 20 * ((users**2).sum() + (items**2).sum())


def some_likes(users=40, items=25, seed=0):
    return sparse.random(users, items, 0.2, format="csr", dtype=np.float32, random_state=seed)


def test_a_dislike_overrules_a_like_and_a_like_a_dislike():
    assert liked((1, NONE), (-1, NONE)) == -1
    assert liked((-1, NONE), (1, NONE)) == 1
    assert liked((1, NONE), (-1, NONE), (1, NONE), (-1, NONE)) == -1


def test_a_view_does_not_undo_a_dislike_but_a_purchase_does():
    assert liked((-1, NONE), (0.2, NONE)) == -1
    assert liked((-1, NONE), (1, NONE)) == 1


def test_a_hidden_item_is_disliked_however_often_it_was_seen():
    assert liked(*[(0.2, NONE)] * 20, (-0.5, NONE)) == -0.5


def test_the_last_rating_counts_whatever_came_before():
    assert liked((1, 5.0), (1, 1.0)) == pytest.approx(-0.6)
    assert liked((-1, NONE), (1, 5.0)) == 1
    assert liked((1, 2.5)) == 0


def test_again_and_again_counts_more_than_once_but_twice_at_most():
    assert 1 < liked((1, NONE), (1, NONE)) < liked(*[(1, NONE)] * 50) == 2


def test_the_order_in_which_events_come_does_not_matter():
    told = [(0, 0, 1, NONE, 1), (0, 1, 1, 4.0, 2), (0, 0, -1, NONE, 3), (1, 1, 1, NONE, 0)]
    one, other = interactions(events(*told), 2, 2), interactions(events(*told[::-1]), 2, 2)
    np.testing.assert_array_equal(one.matrix.toarray(), other.matrix.toarray())
    np.testing.assert_array_equal(one.times, other.times)


def test_a_weight_halves_in_its_half_life_and_the_future_counts_as_now():
    np.testing.assert_allclose(faded(np.ones(3), np.array([0, 10, 99]), now=10, half_life=10), [0.5, 1, 1])


def test_ease_is_its_closed_form():
    likes, content = some_likes(), np.eye(25, 4, dtype=np.float32)
    gram = (likes.T @ likes).toarray().astype(float) + 30 * content @ content.T
    gram += np.diag(100 + 0.3 * np.diag(gram))
    inverse = np.linalg.inv(gram)
    wanted = -inverse / np.diag(inverse)
    np.fill_diagonal(wanted, 0)
    np.testing.assert_allclose(dense(likes, content), wanted, atol=1e-6)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 30), st.integers(1, 700), st.integers(0, 99))
def test_ease_never_leads_from_an_item_to_itself(users, items, seed):
    assert not ease(some_likes(users, items, seed)).diagonal().any()


def test_ease_that_is_not_positive_definite_is_told():
    with pytest.raises(ValueError, match="25 items is not positive definite"):
        ease(some_likes(), ridge=-1e3)


def met(users, items, moments, seed=0, sparsely=0.3):
    """Things done at so many moments, and how much users went on from one to another, by one pair of theirs after the other."""
    chance = np.random.default_rng(seed)
    matrix = sparse.random(users, items, sparsely, "csr", dtype=np.float32, random_state=seed)
    told = Interactions(matrix, chance.integers(0, moments, matrix.nnz).astype(float))
    places, after = np.lexsort((np.random.default_rng(seed).random(matrix.nnz), told.times, told.users)), np.zeros((items, items))
    for at, one in enumerate(places):
        for later, other in enumerate(places[at + 1 : at + 51], start=1):
            if told.users[one] == told.users[other]:
                tied, (a, b) = told.times[one] == told.times[other], matrix.indices[[one, other]]
                after[a, b] += (0.5 if tied else 1) * matrix.data[one] * matrix.data[other] / later**0.35
                after[b, a] += 0.5 * tied * matrix.data[one] * matrix.data[other] / later**0.35
    return told, after, [places[told.users[places] == user] for user in range(users)]


def lately_done(matrix, orders):
    """What was done by each moment of each user, and for as long as the last counts, the latest 1, the one before 1/2 …: (moments, items)."""
    rows = []
    for order in orders:
        for moment in range(len(order) + 49):
            row = np.zeros(matrix.shape[1])
            for age, place in enumerate(range(moment, max(-1, moment - 50), -1), start=1):
                if place < len(order):
                    row[matrix.indices[order[place]]] += matrix.data[order[place]] / age
            rows.append(row)
    return np.array(rows)


def test_cooccurrence_is_counted():
    likes = sparse.csr_matrix(np.array([[1, 1, 0], [1, 1, 1], [1, 0, 0]], np.float32))
    counted = cooccurrence(likes, shrink=2).toarray()
    np.testing.assert_allclose(counted[0], [0, 2 / np.sqrt(3 * 2) * 2 / 4, 1 / np.sqrt(3) * 1 / 3], rtol=1e-6)
    np.testing.assert_allclose(counted, counted.T)


@pytest.mark.parametrize(("users", "items", "moments"), [(30, 12, 1000), (30, 12, 3), (30, 12, 1), (2, 300, 20), (3, 1100, 500)])
def test_succession_is_what_came_after_put_down_to_all_that_was_done_lately(users, items, moments):
    told, after, orders = met(users, items, moments)
    done = lately_done(told.matrix, orders)
    gram = done.T @ done
    wanted = np.linalg.solve(gram + np.diag(100 + 0.3 * np.diag(gram)), after)
    np.fill_diagonal(wanted, 0)
    np.testing.assert_allclose(succession(told, kept=items).toarray(), wanted, atol=1e-6)


def test_of_the_commonest_alone_it_is_told_where_users_go_on():
    told, *_ = met(30, 12, 1000)
    few, users = succession(told, items=5, kept=12), np.diff(told.matrix.tocsc().indptr)
    left = np.flatnonzero(np.isin(np.arange(12), np.argsort(-users, kind="stable")[:5], invert=True))
    assert not few[left].nnz and not few[:, left].nnz and few.getnnz(axis=1).max() == 4


def test_of_one_moment_neither_leads_to_the_other():
    matrix = sparse.csr_matrix(np.array([[1, 1, 0, 0], [0, 0, 1, 1]], np.float32))
    told = succession(Interactions(matrix, np.array([5.0, 5.0, 7.0, 8.0]))).toarray()
    assert told[0, 1] == pytest.approx(told[1, 0], rel=1e-5)
    assert min(told[0, 1], told[2, 3]) > 0 == told[3, 2]


def test_the_strongest_of_a_row_are_kept_and_no_more():
    kept = strongest([np.array([[1, -5, 2, 2, 2, 0]], np.float32)], 6, kept=3).toarray()
    assert kept.tolist() == [[0, -5, 2, 2, 0, 0]]


def test_more_is_kept_of_rows_that_count_more():
    told = sparse.csr_matrix(np.array([[3, -2, 1], [4, 3, 1]], np.float32))
    assert weightiest(told, np.array([3, 1], np.float32), 3).toarray().tolist() == [[3, -2, 0], [4, 0, 0]]


def test_factors_tell_two_groups_of_users_apart():
    likes = sparse.block_diag([np.ones((10, 5)), np.ones((10, 5))], "csr", dtype=np.float32)
    factors = als(likes, size=4, ridge=0.1)
    scores = factors.items @ factors.taste(np.array([0, 1]), np.ones(2, np.float32))
    assert scores[:5].min() > 0.5 > 0.2 > scores[5:].max()


def test_factors_solve_what_they_are_to_solve():
    likes = some_likes()
    factors = als(likes, size=4, rounds=100)
    users = np.stack([factors.taste(likes[user].indices, likes[user].data) for user in range(40)])
    sure = 5 * likes.toarray().T
    for item, row in enumerate(factors.items):
        left = users.T @ (users * (1 + sure[item])[:, None]) + 20 * np.eye(4)
        np.testing.assert_allclose(row, np.linalg.solve(left, users.T @ ((sure[item] > 0) * (1 + sure[item]))), atol=1e-3)


def test_factors_fit_as_well_as_those_of_implicit():
    from implicit.als import AlternatingLeastSquares  # It asks BLAS for its threads, which is slow, and only this needs it.

    likes = some_likes(100, 150)
    ours = als(likes, size=8, rounds=15)
    users = np.stack([ours.taste(likes[user].indices, likes[user].data) for user in range(100)])
    sure = likes.copy()
    sure.data = 1 + 5 * sure.data
    with threadpool_limits(1, "blas"):
        theirs = AlternatingLeastSquares(factors=8, regularization=20, alpha=1, iterations=15, use_gpu=False, random_state=0, num_threads=1)
        theirs.fit(sure, show_progress=False)
    assert loss(likes, users, ours.items) < 1.01 * loss(likes, theirs.user_factors, theirs.item_factors)


@pytest.mark.parametrize(
    ("ratings", "known", "expected"),
    [
        ([], None, None),
        ([0.2, 1.0, NONE], None, (0, 1)),
        ([-1.0, 0.5], None, (-1, 1)),
        ([1.0, 4.5], None, (0, 5)),
        ([7.0], (0, 5), (0, 10)),
        ([1.0], (0, 100), (0, 100)),
        ([-1.0, 5.0], None, (0, 5)),
    ],
)
def test_ratings_are_on_the_smallest_scale_that_holds_them(ratings, known, expected):
    assert scale(np.array(ratings), known) == expected


def test_the_middle_of_a_scale_is_the_middle_of_every_other():
    assert [on_five(np.array([sum(each) / 2]), each)[0] for each in ((0, 1), (-1, 1), (0, 5), (0, 10), (0, 100))] == [2.5] * 5
    assert on_five(np.array([-1.0, 50.0]), (0, 10)).tolist() == [0, 5]
