"""`python -m benchmarks.recall`: a real server is asked, and found to answer what is near."""

from dataclasses import replace

import numpy as np

from benchmarks import recall


def test_every_share_and_filter_is_measured_through_a_server():
    drawn = recall.clustered(200)
    few = replace(drawn, queries=drawn.queries[:5], against=drawn.against[:5])
    cells = [*recall.measured("clustered", few, k=150)]
    assert [cell.share for cell in cells[::2]] == list(recall.SHARES)
    assert {(cell.recall, cell.short, cell.exact) for cell in cells} == {(1, 0, 1)}


def test_vectors_are_drawn_between_those_of_a_file(tmp_path):
    given = np.random.default_rng(0).normal(size=(20, 8))
    np.savez(tmp_path / "some.npz", vectors=given.astype(np.float16))
    drawn = recall.like(tmp_path / "some.npz", 50)
    assert drawn.items.shape == (50, 8)
    assert np.allclose(np.linalg.norm(drawn.items, axis=1), 1, atol=1e-5)


def test_what_is_against_the_filter_is_far_from_what_it_lets_through():
    drawn = recall.clustered(2000)
    far = drawn.items[drawn.nearness < 0.1]
    assert (drawn.against @ far.T).max() < (drawn.against @ drawn.items.T).max(axis=1).min()
