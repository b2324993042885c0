"""What `make eval` says of recommendations: ratings read as they are, cut where the future begins, and differences with their interval."""

import gzip

import numpy as np
import pytest

from benchmarks.quality import movielens
from benchmarks.quality.recommendation import Task, cut_short, cut_to_latest, difference, films, main

MOVIES = "movieId,title,genres\n1,Alpha (1990),Comedy|Drama\n5,Beta,(no genres listed)\n"
RATINGS = "userId,movieId,rating,timestamp\n1,1,4.0,10\n1,5,2.5,20\n7,5,5.0,5\n999,999999,5.0,6\n7,1,9.5,7\n"
TAGS = "userId,movieId,tag,timestamp\n1,1,funny,15\n1,1,sad,25\n7,5,slow,1\n999,1,odd,1\n"


@pytest.fixture
def data(tmp_path):
    """A folder of few ratings, one of them of a film and a user that nobody knows, one of more than five stars."""
    folder = tmp_path / movielens.FOLDER
    folder.mkdir()
    for name, text in zip(movielens.FILES, (MOVIES, RATINGS, TAGS), strict=True):
        with gzip.open(folder / name, "wt") as file:
            file.write(text)
    return tmp_path


def drawn(users=40, count=120, each=40):
    """Ratings of users who like every third film."""
    chance = np.random.default_rng(0)
    who = np.repeat(np.arange(users), each)
    what = np.concatenate([chance.permutation(count)[:each] for _ in range(users)])
    stars = np.where(what % 3 == who % 3, 5.0, 2.0)
    genres = tuple((f"Genre {film % 3}",) for film in range(count))
    order = chance.permutation(len(who))
    return movielens.Ratings(
        who[order], what[order], stars[order], np.arange(len(who), dtype=float), tuple(f"Film {film}" for film in range(count)), genres, ()
    )


def test_ratings_that_cannot_be_are_left_out(data):
    ratings = movielens.read(data)
    assert ratings.stars.tolist() == [5, 4, 2.5] and ratings.users.tolist() == [1, 0, 0] and ratings.films.tolist() == [1, 0, 1]


def test_a_film_has_the_tags_that_were_given_before(data):
    texts = movielens.read(data).texts(np.array([20.0, np.inf]))
    assert texts == ["Alpha (1990): Comedy, Drama, funny", "Beta: (no genres listed), slow"]


def test_the_last_fifth_is_each_users_own():
    ratings = drawn()
    last = movielens.last_of_each_user(ratings)
    assert np.bincount(ratings.users[last]).tolist() == [8] * 40
    for user in range(40):
        own = ratings.users == user
        assert ratings.times[own & ~last].max() <= ratings.times[own & last].min()


def test_the_last_fifth_of_all_is_after_one_moment():
    ratings = drawn()
    last = movielens.last_of_all(ratings)
    assert last.mean() == pytest.approx(0.2, abs=0.01) and ratings.times[~last].max() < ratings.times[last].min()


def test_a_difference_is_told_with_its_interval():
    chance = np.random.default_rng(0)
    one = chance.random(200)
    mean, low, high = difference(one + 0.1, one)
    assert mean == pytest.approx(0.1) and low == pytest.approx(0.1) and high == pytest.approx(0.1)
    mean, low, high = difference(chance.random(200), one)
    assert low < 0 < high and low < mean < high


def test_every_method_is_measured_on_every_task():
    measured, gates = films(drawn(), "split")
    single = {"popularity", "item-kNN", "ALS", "EASE", "content only"}
    assert len(measured) == 4 * 7 and {one.method for one in measured} == single | {"our EASE", "the default"}
    assert all(0 <= value <= 1 for one in measured for value in one.values.values() if one.users)
    assert any("cold" in gate.name for gate in gates)


def asking(known, later):
    wanted = np.zeros((40, 120), bool)
    wanted[later.users, later.films] = True
    return Task("", known, known, known, wanted, (), np.ones(120, bool))


def test_a_user_is_cut_after_so_many_likes_and_asked_for_all_later_ones():
    ratings = drawn()
    task = cut_short(3, ratings, asking(ratings, ratings), 0)
    likes = np.bincount(task.asked.users[task.asked.stars >= 4], minlength=40)
    every = np.bincount(ratings.users[ratings.stars >= 4], minlength=40)
    assert set(np.unique(task.asked.users)) == set(range(0, 40, 3)) and set(likes[::3]) == {3}
    np.testing.assert_array_equal(task.wanted.sum(axis=1)[::3], every[::3] - 3)


def test_a_user_is_cut_to_the_latest_likes_and_asked_for_what_came_next():
    ratings = drawn()
    last = movielens.last_of_each_user(ratings)
    known, later = ratings.some(~last), ratings.some(last)
    task = cut_to_latest(3, asking(known, later), 1)
    own = task.asked.users == 4
    assert set(np.unique(task.asked.users)) == set(range(1, 40, 3)) and len(task.seen.users) == len(known.users)
    assert not task.wanted[::3].any() and task.wanted[4].sum() == (later.users == 4).sum()
    assert (task.asked.stars[own] >= 4).sum() == 3 and list(task.asked.films[own]) == list(known.films[known.users == 4][-own.sum() :])


def test_wrong_usage_is_told(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--surely"])
    assert "unrecognized arguments" in capsys.readouterr().err
