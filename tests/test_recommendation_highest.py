"""How high the highest of many numbers are."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from samekind_server.recommendation import highest


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(0, 3000), st.integers(1, 50), st.integers(0, 9))
def test_the_bar_is_the_number_that_so_many_reach(k, more, apart, seed):
    numbers = np.random.default_rng(seed).integers(0, apart, k + more).astype(np.float32)
    assert highest.bar(numbers, k) == np.sort(numbers)[-k]
