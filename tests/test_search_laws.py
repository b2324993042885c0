"""What holds for every search: it finds what comparing everything in plain numpy finds, and its pages are the one big page."""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as some
from numpy.typing import NDArray

from samekind.errors import BadRequest
from samekind.filters import F
from samekind.queries import ById, Cutoff, Found, Grouping, ItemView, Query, Term
from samekind.types import Best, Fused, Item, Metric, Text, Vector
from samekind_server.catalog.filters import matches
from samekind_server.embedding.engine import Engine
from tests.keeping import SPACE, Keeper
from tests.test_search import Shop

SIZE = 40
KINDS = {"cosine": (Metric.COSINE, Fused()), "dot": (Metric.DOT, Fused()), "euclidean": (Metric.EUCLIDEAN, Fused())}
ALIKE = 1e-5
VALUES = some.lists(some.integers(-3, 3), min_size=4, max_size=4).filter(any)
TERMS = some.lists(some.tuples(VALUES | some.integers(0, SIZE - 1), some.sampled_from([1.0, 0.5, -0.3, -1.0, 3.0])), min_size=1, max_size=4)
WHERE = some.sampled_from([None, F.n > 20, (F.n < 30) & ~F.tags.contains("r"), F.n == 3, F.none == 1])
LAWS = settings(max_examples=60, deadline=None)


@pytest.fixture(scope="module")
def shop(tmp_path_factory, engine: Engine) -> Iterator[Shop]:
    """Catalogs of the same things under each metric, and one of texts and vectors of which the best counts."""
    keeper = Keeper(tmp_path_factory.mktemp("store"), engine)
    shop, random = Shop(keeper, engine), np.random.default_rng(0)
    items = [thing(n, random.integers(-3, 4, 4).astype(np.float32) + 0.5) for n in range(SIZE)]
    for name, (metric, comparison) in KINDS.items():
        keeper.make(name, metric=metric, comparison=comparison)
        shop.put(*items, of=name)
    made = keeper.make("best", model="mini", comparison=Best(), dimensions=4)
    both = [
        Item(each.id, (*([Text(f"thing {n}")] if n % 3 else []), *(ready(each, made.space) if n % 2 else [Text("it")][n % 3 > 0 :])), each.attributes)
        for n, each in enumerate(items)
    ]
    shop.put(*both, of="best")
    yield shop
    keeper.close()


def thing(n: int, values: NDArray[np.float32]) -> Item:
    return Item(f"{n}", (Vector(values, SPACE),), {"n": n, "group": n % 5, "code": f"sku-{n}", "tags": ["r"] if n % 2 else []})


def ready(given: Item, space: str) -> list[Vector]:
    return [Vector(each.values, space) for each in given.contents if isinstance(each, Vector)]


def unit(row: NDArray[np.float64]) -> NDArray[np.float64]:
    return row / np.linalg.norm(row)


@cache
def held(shop: Shop, of: str) -> list[Item]:
    """Every item with its vectors, in the order they were written."""
    return shop.keeper.ask("get", [f"{n}" for n in range(SIZE)], ItemView(vectors=True), of=of)


def meant(shop: Shop, of: str, terms: list[tuple[object, float]], kind: str, metric: Metric) -> NDArray[np.float64]:
    """The point that a query's terms mean where they are compared with vectors of one kind."""
    everything, rows = held(shop, of), []
    for what, _ in terms:
        if isinstance(what, int):
            own = {name: each.values.astype(np.float64) for name, each in everything[what].vectors.items()}
            mean = np.mean([*own.values()], axis=0)
            rows.append(own.get(kind, unit(mean) if metric is Metric.COSINE else mean))
        else:
            rows.append(unit(np.array(what, np.float64)) if metric is Metric.COSINE else np.array(what, np.float64))
    weights = np.array([weight for _, weight in terms])
    total = weights @ np.stack(rows)
    if metric is Metric.COSINE:
        assume(np.linalg.norm(total) > 1e-3)
        return unit(total)
    assume(metric is Metric.DOT or weights.sum() > 1e-3)
    return total / weights.sum() if metric is Metric.EUCLIDEAN else total


def scores(shop: Shop, of: str, terms: list[tuple[object, float]], metric: Metric) -> list[float]:
    """Every item's score, one by one."""
    found = []
    for each in held(shop, of):
        points = [(meant(shop, of, terms, kind, metric), vector.values.astype(np.float64)) for kind, vector in each.vectors.items()]
        found.append(max(-np.linalg.norm(point - row) if metric is Metric.EUCLIDEAN else float(point @ row) for point, row in points))
    return found


@LAWS
@given(
    of=some.sampled_from(["cosine", "dot", "euclidean", "best"]),
    terms=TERMS,
    where=WHERE,
    limit=some.integers(1, 50),
    least=some.none() | some.floats(-1, 1, width=16),
)
def test_what_is_found_is_what_comparing_everything_finds(shop, of, terms, where, limit, least):
    catalog = shop.keeper.run(shop.keeper.catalogs.get("", of))
    every = scores(shop, of, terms, catalog.metric)
    assume(least is None or all(abs(score - least) > ALIKE for score in every))
    left = [n for n, item in enumerate(held(shop, of)) if n not in [what for what, _ in terms] and (where is None or matches(where, item.attributes))]
    best = sorted((every[n] for n in left if least is None or every[n] >= least), reverse=True)[:limit]
    found = shop.search(asked(terms, catalog.space, where=where, limit=limit, min_similarity=least), of=of).hits
    np.testing.assert_allclose([hit.score for hit in found], best, atol=ALIKE)
    np.testing.assert_allclose([hit.score for hit in found], [every[int(hit.item.id)] for hit in found], atol=ALIKE)
    assert len({hit.item.id for hit in found}) == len(found)
    assert {int(hit.item.id) for hit in found} <= set(left)


@LAWS
@given(
    of=some.sampled_from(["cosine", "best"]),
    terms=TERMS,
    where=WHERE,
    limit=some.integers(1, 50),
    size=some.integers(1, 12),
    group=some.none() | some.integers(1, 3),
    diversity=some.sampled_from([0.0, 0.3, 1.0]),
)
def test_pages_together_are_the_one_big_page(shop, of, terms, where, limit, size, group, diversity):
    space = shop.keeper.run(shop.keeper.catalogs.get("", of)).space
    query = asked(terms, space, where=where, limit=limit, diversity=diversity, grouping=group and Grouping("group", group))
    try:
        whole = shop.search(query, of=of)
    except BadRequest:
        assume(False)
    pages, token = [], ""
    while not pages or token:
        pages.append(shop.search(query, of=of, size=size, token=token))
        token = pages[-1].next_page_token
    assert [hit for page in pages for hit in page.hits] == [*whole.hits]
    assert all(len(page.hits) == size for page in pages[:-1])
    assert pages[-1].report.shortfall == whole.report.shortfall


OPTIONS = some.fixed_dictionaries(
    {},
    optional={
        "where": WHERE,
        "limit": some.integers(1, 60),
        "min_similarity": some.floats(-1, 1, width=16),
        "cutoff": some.sampled_from(Cutoff),
        "words": some.sampled_from(["thing", "thing 7", "sku-7 7", "none such", "*", "NEAR("]),
        "word_attributes": some.just(("group", "code")),
        "grouping": some.builds(Grouping, some.sampled_from(["group", "tags", "none"]), some.integers(1, 3)),
        "diversity": some.sampled_from([0.0, 0.3, 1.0]),
        "facets": some.just(("group", "tags")),
        "exact": some.booleans(),
        "keep_modality_gap": some.booleans(),
    },
)


@LAWS
@given(of=some.sampled_from(["cosine", "dot", "euclidean", "best"]), terms=TERMS | some.just([]), options=OPTIONS, size=some.integers(1, 20))
def test_whatever_is_asked_is_answered_soundly_or_refused_clearly(shop, of, terms, options, size):
    space = shop.keeper.run(shop.keeper.catalogs.get("", of)).space
    query = asked(terms, space, **options)
    try:
        whole = shop.search(query, of=of)
    except BadRequest as error:
        whole = Found(error=error)
    if whole.error:
        assert whole.error.violations
        return
    ids = [hit.item.id for hit in whole.hits]
    assert len(set(ids)) == len(ids) <= query.limit
    assert not {f"{what}" for what, _ in terms if isinstance(what, int)} & set(ids)
    assert all(query.where is None or matches(query.where, hit.item.attributes) for hit in whole.hits)
    assert query.diversity or [hit.score for hit in whole.hits] == sorted((hit.score for hit in whole.hits), reverse=True)
    assert bool(whole.report.shortfall) == (len(ids) < query.limit)
    assert whole.report.complete
    if not {"words", "min_similarity", "cutoff", "grouping"} & options.keys():
        named = {
            what for what, _ in terms if isinstance(what, int) and (query.where is None or matches(query.where, held(shop, of)[what].attributes))
        }
        assert len(ids) == min(query.limit, whole.report.matching - len(named))
    pages, token = [], ""
    while not pages or token:
        pages.append(shop.search(query, of=of, size=size, token=token))
        token = pages[-1].next_page_token
    assert [hit.item.id for page in pages for hit in page.hits] == ids


def asked(terms: list[tuple[object, float]], space: str, **more: object) -> Query:
    contents = [ById(f"{what}") if isinstance(what, int) else Vector(np.array(what, np.float32), space) for what, _ in terms]
    return Query(tuple(Term(content, weight) for content, (_, weight) in zip(contents, terms, strict=True)), **more)
