"""What recommendations are held to: the published methods, by their closed forms and by another library."""

import numpy as np
import pytest

from benchmarks.quality import textbook
from tests.test_recommendation_quality import drawn


@pytest.fixture(scope="module")
def ratings():
    return drawn()


def dense(ratings, users=40):
    return textbook.likes(ratings, users).toarray().astype(float)


def test_only_what_is_liked_counts(ratings):
    told = dense(ratings)
    assert told.sum() == (ratings.stars >= 4).sum() and set(np.unique(told)) == {0, 1}


@pytest.mark.parametrize("users", [40, 400])
def test_ease_is_its_closed_form_with_few_users_and_with_many(users):
    ratings = drawn(users=users)
    likes = textbook.likes(ratings, users)
    inverse = np.linalg.inv(dense(ratings, users).T @ dense(ratings, users) + 20 * np.eye(120))
    weights = -inverse / inverse.diagonal()
    expected = dense(ratings, users) @ (weights + np.eye(120))
    found = textbook.ease(ratings, likes, (20,))
    np.testing.assert_allclose(np.where(dense(ratings, users), 0, found), np.where(dense(ratings, users), 0, expected), atol=1e-5)


@pytest.mark.filterwarnings("ignore:Method expects CSR")  # Which it then passes to itself.
def test_neighbours_are_those_of_implicit(ratings):
    from implicit.nearest_neighbours import CosineRecommender

    theirs = CosineRecommender(K=121, num_threads=1)
    likes = textbook.likes(ratings, 40)
    theirs.fit(likes, show_progress=False)
    near = theirs.similarity.toarray()
    np.fill_diagonal(near, 0)
    np.testing.assert_allclose(textbook.neighbours(ratings, likes, (119, 0)), likes @ near, atol=1e-4)


def test_popularity_is_how_many_like_a_film_and_fades_where_it_is_told_to(ratings):
    likes = textbook.likes(ratings, 40)
    ever, lately = (textbook.popularity(ratings, likes, (days,))[0] for days in (textbook.EVER, 1e-3))
    np.testing.assert_allclose(ever, dense(ratings).sum(axis=0), rtol=1e-4)
    assert 0 < lately.sum() < ever.sum()


def test_parameters_are_chosen_among_those_that_are_tried(ratings):
    chosen = textbook.tuned(ratings, 40)
    assert all(chosen[name] in of for name, (_, of) in textbook.METHODS.items())
    assert {scores.shape for scores in textbook.scores(ratings, ratings, 40, chosen).values()} == {(40, 120)}
