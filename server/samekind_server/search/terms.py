"""What queries mean: the terms of each as one vector to be compared in each of a catalog's indexes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from samekind.errors import BadRequest, NotFound, SamekindError, Violation
from samekind.queries import ById, Query, Term
from samekind.types import Catalog, Content, Floats, Fused, LongText, Metric, Report, Text, Vector
from samekind_server.catalog import vectors
from samekind_server.catalog.catalog import OpenCatalog
from samekind_server.catalog.drafts import misfit
from samekind_server.embedding.askers import Asker
from samekind_server.embedding.engine import Engine
from samekind_server.store import items
from samekind_server.store.base import Transaction

ZERO = 1e-6  # So little is left of terms that cancel each other out, as a share of their weights.
Kinds = Mapping[str, Floats]
Place = tuple[int, int]  # Which query's which term.


@dataclass(frozen=True, eq=False)
class Meant:
    """A query's vector for each index by its name; the rows of items that are terms, which are no hits; and how terms were embedded.

    `kinds`: of which kinds the terms are, with their weights; none where that is not known.
    """

    vectors: Kinds
    rows: frozenset[int]
    report: Report
    kinds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Part:
    """A term's vector for each index by its name, its kind, where it is of one, and its item's row."""

    vectors: Kinds
    kind: str
    row: int | None = None


async def meant(engine: Engine, catalog: OpenCatalog, queries: Sequence[Query | SamekindError], asker: Asker) -> list[Meant | SamekindError]:
    """What each query means, or why it means nothing. Raises Overloaded."""
    terms = {(which, place): term for which, query in enumerate(queries) if isinstance(query, Query) for place, term in enumerate(query.terms)}
    parts, of = dict[Place, Part | SamekindError](), catalog.catalog
    report = Report(of.model, of.space, None)
    for long_text in LongText:
        some = {place: term.content for place, term in terms.items() if _embedded(term) and _query(queries, place).long_text is long_text}
        if some:
            made, more = await _embed(engine, of, some, long_text, asker)
            parts |= made
            report = _sum(report, more)
    parts |= {place: _ready(term.content, of) for place, term in terms.items() if isinstance(term.content, Vector)}
    if named := {place: term.content.id for place, term in terms.items() if isinstance(term.content, ById)}:
        parts |= await catalog.read(partial(_stored, catalog.id, of, named))
    return [query if isinstance(query, SamekindError) else _meant(which, query, parts, of, report) for which, query in enumerate(queries)]


def combined(terms: Sequence[tuple[Floats, float]], metric: Metric) -> Floats:
    """The vector whose neighbours are meant by terms of these vectors and weights. Raises BadRequest where there is none.

    For the cosine the weighted sum of unit vectors, unit again. For the product the weighted sum, so that an item's score is the sum of the
    terms' own. For the distance the weighted mean, to which those are nearest whose squared distances, so weighted, sum up to the least;
    it needs weights that add up to more than 0, or farther would always be better.
    """
    weights = np.array([weight for _, weight in terms], np.float64)
    total = weights @ np.array([vector for vector, _ in terms], np.float64)
    if metric is Metric.EUCLIDEAN:
        if weights.sum() <= ZERO * np.abs(weights).sum():
            raise BadRequest("the terms' weights add up to 0 or less, so that no item is nearest; give those that attract more weight")
        total /= weights.sum()
    if metric is Metric.COSINE:
        length = math.sqrt(total @ total)
        if length <= ZERO * np.abs(weights).sum():
            raise BadRequest("the terms cancel each other out, so that nothing is left to look for; change their weights, or leave some out")
        total /= length
    vector: Floats = total.astype(np.float32)
    return vector


def _embedded(term: Term) -> bool:
    return not isinstance(term.content, Vector | ById)


def _query(queries: Sequence[Query | SamekindError], place: Place) -> Query:
    query = queries[place[0]]
    assert isinstance(query, Query)
    return query


async def _embed(
    engine: Engine, catalog: Catalog, some: Mapping[Place, Content | ById], long_text: LongText, asker: Asker
) -> tuple[dict[Place, Part | SamekindError], Report]:
    """A part for each text and image, all embedded together."""
    if refusal := await misfit(engine, catalog):
        return dict.fromkeys(some, refusal), Report(catalog.model, catalog.space, None)
    encoder = await engine.encoder(catalog.model)
    contents = [content for content in some.values() if not isinstance(content, ById)]
    made = await engine.embed(encoder, contents, asker=asker, long_text=long_text, dimensions=catalog.dimensions)
    each = [made.errors.get(place) or _alike(made.vectors[place], catalog, _kind(content)) for place, content in enumerate(contents)]
    return dict(zip(some, each, strict=True)), made.report


def _ready(given: Vector, catalog: Catalog) -> Part | SamekindError:
    try:
        return _alike(vectors.ready(given, catalog), catalog, "vector")
    except SamekindError as error:
        return error


def _alike(vector: Floats, catalog: Catalog, kind: str) -> Part:
    """The same vector in each index."""
    return Part(dict.fromkeys(vectors.names(catalog.comparison), vector), kind)


def _kind(content: Content) -> str:
    return "text" if isinstance(content, Text) else "image"


def _stored(id: int, catalog: Catalog, named: Mapping[Place, str], of: Transaction) -> dict[Place, Part | SamekindError]:
    known = {name: _item(id, catalog, name, of) for name in dict.fromkeys(named.values())}
    return {place: known[name] for place, name in named.items()}


def _item(id: int, catalog: Catalog, name: str, of: Transaction) -> Part | SamekindError:
    """An item's own vector in the index it is in, and in others the mean of what it has."""
    if (found := items.find(of, id, name)) is None:
        return NotFound(f"no item {name!r:.80} in the catalog {catalog.name!r}; leave the term out, or name an item that is there")
    try:
        held = {each.modality: np.frombuffer(each.checked().data, "<f4") for each in items.vectors(of, found.checked().row)}
    except SamekindError as error:
        return error
    [mean, *_] = vectors.compared(held, Fused(), catalog.metric).values()
    own = vectors.compared(held, catalog.comparison, catalog.metric)
    kind = next(iter(own)) if len(own) == 1 else ""
    return Part({index: own.get(index, mean) for index in vectors.names(catalog.comparison)}, kind, found.row)


def _meant(which: int, query: Query, parts: Mapping[Place, Part | SamekindError], catalog: Catalog, report: Report) -> Meant | SamekindError:
    weighted = []
    for place, term in enumerate(query.terms):
        part = parts[which, place]
        if isinstance(part, SamekindError):
            return _blamed(part, f"terms[{place}]")
        weighted.append((part, term.weight))
    rows = frozenset(part.row for part, _ in weighted if part.row is not None)
    try:
        return Meant(_together(weighted, catalog) if weighted else {}, rows, report, _kinds(weighted))
    except BadRequest as error:
        return _blamed(error, "terms")


def _together(weighted: Sequence[tuple[Part, float]], catalog: Catalog) -> dict[str, Floats]:
    """The vector of all terms for each index; made once where the terms' own are the same, as all but items' are."""
    made: dict[tuple[int, ...], Floats] = {}
    found = {}
    for name in vectors.names(catalog.comparison):
        terms = [(part.vectors[name], weight) for part, weight in weighted]
        key = tuple(id(vector) for vector, _ in terms)
        if key not in made:
            made[key] = combined(terms, catalog.metric)
        found[name] = made[key]
    return found


def _kinds(weighted: Sequence[tuple[Part, float]]) -> dict[str, float]:
    """The weight of each kind, as of terms that have nothing to do with each other."""
    kinds = {part.kind for part, _ in weighted}
    if "" in kinds:
        return {}
    return {kind: float(np.linalg.norm([weight for part, weight in weighted if part.kind == kind])) for kind in sorted(kinds)}


def _blamed(error: SamekindError, field: str) -> SamekindError:
    if error.violations or error.code != "INVALID_ARGUMENT":
        return error
    return type(error)(error.message, violations=(Violation(field, error.message),), metadata=error.metadata)


def _sum(report: Report, more: Report) -> Report:
    return replace(
        report,
        precision=report.precision or more.precision,
        wait_ms=report.wait_ms + more.wait_ms,
        decode_ms=report.decode_ms + more.decode_ms,
        compute_ms=report.compute_ms + more.compute_ms,
    )
