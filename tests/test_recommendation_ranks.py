"""How good rankings are by where what is liked stands in them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samekind_server.recommendation import blend, ranks


@settings(deadline=None)
@given(st.integers(1, 4), st.integers(1, 300), st.integers(1, 40), st.floats(0, 1), st.integers(0, 9))
def test_several_rankings_are_as_good_as_each_is_alone(rankings, count, apart, share, seed):
    chance = np.random.default_rng(seed)
    scores, liked = chance.integers(0, apart, (rankings, count)).astype(np.float32), chance.random(count) < share
    assert ranks.gains(scores, liked) == pytest.approx([blend.gain(each, liked) for each in scores])
