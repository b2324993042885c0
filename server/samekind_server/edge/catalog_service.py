"""CatalogService: items that last, each tenant's own."""

from __future__ import annotations

from collections.abc import AsyncIterator

from google.protobuf.field_mask_pb2 import FieldMask

from samekind import wire
from samekind.errors import SamekindError
from samekind.queries import ItemView
from samekind.types import Catalog, Written
from samekind.v1 import catalog_service_pb2 as pb
from samekind.v1 import catalog_service_pb2_grpc as stubs
from samekind_server.catalog.catalog import OpenCatalog
from samekind_server.catalog.catalogs import Catalogs
from samekind_server.catalog.definitions import CHANGEABLE
from samekind_server.catalog.writing import Update
from samekind_server.edge import callers, ingest, items, pages, repeats, validation
from samekind_server.edge.asking import asker
from samekind_server.edge.handlers import Context

PAGE = 100
TOLD = ("create_time", "update_time")  # What the server tells and does not read.


class CatalogServicer(stubs.CatalogServiceServicer):
    """Answers each tenant of its own catalogs."""

    def __init__(self, catalogs: Catalogs) -> None:
        self._catalogs = catalogs

    async def CreateCatalog(self, request: pb.CreateCatalogRequest, context: Context) -> pb.CreateCatalogResponse:
        """Makes one."""
        validation.check(request)
        made = await self._catalogs.create(_tenant(), _given(request.catalog), repeats.request(request))
        return pb.CreateCatalogResponse(catalog=wire.catalog(made))

    async def GetCatalog(self, request: pb.GetCatalogRequest, context: Context) -> pb.GetCatalogResponse:
        """Tells one."""
        validation.check(request)
        return pb.GetCatalogResponse(catalog=wire.catalog(await self._catalogs.get(_tenant(), request.name)))

    async def ListCatalogs(self, request: pb.ListCatalogsRequest, context: Context) -> pb.ListCatalogsResponse:
        """Lists them in name order."""
        validation.check(request)
        size = request.page_size or PAGE
        found = await self._catalogs.page(_tenant(), pages.after(request), size + 1)
        more = pages.token(request, found[size - 1].name) if len(found) > size else ""
        return wire.catalogs_response(found[:size], next_page_token=more)

    async def UpdateCatalog(self, request: pb.UpdateCatalogRequest, context: Context) -> pb.UpdateCatalogResponse:
        """Changes one."""
        validation.check(request)
        paths = _paths(request.catalog, request.update_mask)
        now = await self._catalogs.update(_tenant(), _given(request.catalog), paths, repeats.request(request))
        return pb.UpdateCatalogResponse(catalog=wire.catalog(now))

    async def DeleteCatalog(self, request: pb.DeleteCatalogRequest, context: Context) -> pb.DeleteCatalogResponse:
        """Deletes one."""
        validation.check(request)
        again = repeats.request(request)
        await self._catalogs.delete(_tenant(), request.name, etag=request.etag, allow_missing=request.allow_missing, request=again)
        return pb.DeleteCatalogResponse()

    async def GetCatalogStats(self, request: pb.GetCatalogStatsRequest, context: Context) -> pb.GetCatalogStatsResponse:
        """Tells how much there is of one."""
        validation.check(request)
        return wire.catalog_stats_response(await (await self._open(request.name)).stats())

    async def UpsertItems(self, request: pb.UpsertItemsRequest, context: Context) -> pb.UpsertItemsResponse:
        """Writes a batch."""
        validation.check(request)
        catalog, again = await self._open(request.catalog), repeats.request(request)
        mode, long_text = wire.read_write_mode(request.mode), wire.read_wanted_long_text(request.long_text)
        given = await catalog.taken(items.read(request.items))
        written = await catalog.upsert(given, mode=mode, asker=asker(context), long_text=long_text, request=again)
        return wire.upsert_items_response(items.named(written, request.items))

    async def IngestItems(self, requests: AsyncIterator[pb.IngestItemsRequest], context: Context) -> AsyncIterator[pb.IngestItemsResponse]:
        """Writes batches for as long as they come."""
        async for acknowledged in ingest.acknowledged(requests, context, lambda options: self._open(options.catalog)):
            yield acknowledged

    async def GetItems(self, request: pb.GetItemsRequest, context: Context) -> pb.GetItemsResponse:
        """Tells items by their ids."""
        validation.check(request)
        view = ItemView(vectors=request.with_vectors, thumbnails=request.with_thumbnails)
        return wire.get_items_response(await (await self._open(request.catalog)).get(request.ids, view))

    async def ListItems(self, request: pb.ListItemsRequest, context: Context) -> pb.ListItemsResponse:
        """Lists items in the order of their ids."""
        validation.check(request)
        size, view = request.page_size or PAGE, ItemView(vectors=request.with_vectors, thumbnails=request.with_thumbnails)
        where = wire.read_filter(request.filter) if request.HasField("filter") else None
        found = await (await self._open(request.catalog)).page(pages.after(request), size + 1, view, where)
        more = pages.token(request, found[size - 1].id) if len(found) > size else ""
        return wire.list_items_response(found[:size], next_page_token=more)

    async def UpdateItems(self, request: pb.UpdateItemsRequest, context: Context) -> pb.UpdateItemsResponse:
        """Changes attributes."""
        validation.check(request)
        catalog, given = await self._open(request.catalog), items.read_updates(request.updates)
        written = iter(await catalog.update([each for each in given if isinstance(each, Update)], request=repeats.request(request)))
        outcomes = [Written("", error=each) if isinstance(each, SamekindError) else next(written) for each in given]
        return wire.update_items_response(items.named(outcomes, request.updates))

    async def DeleteItems(self, request: pb.DeleteItemsRequest, context: Context) -> pb.DeleteItemsResponse:
        """Deletes items."""
        validation.check(request)
        catalog, again = await self._open(request.catalog), repeats.request(request)
        if request.WhichOneof("which") == "filter":
            return wire.delete_items_response(await catalog.delete_matching(wire.read_filter(request.filter), request=again))
        return wire.delete_items_response(await catalog.delete(request.ids.ids, request=again))

    async def _open(self, name: str) -> OpenCatalog:
        return await self._catalogs.open(_tenant(), name)


def _tenant() -> str:
    return callers.current().tenant


def _given(message: pb.Catalog) -> Catalog:
    for field in TOLD:
        message.ClearField(field)
    return wire.read_catalog(message)


def _paths(message: pb.Catalog, mask: FieldMask) -> set[str]:
    """What a mask names: all that can be changed for `*`, what is not empty where there is none; one of the comparisons is the comparison."""
    if "*" in mask.paths:
        return set(CHANGEABLE)
    named = mask.paths or [field.name for field, _ in message.ListFields() if field.name in {*CHANGEABLE, "fused", "best"}]
    return {"comparison" if path.partition(".")[0] in ("fused", "best") else path for path in named}
