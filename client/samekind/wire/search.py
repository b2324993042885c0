"""What SearchService is asked and answers (search_service.proto)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from samekind.errors import BadRequest
from samekind.queries import ById, Cutoff, Facet, Found, Grouping, Hit, ItemView, Passage, Query, SearchReport, Term
from samekind.v1 import search_service_pb2 as pb
from samekind.wire.contents import LONG_TEXTS, content, number, read_content, read_long_text, read_report, report, utf8
from samekind.wire.filters import filter_message, read_filter
from samekind.wire.items import put_item, read_item
from samekind.wire.statuses import read_status, status
from samekind.wire.values import read_value, value

CUTOFFS = {pb.CUTOFF_UNSPECIFIED: Cutoff.OFF, pb.CUTOFF_OFF: Cutoff.OFF, pb.CUTOFF_AUTO: Cutoff.AUTO}


def search_request(catalog: str, query: Query, *, page_size: int = 0, page_token: str = "") -> pb.SearchRequest:
    """A request for a page of a query's hits."""
    return pb.SearchRequest(catalog=utf8(catalog), query=query_message(query), page_size=page_size, page_token=page_token)


def search_response(found: Found) -> pb.SearchResponse:
    """The response of a page of hits."""
    response = pb.SearchResponse()
    _put(response, found)
    return response


def read_search_response(response: pb.SearchResponse) -> Found:
    """The page of hits of a response."""
    facets = {each.attribute: _read_facet(each) for each in response.facets}
    made = _read_report(response.report) if response.HasField("report") else None
    return Found(tuple(map(_read_hit, response.hits)), facets, made, response.next_page_token)


def batch_search_request(catalog: str, queries: Iterable[pb.Query]) -> pb.BatchSearchRequest:
    """A request for the first hits of several queries."""
    return pb.BatchSearchRequest(catalog=utf8(catalog), queries=queries)


def batch_search_response(answers: Sequence[Found]) -> pb.BatchSearchResponse:
    """The response of several queries' hits."""
    response = pb.BatchSearchResponse()
    for place, found in enumerate(answers):
        if found.error:
            response.results.add(error=status(found.error, field=f"queries[{place}]"))
        else:
            _put(response.results.add().answer, found)
    return response


def read_batch_search_response(response: pb.BatchSearchResponse) -> list[Found]:
    """Each query's hits, or its error, in order."""
    return [Found(error=read_status(each.error)) if each.HasField("error") else read_search_response(each.answer) for each in response.results]


def query_message(query: Query) -> pb.Query:
    """The message of a query; images are bytes already (see inputs)."""
    return pb.Query(
        terms=map(term, query.terms),
        filter=None if query.where is None else filter_message(query.where),
        limit=query.limit,
        min_similarity=query.min_similarity,
        cutoff=number(CUTOFFS, query.cutoff),
        words=utf8(query.words),
        word_attributes=map(utf8, query.word_attributes),
        grouping=pb.Grouping(attribute=utf8(query.grouping.attribute), each=query.grouping.each) if query.grouping else None,
        diversity=query.diversity,
        facets=map(utf8, query.facets),
        exact=query.exact,
        keep_modality_gap=query.keep_modality_gap,
        view=view(query.view),
        long_text=number(LONG_TEXTS, query.long_text),
    )


def read_query(message: pb.Query) -> Query:
    """The query of a message; what is left out is the default. Raises BadRequest or BadVector for what cannot be read of it."""
    return Query(
        terms=tuple(map(read_term, message.terms)),
        where=read_filter(message.filter) if message.HasField("filter") else None,
        limit=message.limit or Query.limit,
        min_similarity=message.min_similarity if message.HasField("min_similarity") else None,
        cutoff=_read_cutoff(message.cutoff),
        words=message.words,
        word_attributes=tuple(message.word_attributes),
        grouping=Grouping(message.grouping.attribute, message.grouping.each or Grouping.each) if message.HasField("grouping") else None,
        diversity=message.diversity,
        facets=tuple(message.facets),
        exact=message.exact,
        keep_modality_gap=message.keep_modality_gap,
        view=read_view(message.view),
        long_text=read_long_text(message.long_text),
    )


def term(given: Term) -> pb.Term:
    """The message of a term; an image is bytes already (see inputs). Raises BadRequest where it says nothing."""
    if not given.weight:
        raise BadRequest("a term's weight is 0, so it says nothing; leave the term out, or give it another weight")
    if isinstance(given.content, ById):
        return pb.Term(item=utf8(given.content.id), weight=given.weight)
    return pb.Term(content=content(given.content), weight=given.weight)


def read_term(message: pb.Term) -> Term:
    """The term of a message. Raises BadRequest or BadVector for a content that cannot be read."""
    weight = message.weight or Term.weight
    return Term(ById(message.item) if message.WhichOneof("what") == "item" else read_content(message.content), weight)


def _read_cutoff(number: pb.Cutoff) -> Cutoff:
    if number not in CUTOFFS:
        raise BadRequest(f"cutoff {number} is not known; send CUTOFF_OFF or CUTOFF_AUTO")
    return CUTOFFS[number]


def view(given: ItemView) -> pb.ItemView:
    """The message of what is told of an item."""
    return pb.ItemView(
        without_text=not given.text,
        without_attributes=not given.attributes,
        attributes=map(utf8, given.only),
        vectors=given.vectors,
        thumbnails=given.thumbnails,
    )


def read_view(message: pb.ItemView) -> ItemView:
    """What is told of an item, of a message."""
    return ItemView(not message.without_text, not message.without_attributes, tuple(message.attributes), message.vectors, message.thumbnails)


def _put(response: pb.SearchResponse, found: Found) -> None:
    """Writes a page of hits into an empty message that is in its place already (see `put_item`)."""
    for hit in found.hits:
        message = response.hits.add(score=hit.score, similarity=hit.similarity, kind=hit.kind)
        put_item(message.item, hit.item)
        if passage := hit.passage:
            message.passage.start, message.passage.end, message.passage.text = passage.start, passage.end, utf8(passage.text)
    response.next_page_token = found.next_page_token
    response.facets.extend(map(_facet, found.facets.values()))
    if found.report:
        response.report.CopyFrom(_report(found.report))


def _read_hit(message: pb.Hit) -> Hit:
    told = message.passage
    passage = Passage(told.start, told.end, told.text) if message.HasField("passage") else None
    return Hit(read_item(message.item), message.score, message.similarity, message.kind, passage)


def _facet(facet: Facet) -> pb.Facet:
    counts = [pb.FacetCount(value=value(each), items=items) for each, items in facet.counts]
    return pb.Facet(attribute=utf8(facet.attribute), counts=counts, items=facet.items, values=facet.values)


def _read_facet(message: pb.Facet) -> Facet:
    counts = tuple((read_value(each.value), each.items) for each in message.counts)
    return Facet(message.attribute, counts, message.items, message.values)


def _report(made: SearchReport) -> pb.SearchReport:
    return pb.SearchReport(**vars(made) | {"embedding": report(made.embedding)})


def _read_report(message: pb.SearchReport) -> SearchReport:
    return SearchReport(
        read_report(message.embedding),
        message.exact,
        message.candidates,
        message.matching,
        message.complete,
        message.shortfall,
        message.cut if message.HasField("cut") else None,
        message.cut_reason,
        message.gap_corrected,
        message.wait_ms,
        message.embed_ms,
        message.search_ms,
        message.load_ms,
    )
