"""What holds for every index: the laws, against the exact twin and against numpy."""

import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from samekind.errors import BadVector
from samekind.types import Metric
from samekind_server.index.base import Shape
from samekind_server.index.costs import Costs
from samekind_server.index.exact import Exact
from samekind_server.index.hnsw import Hnsw
from samekind_server.index.tender import Tender

NEVER_EXACT = Costs(number=1e9, picked=1e9)
EVERY = [*Metric]


def clustered(count, dimensions, seed=0, spread=0.5):
    """Vectors around 50 centres that are always the same."""
    centres = np.random.default_rng(99).normal(size=(50, dimensions))
    chance = np.random.default_rng(seed)
    return (centres[chance.integers(0, 50, count)] + spread * chance.normal(size=(count, dimensions))).astype(np.float32)


def tended(index):
    """The index when nothing is left to do."""
    while index.tend():
        pass
    return index


def graphed(rows, vectors, metric=Metric.COSINE):
    """An index with all of them in a graph, which is always asked."""
    index = Hnsw(Shape(vectors.shape[1], metric), costs=NEVER_EXACT, graph_from=100)
    index.add(rows, vectors)
    return tended(index)


def exact(rows, vectors, metric=Metric.COSINE):
    index = Exact(Shape(vectors.shape[1], metric))
    index.add(rows, vectors)
    return index


def recall(found, true):
    """The share of answers as near as the true ones: equals count alike."""
    return np.mean([np.mean(one.scores >= other.scores[-1]) for one, other in zip(found, true, strict=True)])


def common(found, true):
    """The share of the true rows that were found."""
    return np.mean([np.isin(other, one).mean() for one, other in zip(found, true, strict=True)])


def told(answers):
    """Answers as plain values."""
    return [(one.rows.tolist(), one.scores.tolist()) for one in answers]


@pytest.fixture(params=["exact", "hnsw"])
def empty(request):
    """An index of four dimensions with nothing in it."""
    return Exact(Shape(4)) if request.param == "exact" else Hnsw(Shape(4), graph_from=2, costs=NEVER_EXACT)


@pytest.mark.parametrize("metric", EVERY)
def test_the_exact_index_agrees_with_numpy(metric):
    vectors, query = clustered(500, 12).astype(np.float64), clustered(1, 12, seed=1).astype(np.float64)
    scores = {
        Metric.DOT: vectors @ query[0],
        Metric.COSINE: vectors @ query[0] / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query),
        Metric.EUCLIDEAN: -np.linalg.norm(vectors - query, axis=1),
    }[metric]
    found = exact(np.arange(500) * 7, vectors.astype(np.float32), metric).nearest(query.astype(np.float32), 20)[0]
    order = np.argsort(-scores)[:20]
    assert found.rows.tolist() == (order * 7).tolist()
    assert found.scores == pytest.approx(scores[order], rel=1e-6)
    assert (found.exact, found.seen) == (True, 500)


@pytest.mark.parametrize("metric", EVERY)
@pytest.mark.parametrize("engine", [exact, graphed])
def test_equals_are_told_in_the_order_of_their_rows(engine, metric):
    vectors = np.repeat(clustered(40, 8), 5, axis=0)
    index = engine(np.arange(200), vectors, metric)
    found = index.nearest(vectors[15:16], 5)[0]
    assert found.rows.tolist() == [15, 16, 17, 18, 19]
    assert len(set(found.scores.tolist())) == 1


@pytest.mark.parametrize("metric", EVERY)
def test_a_score_depends_on_the_two_vectors_alone(metric):
    vectors, queries = clustered(3000, 37), clustered(40, 37, seed=2)
    index = graphed(np.arange(3000), vectors, metric)
    together, alone = index.nearest(queries, 10), [index.nearest(query[None], 10)[0] for query in queries]
    assert told(together) == told(alone)
    for one, other in zip(together, index.nearest(queries, 3000, exact=True), strict=True):
        true = dict(zip(other.rows.tolist(), other.scores.tolist(), strict=True))
        assert one.scores.tolist() == [true[row] for row in one.rows.tolist()]


def test_an_index_with_nothing_in_it_answers_nothing(empty):
    assert told(empty.nearest(np.ones((2, 4), np.float32), 10)) == [([], []), ([], [])]
    assert empty.nearest(np.empty((0, 4), np.float32), 10) == []
    assert (empty.remove(np.array([1, 2])), empty.rows().tolist(), empty.tend()) == (0, [], False)


def test_k_may_be_above_what_is_there_or_nought(empty):
    empty.add(np.arange(5), np.eye(5, 4, dtype=np.float32) + 1)
    tended(empty)
    assert len(empty.nearest(np.ones((1, 4), np.float32), 10**12)[0].rows) == 5
    assert len(empty.nearest(np.ones((1, 4), np.float32), 0)[0].rows) == 0


@pytest.mark.parametrize(
    ("vector", "what"),
    [
        ([np.nan, 0, 0, 1], "not finite"),
        ([np.inf, 0, 0, 1], "not finite"),
        ([0, 0, 0, 0], "zero"),
        ([1e30, 0, 0, 0], "too long"),
        ([1, 2, 3], "3 numbers"),
    ],
)
def test_a_vector_that_nothing_is_near_is_refused_and_nothing_of_its_batch_is_kept(empty, vector, what):
    batch = np.ones((3, len(vector)), np.float32)
    batch[1] = vector
    for ask in (lambda: empty.add(np.arange(3), batch), lambda: empty.nearest(batch, 1)):
        with pytest.raises(BadVector, match=what):
            ask()
    assert empty.stats().live == 0


def test_very_short_vectors_have_directions_and_the_zero_vector_a_distance():
    tiny = np.array([[1e-30, 0], [0, 1e-30]], np.float32)
    assert exact(np.arange(2), tiny).nearest(tiny[:1], 2)[0].scores.tolist() == [1, 0]
    zero = np.zeros((1, 2), np.float32)
    assert exact(np.arange(1), zero, Metric.EUCLIDEAN).nearest(zero, 1)[0].scores.tolist() == [0]


def test_rows_that_do_not_ascend_are_refused(empty):
    empty.add(np.array([5, 9]), np.ones((2, 4), np.float32))
    empty.remove(np.array([9]))
    for rows in ([9, 10], [11, 11], [13, 12]):
        with pytest.raises(ValueError, match="ascending"):
            empty.add(np.array(rows), np.ones((2, 4), np.float32))
    assert empty.rows().tolist() == [5]


def test_vectors_come_back_as_they_are_compared(empty):
    vectors = clustered(300, 4)
    empty.add(np.arange(300), vectors)
    rows = np.array([7, 299, 0])
    assert empty.vectors(rows) == pytest.approx(vectors[rows] / np.linalg.norm(vectors[rows], axis=1, keepdims=True), rel=1e-6)
    with pytest.raises(KeyError, match="300"):
        empty.vectors(np.array([3, 300]))


def test_the_gist_of_vectors_is_of_them_all_in_whatever_company_they_came():
    vectors = clustered(5000, 8)
    ways = [Exact(Shape(8)), Exact(Shape(8))]
    ways[0].add(np.arange(5000), vectors)
    for start in range(0, 5000, 100):
        ways[1].add(np.arange(start, start + 100), vectors[start : start + 100])
    one, other = (index.gist(1000) for index in ways)
    assert (one.some == other.some).all() and one.mean == pytest.approx(other.mean, abs=1e-12)
    assert one.some.mean(0) == pytest.approx(one.mean, abs=0.05)


class AgainstTheTwin(RuleBasedStateMachine):
    """Whatever is done in whatever order, a graph's answers are live, allowed, and as many as the twin's; exactly asked, they are the same."""

    @initialize(metric=st.sampled_from(EVERY), threads=st.integers(1, 2))
    def begin(self, metric, threads):
        self.graph = Hnsw(Shape(3, metric), threads=threads, costs=NEVER_EXACT, graph_from=10)
        self.twin = Exact(Shape(3, metric))
        self.next = 0

    @rule(count=st.integers(1, 40), seed=st.integers(0, 5), gap=st.integers(0, 3), alike=st.booleans())
    def add(self, count, seed, gap, alike):
        rows = self.next + gap + np.arange(count)
        vectors = clustered(1 if alike else count, 3, seed)
        for index in (self.graph, self.twin):
            index.add(rows, np.resize(vectors, (count, 3)))
        self.next = int(rows[-1]) + 1

    @rule(step=st.integers(1, 7), start=st.integers(0, 20), most=st.integers(1, 60))
    def remove(self, step, start, most):
        rows = np.arange(start, self.next + 5, step)[-most:]
        assert self.graph.remove(rows) == self.twin.remove(rows)

    @rule(steps=st.integers(1, 30))
    def tend(self, steps):
        for _ in range(steps):
            self.graph.tend()

    @rule()
    def tend_to_the_end(self):
        tended(self.graph)
        stats = self.graph.stats()
        assert stats.buffered == 0 if stats.graph else stats.live < 10

    @rule(k=st.integers(1, 50), step=st.integers(1, 9), effort=st.sampled_from([0, 200]))
    def ask_for_some(self, k, step, effort):
        allowed = np.arange(0, self.next + 5, step)
        self.compare(k, allowed=allowed, effort=effort)

    @invariant()
    def they_agree(self):
        if hasattr(self, "graph"):
            assert self.graph.rows().tolist() == self.twin.rows().tolist()
            every = np.arange(self.next + 5)[::-1]
            assert self.graph.has(every).tolist() == self.twin.has(every).tolist() == np.isin(every, self.twin.rows()).tolist()
            self.compare(5)
            for index in (self.graph, self.twin):
                self.compare_gists(index)

    def compare_gists(self, index):
        every, few, whole = index.vectors(index.rows()), index.gist(7), index.gist(10_000)
        assert few.count == whole.count == len(every) == len(whole.some)
        assert not len(every) or np.allclose(few.mean, every.mean(0, np.float64), rtol=1e-5, atol=1e-9 * np.abs(every).max() * self.next)
        assert (whole.some == every).all() and {*map(bytes, few.some)} <= {*map(bytes, every)} and len(few.some) == min(7, len(every))

    def compare(self, k, **asked):
        queries = clustered(3, 3, seed=7)
        found, true = self.graph.nearest(queries, k, **asked), self.twin.nearest(queries, k, **asked)
        assert told(self.graph.nearest(queries, k, exact=True, **asked)) == told(true)
        live = set(self.twin.rows().tolist()) & set(asked.get("allowed", self.twin.rows()).tolist())
        assert [len(set(one.rows.tolist()) & live) for one in found] == [len(one.rows) for one in true]
        assert not len(live) or recall(found, true) >= 0.8


TestAgainstTheTwin = AgainstTheTwin.TestCase
TestAgainstTheTwin.settings = settings(max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("metric", EVERY)
def test_a_graph_recalls_what_the_twin_finds(metric):
    vectors, queries = clustered(6000, 24), clustered(200, 24, seed=3)
    found = graphed(np.arange(6000), vectors, metric).nearest(queries, 10)
    assert not any(one.exact for one in found)
    assert recall(found, exact(np.arange(6000), vectors, metric).nearest(queries, 10)) >= 0.98


@pytest.mark.parametrize("allowed", [None, np.arange(0, 6000, 2)])
def test_who_asks_roughly_gets_as_many_and_misses_few(pair, allowed):
    (_, index, twin), queries = pair, clustered(100, 24, seed=3)
    true, rough = twin.near(queries, 60, allowed=allowed), index.near(queries, 60, allowed=allowed)
    assert {len(rows) for rows in rough} == {60}
    found = [one.rows for one in index.nearest(queries, 60, allowed=allowed)]
    assert common(found, true) >= common(rough, true) >= 0.8


def test_what_comes_after_all_before_it_was_removed_gets_into_the_graph():
    index, vectors = Hnsw(Shape(8), costs=NEVER_EXACT, graph_from=100), clustered(160, 8)
    index.add(np.arange(100), vectors[:100])
    assert index.tend() and index.stats().building
    index.remove(np.arange(100))
    index.add(np.arange(100, 160), vectors[100:])
    assert any(not index.tend() for _ in range(1000))
    assert (index.stats().buffered, index.stats().graph) == (0, True)
    assert index.nearest(vectors[110:111], 1)[0].rows.tolist() == [110]


def test_where_neighbours_are_hard_to_find_a_graph_looks_at_more():
    hard, queries = np.random.default_rng(1).normal(size=(6000, 40)).astype(np.float32), np.random.default_rng(2).normal(size=(100, 40))
    index, true = graphed(np.arange(6000), hard), exact(np.arange(6000), hard).nearest(queries.astype(np.float32), 10)
    assert recall(index.nearest(queries.astype(np.float32), 10), true) >= 0.96
    assert common(index.near(queries.astype(np.float32), 10), [one.rows for one in true]) < 0.7


def test_a_thousand_copies_of_one_vector_hide_no_other():
    vectors, queries = clustered(6000, 24, spread=0.7), clustered(200, 24, seed=3, spread=0.7)
    vectors[::3] = vectors[0]
    index, twin = graphed(np.arange(6000), vectors), exact(np.arange(6000), vectors)
    assert recall(index.nearest(queries, 10), twin.nearest(queries, 10)) >= 0.98
    assert index.nearest(vectors[:1], 30)[0].scores.tolist() == twin.nearest(vectors[:1], 30)[0].scores.tolist()
    for one in (index, twin):
        one.remove(np.arange(0, 5900, 3))
    left = np.arange(5901, 6000, 3)
    assert index.nearest(vectors[:1], 33)[0].rows.tolist() == twin.nearest(vectors[:1], 33)[0].rows.tolist() == left.tolist()


@pytest.fixture(scope="module")
def many():
    """10,000 vectors as the planner sees them: asked by the graph or compared, whichever is quicker; and exactly."""
    vectors = clustered(10_000, 128)
    index = Hnsw(Shape(128))
    index.add(np.arange(10_000), vectors)
    return vectors, tended(index), exact(np.arange(10_000), vectors)


@pytest.mark.parametrize("share", [0.0001, 0.001, 0.01, 0.1, 0.5, 1])
@pytest.mark.parametrize("against", [False, True])
def test_whatever_share_a_filter_lets_through_the_nearest_of_them_are_found(many, share, against):
    (vectors, index, twin), count, found, true = many, int(10_000 * share), [], []
    for query in clustered(30, 128, seed=4)[:, None]:
        order = np.argsort(twin_scores(vectors, query)) if against else np.random.default_rng(5).permutation(10_000)
        allowed = np.sort(order[:count])
        found += index.nearest(query, 10, allowed=allowed)
        true += twin.nearest(query, 10, allowed=allowed)
    assert [len(one.rows) for one in found] == [min(10, count)] * 30
    assert recall(found, true) >= 0.95


@pytest.fixture(scope="module")
def pair():
    """6,000 vectors in a graph, and in the exact index; both tend to nothing more."""
    vectors = clustered(6000, 24)
    return vectors, graphed(np.arange(6000), vectors), exact(np.arange(6000), vectors)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("against", [False, True])
def test_a_filter_loses_no_recall_and_no_answers(pair, share, against):
    (vectors, index, twin), queries = pair, clustered(20, 24, seed=4)
    far = np.argsort(twin_scores(vectors, queries))[: int(6000 * share)]
    allowed = np.sort(far if against else np.random.default_rng(5).permutation(6000)[: int(6000 * share)])
    found, true = index.nearest(queries, 10, allowed=allowed), twin.nearest(queries, 10, allowed=allowed)
    assert [len(one.rows) for one in found] == [len(one.rows) for one in true] == [min(10, len(allowed))] * 20
    assert recall(found, true) >= 0.95 and np.isin(np.concatenate([one.rows for one in found]), allowed).all()


def twin_scores(vectors, queries):
    """How near each vector is to the queries' middle."""
    return vectors @ queries.mean(axis=0) / np.linalg.norm(vectors, axis=1)


def test_few_allowed_rows_are_compared_each_and_many_are_not():
    index = Hnsw(Shape(96), graph_from=100, costs=Costs(number=0.001))
    index.add(np.arange(6000), clustered(6000, 96))
    query = tended(index).nearest
    few, many = (query(clustered(1, 96, seed=1), 10, allowed=np.arange(count))[0] for count in (500, 5900))
    assert (few.exact, few.seen, many.exact) == (True, 500, False)
    assert many.seen < 1000


def test_who_writes_looks_and_tends_at_once_is_never_told_wrong():
    index, done, faults = Hnsw(Shape(16), costs=NEVER_EXACT, graph_from=200), threading.Event(), []
    vectors = clustered(4000, 16)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    gone = set()

    def look(seed):
        chance = np.random.default_rng(seed)
        while not done.is_set():
            row, before = int(chance.integers(4000)), set(gone)
            one = index.nearest(vectors[row : row + 1], 5)[0]
            if before & set(one.rows.tolist()) or not np.allclose(unit[one.rows] @ unit[row], one.scores, atol=1e-5):
                faults.append(one)

    tender = Tender()
    tender.add(index)
    readers = [threading.Thread(target=look, args=(seed,)) for seed in range(3)]
    for reader in readers:
        reader.start()
    for start in range(0, 4000, 50):
        index.add(np.arange(start, start + 50), vectors[start : start + 50])
        tender.wake()
        removed = np.arange(start, start + 50, 3)
        index.remove(removed)
        gone.update(removed.tolist())
    tended(index)
    done.set()
    for reader in readers:
        reader.join()
    tender.close()
    assert not faults
    assert index.rows().tolist() == sorted(set(range(4000)) - gone)
