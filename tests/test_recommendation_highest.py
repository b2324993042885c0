"""How high the highest of many numbers are, and which they are."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from samekind_server.recommendation import highest


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(0, 3000), st.integers(1, 50), st.integers(0, 9))
def test_the_bar_is_the_number_that_so_many_reach(k, more, apart, seed):
    numbers = np.random.default_rng(seed).integers(0, apart, k + more).astype(np.float32)
    assert highest.bar(numbers, k) == np.sort(numbers)[-k]


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(0, 3000), st.integers(1, 50), st.integers(0, 9))
def test_the_first_are_those_of_all_numbers_though_few_are_told(k, more, apart, seed):
    chance = np.random.default_rng(seed)
    numbers = chance.integers(-apart, apart, k + more).astype(np.float32)
    found = highest.first(numbers + chance.integers(0, 5, k + more), lambda places: numbers[places], k)
    assert found.tolist() == np.argsort(-numbers, kind="stable")[:k].tolist()
