"""One pure builder per operation of search: what is looked for, and how pages and batches of hits come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import chain
from typing import Any, TypeAlias, cast
from uuid import uuid4

from samekind import filter_text, inputs, wire
from samekind.batches import MOST_BYTES, Call, Entry, Method, Part, among, weight
from samekind.errors import SamekindError
from samekind.filters import Filter
from samekind.inputs import Given
from samekind.queries import Cutoff, Found, Grouping, ItemView, Query, SearchReport
from samekind.turns import paged, refuse
from samekind.types import ById, LongText, Term
from samekind.v1 import search_service_pb2 as pb

SEARCH = Method("/samekind.v1.SearchService/Search", pb.SearchResponse.FromString)
BATCH_SEARCH = Method("/samekind.v1.SearchService/BatchSearch", pb.BatchSearchResponse.FromString)

MOST = 256  # Queries in one request.
PAGE = 1000
Sought: TypeAlias = "Given | ById | Term"


def query(
    what: Sought | Sequence[Sought] = (),
    *,
    where: Filter | str | None = None,
    limit: int = 10,
    words: str = "",
    word_attributes: Sequence[str] = (),
    min_similarity: float | None = None,
    cutoff: Cutoff | str = Cutoff.OFF,
    group_by: str | Grouping | None = None,
    diversity: float = 0.0,
    facets: Sequence[str] = (),
    exact: bool = False,
    keep_modality_gap: bool = False,
    view: ItemView | None = None,
    long_text: LongText = LongText.TRUNCATE,
) -> Query:
    """One query of `search_many`; all of it is as in `search`."""
    return Query(
        _terms(what),
        filter_text.where(where),
        inputs.count("limit", limit, least=1),
        min_similarity,
        Cutoff(cutoff),
        words,
        inputs.names(word_attributes),
        Grouping(group_by) if isinstance(group_by, str) else group_by,
        diversity,
        inputs.names(facets),
        exact,
        keep_modality_gap,
        view or ItemView(),
        long_text,
    )


def search(
    catalog: str,
    what: Sought | Sequence[Sought] = (),
    *,
    where: Filter | str | None = None,
    limit: int = 10,
    words: str = "",
    word_attributes: Sequence[str] = (),
    min_similarity: float | None = None,
    cutoff: Cutoff | str = Cutoff.OFF,
    group_by: str | Grouping | None = None,
    diversity: float = 0.0,
    facets: Sequence[str] = (),
    exact: bool = False,
    keep_modality_gap: bool = False,
    view: ItemView | None = None,
    long_text: LongText = LongText.TRUNCATE,
) -> Call[pb.SearchResponse, Found, Found]:
    """The items nearest to a text, an image, a ready vector or an item of the catalog, or to several of these, best first.

    A `str` is text, a `Path` an image, `ById("sku-1")` an item, which is not among the hits. `0.5 * Text("in blue")` counts half,
    `-0.3 * Text("wool")` pushes away. `where` is a condition, made with F or as text: `"price < 30"`. Any `limit` to 10,000 is one call.

    `words` are looked for as they are, in the texts of items and in `word_attributes`; they may be all that is asked for.
    `min_similarity` and `cutoff="auto"` leave out what is not near; `group_by` has one hit of each value of an attribute, Grouping more;
    `diversity` from 0 to 1 has hits differ; `facets` counts the values of attributes; `exact` compares every item that meets the condition;
    `view` says what of the items is told.
    """
    asked = query(
        what,
        where=where,
        limit=limit,
        words=words,
        word_attributes=word_attributes,
        min_similarity=min_similarity,
        cutoff=cutoff,
        group_by=group_by,
        diversity=diversity,
        facets=facets,
        exact=exact,
        keep_modality_gap=keep_modality_gap,
        view=view,
        long_text=long_text,
    )
    return _pages(catalog, asked)


def search_many(catalog: str, queries: Iterable[Sought | Sequence[Sought] | Query]) -> Call[pb.BatchSearchResponse, Found, list[Found]]:
    """The first hits of each of several queries, in their order; one that is bad has its own `.error` and harms no other.

    A query is what `search` takes, or `samekind.query("red scarf", where=…, limit=…)`, with a limit of at most 1,000.
    """
    asked = [each if isinstance(each, Query) else query(each) for each in queries]

    def part(start: int) -> Part[pb.BatchSearchResponse, Found]:
        entries = _fitting(asked[start : start + MOST])
        sent = [each for each in entries if isinstance(each, pb.Query)]
        request = wire.batch_search_request(catalog, sent) if sent else None
        end, request_id = start + len(entries), uuid4().hex
        answers = partial(_answers, start, entries, request_id)
        return Part(request, answers, refuse, lambda _: part(end) if end < len(asked) else None, request_id)

    return Call(BATCH_SEARCH, lambda: part(0), list)


def _pages(catalog: str, asked: Query) -> Call[pb.SearchResponse, Found, Found]:
    """Files are read once, for the first page."""

    @cache
    def first() -> pb.SearchRequest:
        return wire.search_request(catalog, _ready(asked), page_size=min(asked.limit, PAGE))

    def page(token: str) -> pb.SearchRequest:
        request = first()
        return pb.SearchRequest(catalog=request.catalog, query=request.query, page_size=request.page_size, page_token=token)

    return paged(SEARCH, page, lambda response: [wire.read_search_response(response)], _whole)


def _whole(pages: list[Found]) -> Found:
    """All pages as one: the counts of the first, the report of the last with the milliseconds of all."""
    first, reports = pages[0], [page.report for page in pages if page.report]
    return Found(tuple(chain(*(page.hits for page in pages))), first.facets, _summed(reports) if reports else None)


def _summed(reports: Sequence[SearchReport]) -> SearchReport:
    wait, embed, search, load = (
        sum(times) for times in zip(*((each.wait_ms, each.embed_ms, each.search_ms, each.load_ms) for each in reports), strict=True)
    )
    return replace(reports[-1], wait_ms=wait, embed_ms=embed, search_ms=search, load_ms=load)


def _answers(start: int, entries: Sequence[Entry], request_id: str, response: pb.BatchSearchResponse | None) -> list[Found]:
    errors = [entry if isinstance(entry, SamekindError) else None for entry in entries]
    answers = wire.read_batch_search_response(response) if response else []
    return among(start, errors, answers, lambda error: Found(error=error), request_id)


def _fitting(queries: Iterable[Query]) -> list[Entry]:
    """As many as go in one request, at least one, as messages; what cannot be read is its error."""
    entries, size = list[Entry](), 0
    for each in queries:
        entry = _entry(each)
        size += weight(entry)
        if entries and size > MOST_BYTES:
            break
        entries.append(entry)
    return entries


def _entry(asked: Query) -> Entry:
    try:
        return wire.query_message(_ready(asked))
    except SamekindError as error:
        return error


def _ready(asked: Query) -> Query:
    """With files read and pictures encoded."""
    return replace(asked, terms=tuple(map(inputs.term, asked.terms)))


def _terms(what: Sought | Sequence[Sought]) -> tuple[Term, ...]:
    """What was given, weighed; it is read when it is asked."""
    one = isinstance(what, ById | Term) or inputs.is_one(what)
    several: Sequence[Any] = [what] if one else cast("Sequence[Any]", what)
    return tuple(each if isinstance(each, Term) else Term(each) for each in several)
