"""Rows of items, taken together."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from samekind_server.recommendation import likeness


@given(st.lists(st.integers(0, 2**62)))
def test_each_number_stands_once_and_they_ascend(numbers):
    assert likeness.distinct(np.array(numbers, np.int64)).tolist() == sorted(set(numbers))
