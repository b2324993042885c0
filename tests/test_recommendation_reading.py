"""How a history is read: the latest says most, what was done at one moment as much, and a dislike stays one."""

import numpy as np
import pytest

from samekind_server.recommendation.reading import Reading, done, later


def test_the_latest_says_most_and_none_says_nothing():
    fades = Reading().fades(np.arange(200))
    assert fades[0] == 1 and (np.diff(fades) < 0).all() and fades[-1] > 0.1


def test_without_fading_all_say_as_much():
    assert Reading(fading=0).fades(np.arange(5)).tolist() == [1] * 5


def test_what_was_done_at_one_moment_is_followed_by_as_many():
    assert later(np.array([9.0, 9.0, 5.0, 5.0, 1.0])).tolist() == [0, 0, 2, 2, 4]
    assert not len(later(np.zeros(0)))


def test_what_nobody_has_a_clear_opinion_of_counts_a_little():
    told = done(np.array([0.0, 0.2, 1.0, 2.0], np.float32))
    assert 0 < told[0] < told[1] < told[2] == 1 and told[3] == 2


def test_a_dislike_stays_one():
    assert done(np.array([-1.0, -2.0], np.float32)).tolist() == [-1, -2]
    assert done(np.array([-0.5], np.float32))[0] == pytest.approx(-0.4)
