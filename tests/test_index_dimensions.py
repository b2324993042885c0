"""A graph that goes by fewer numbers than the vectors have: it finds candidates, and nothing else changes."""

import numpy as np
import pytest

from samekind.types import Metric, Rotation
from samekind_server.index.base import Shape
from samekind_server.index.costs import Costs
from samekind_server.index.exact import Exact
from samekind_server.index.hnsw import Hnsw, opened
from tests.test_index import EVERY, NEVER_EXACT, recall, tended, told

COUNT, WHOLE, FEW = 3000, 48, 12
PCA = Shape(WHOLE, search_dimensions=FEW, rotation=Rotation.PCA)


def vectors(count, seed=0):
    """Around 50 centres, and apart along some directions more than along others, none of which is a number of its own."""
    always, chance = np.random.default_rng(99), np.random.default_rng(seed)
    centres, turned = always.normal(size=(50, WHOLE)), np.linalg.qr(always.normal(size=(WHOLE, WHOLE)))[0]
    drawn = centres[chance.integers(0, 50, count)] + 0.7 * chance.normal(size=(count, WHOLE))
    return (drawn * np.linspace(1, 0.05, WHOLE) @ turned).astype(np.float32)


def graphed(shape, given):
    index = Hnsw(shape, costs=NEVER_EXACT, graph_from=100)
    index.add(np.arange(len(given)), given)
    return tended(index)


def exact(given, metric=Metric.COSINE):
    index = Exact(Shape(WHOLE, metric))
    index.add(np.arange(len(given)), given)
    return index


@pytest.fixture(scope="module")
def given():
    return vectors(COUNT)


@pytest.mark.parametrize("metric", EVERY)
def test_a_quarter_of_the_numbers_finds_what_all_of_them_find(metric, given):
    queries = vectors(100, seed=1)
    found = graphed(Shape(WHOLE, metric, search_dimensions=FEW, rotation=Rotation.PCA), given).nearest(queries, 10)
    assert not any(one.exact for one in found)
    assert recall(found, exact(given, metric).nearest(queries, 10)) >= 0.97


def test_a_prefix_is_enough_where_the_first_numbers_tell_most(given):
    told_first = given @ np.linalg.svd(given, full_matrices=False)[2].T
    shape, queries = Shape(WHOLE, search_dimensions=FEW), told_first[:100] + 0.3 * told_first[100:200]
    assert recall(graphed(shape, told_first).nearest(queries, 10), exact(told_first).nearest(queries, 10)) >= 0.97


def test_a_graph_that_hardly_finds_anything_is_not_asked(given):
    index = Hnsw(Shape(WHOLE, search_dimensions=1), costs=Costs(number=0.01), graph_from=100)
    index.add(np.arange(COUNT), given)
    assert tended(index).stats().effort == COUNT
    assert all(one.exact for one in index.nearest(vectors(20, seed=1), 10))


@pytest.mark.parametrize("metric", EVERY)
def test_scores_are_of_the_whole_vectors(metric, given):
    shape, queries = Shape(WHOLE, metric, search_dimensions=2), vectors(20, seed=1)
    index = graphed(shape, given)
    for one, every in zip(index.nearest(queries, 10), index.nearest(queries, COUNT, exact=True), strict=True):
        true = dict(zip(every.rows.tolist(), every.scores.tolist(), strict=True))
        assert (len(one.rows), one.scores.tolist()) == (10, [true[row] for row in one.rows.tolist()])
    assert told(index.nearest(queries, 10, exact=True)) == told(exact(given, metric).nearest(queries, 10))


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_a_filter_loses_no_answers_and_little_recall(share, given):
    index, twin, queries = graphed(PCA, given), exact(given), vectors(20, seed=1)
    allowed = np.sort(np.argsort(given @ queries.mean(axis=0))[: int(COUNT * share)])
    found, true = (one.nearest(queries, 10, allowed=allowed) for one in (index, twin))
    assert [len(one.rows) for one in found] == [10] * 20
    assert recall(found, true) >= 0.95


def test_axes_are_fitted_anew_once_what_came_since_is_of_another_kind(given):
    turned = np.linalg.qr(np.random.default_rng(7).normal(size=(WHOLE, WHOLE)))[0].astype(np.float32)
    index, others, queries = graphed(PCA, given[:600]), given @ turned, vectors(50, seed=1) @ turned
    before = index._graph
    index.add(np.arange(600, 600 + COUNT), others)
    assert tended(index)._graph is not before
    assert recall(index.nearest(queries, 10), exact(np.concatenate([given[:600], others])).nearest(queries, 10)) >= 0.97


def test_it_takes_less_memory(given):
    whole, fewer = (graphed(shape, given).stats().memory_bytes for shape in (Shape(WHOLE), PCA))
    assert whole - fewer == pytest.approx(4 * (WHOLE - FEW) * COUNT, rel=0.05)


def test_copies_are_found_all_the_same(given):
    copied = given.copy()
    copied[::3] = copied[0]
    index, twin = graphed(PCA, copied), exact(copied)
    for one in (index, twin):
        one.remove(np.arange(0, 5900, 3))
    assert told(index.nearest(copied[:1], 33)) == told(twin.nearest(copied[:1], 33))


def test_another_shape_is_made_beside_the_graph_that_answers(given):
    index, twin, queries = graphed(Shape(WHOLE), given), exact(given), vectors(50, seed=1)
    before = index.stats().memory_bytes
    index.reshape(PCA)
    assert index.tend() and (index.stats().graph, index.stats().building) == (True, True)
    assert recall(index.nearest(queries, 10), twin.nearest(queries, 10)) >= 0.97
    assert not tended(index).stats().building
    assert index.stats().memory_bytes < before
    assert recall(index.nearest(queries, 10), twin.nearest(queries, 10)) >= 0.97


def test_a_shape_given_twice_is_the_last_one(given):
    index = graphed(Shape(WHOLE), given)
    index.reshape(PCA)
    index.tend()
    index.reshape(Shape(WHOLE))
    before = index.stats().memory_bytes
    assert not index.stats().building and not index.tend()
    assert index.stats().memory_bytes == before


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "index"


@pytest.fixture
def index(given):
    """Some are copies, some were removed before and some after they got into the graph, and some are not in it yet."""
    copied = given[:1000].copy()
    copied[100:200] = copied[0]
    index = graphed(PCA, copied)
    index.remove(np.arange(0, 300, 2))
    index.add(np.arange(1000, 1050), given[1000:1050])
    return index


def reopened(folder, shape=PCA):
    return opened(folder, shape, identity="shop", newest=7, costs=NEVER_EXACT, graph_from=100)


def test_what_is_saved_is_opened_to_the_last_bit_with_the_axes_it_was_made_by(folder, index, given):
    index.save(folder, identity="shop", change=7)
    queries, found = given[1500:1550], reopened(folder)
    assert (found.rebuild, found.change) == ("", 7)
    found.index.add(np.arange(1000, 1050), given[1000:1050])
    assert found.index.rows().tolist() == index.rows().tolist()
    assert told(found.index.nearest(queries, 60, exact=True)) == told(index.nearest(queries, 60, exact=True))
    assert told(found.index.nearest(queries, 10)) == told(index.nearest(queries, 10))
    found.index.save(folder, identity="shop", change=7)
    assert len([*folder.iterdir()]) == 4


def test_a_graph_that_has_to_look_at_more_still_does_when_it_is_opened(folder, given):
    index = graphed(Shape(WHOLE, search_dimensions=4), given[:1000])
    index.save(folder, identity="shop", change=7)
    assert reopened(folder, index.shape).index.stats().effort == index.stats().effort > 96


@pytest.mark.parametrize("kind", ["graph", "rows", "vectors"])
def test_a_damaged_part_has_it_made_anew(folder, index, kind):
    index.save(folder, identity="shop", change=7)
    (file,) = folder.glob(f"*.{kind}")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert "damaged" in reopened(folder).rebuild


@pytest.mark.parametrize("other", [Shape(WHOLE), Shape(WHOLE, search_dimensions=FEW), Shape(WHOLE, search_dimensions=13, rotation=Rotation.PCA)])
def test_a_graph_of_another_shape_is_made_anew(folder, index, other):
    index.save(folder, identity="shop", change=7)
    assert "not of Shape" in reopened(folder, other).rebuild


def test_what_is_kept_while_a_new_shape_is_made_is_what_answers(folder, index):
    index.reshape(Shape(WHOLE))
    index.save(folder, identity="shop", change=7)
    assert reopened(folder).rebuild == ""
    tended(index).save(folder, identity="shop", change=7)
    assert reopened(folder, Shape(WHOLE)).rebuild == ""
