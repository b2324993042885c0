"""SearchService: what in a catalog is of the same kind as what is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from samekind import wire
from samekind.errors import BadRequest, SamekindError, Violation
from samekind.queries import Query
from samekind.v1 import search_service_pb2 as pb
from samekind.v1 import search_service_pb2_grpc as stubs
from samekind_server.catalog.catalog import OpenCatalog
from samekind_server.catalog.catalogs import Catalogs
from samekind_server.edge import callers, pages, validation
from samekind_server.edge.asking import asker
from samekind_server.edge.handlers import Context
from samekind_server.search.searching import Searching

PAGE = 100
MOST_EACH = 1_000


class SearchServicer(stubs.SearchServiceServicer):
    """Answers each tenant of its own catalogs."""

    def __init__(self, catalogs: Catalogs, searching: Searching) -> None:
        self._catalogs, self._searching = catalogs, searching

    async def Search(self, request: pb.SearchRequest, context: Context) -> pb.SearchResponse:
        """Answers one query."""
        validation.check(request)
        catalog, query = await self._open(request.catalog), wire.read_query(request.query)
        of, size = str(catalog.id), request.page_size or PAGE
        try:
            found = await self._searching.search(catalog, query, size=size, token=pages.after(request, of=of), asker=asker(context))
        except SamekindError as error:
            raise _within("query", error) from None
        if found.next_page_token:
            found = replace(found, next_page_token=pages.token(request, found.next_page_token, of=of))
        return wire.search_response(found)

    async def BatchSearch(self, request: pb.BatchSearchRequest, context: Context) -> pb.BatchSearchResponse:
        """Answers several queries."""
        validation.check(request)
        catalog = await self._open(request.catalog)
        answers = await self._searching.batch(catalog, _read(request.queries), asker=asker(context))
        told = [replace(each, error=_within(f"queries[{place}]", each.error)) if each.error else each for place, each in enumerate(answers)]
        return wire.batch_search_response(told)

    async def _open(self, name: str) -> OpenCatalog:
        return await self._catalogs.open(callers.current().tenant, name)


def _read(messages: Sequence[pb.Query]) -> list[Query | SamekindError]:
    """Each message's query, or what is wrong with it, in order."""
    read: list[Query | SamekindError] = []
    for message in messages:
        try:
            validation.check(message)
            read.append(_short(wire.read_query(message)))
        except SamekindError as error:
            read.append(error)
    return read


def _short(query: Query) -> Query:
    if query.limit > MOST_EACH:
        told = f"a query of several has at most {MOST_EACH:,} hits, not {query.limit:,}; ask for more by itself, in pages"
        raise BadRequest(told, violations=(Violation("limit", told),))
    return query


def _within(field: str, error: SamekindError) -> SamekindError:
    """The same error, its fields named from the request on."""
    named = tuple(replace(each, field=each.field if each.field == "page_token" else f"{field}.{each.field}") for each in error.violations)
    return type(error)(error.message, violations=named, metadata=error.metadata, retry_after=error.retry_after)
