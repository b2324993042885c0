"""What CatalogService is asked of catalogs and answers (catalog_service.proto); their items are in `items`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from google.protobuf.field_mask_pb2 import FieldMask

from samekind.types import Best, Catalog, CatalogStats, Comparison, EventWeights, Fused, IndexStats, Metric, Rotation
from samekind.v1 import catalog_service_pb2 as pb
from samekind.wire.contents import known, long_text, number, read_long_text, utf8
from samekind.wire.values import moment, read_moment

METRICS = {
    pb.METRIC_UNSPECIFIED: Metric.COSINE,
    pb.METRIC_COSINE: Metric.COSINE,
    pb.METRIC_DOT: Metric.DOT,
    pb.METRIC_EUCLIDEAN: Metric.EUCLIDEAN,
}
ROTATIONS = {
    pb.ROTATION_UNSPECIFIED: Rotation.PREFIX,
    pb.ROTATION_PREFIX: Rotation.PREFIX,
    pb.ROTATION_PCA: Rotation.PCA,
}


def create_catalog_request(value: Catalog, *, request_id: str = "") -> pb.CreateCatalogRequest:
    """A request to make a catalog."""
    return pb.CreateCatalogRequest(catalog=catalog(value), request_id=request_id)


def update_catalog_request(value: Catalog, paths: Iterable[str], *, request_id: str = "") -> pb.UpdateCatalogRequest:
    """A request to change what `paths` name of a catalog."""
    return pb.UpdateCatalogRequest(catalog=catalog(value), update_mask=FieldMask(paths=paths), request_id=request_id)


def delete_catalog_request(name: str, *, etag: str = "", allow_missing: bool = False, request_id: str = "") -> pb.DeleteCatalogRequest:
    """A request to delete a catalog."""
    return pb.DeleteCatalogRequest(name=utf8(name), etag=utf8(etag), allow_missing=allow_missing, request_id=request_id)


def catalog_request(name: str) -> pb.GetCatalogRequest:
    """A request for a catalog by its name."""
    return pb.GetCatalogRequest(name=utf8(name))


def catalogs_request(*, page_size: int = 0, page_token: str = "") -> pb.ListCatalogsRequest:
    """A request for a page of catalogs."""
    return pb.ListCatalogsRequest(page_size=page_size, page_token=page_token)


def catalogs_response(values: Iterable[Catalog], *, next_page_token: str = "") -> pb.ListCatalogsResponse:
    """The response of a page of catalogs."""
    return pb.ListCatalogsResponse(catalogs=map(catalog, values), next_page_token=next_page_token)


def read_catalogs_response(response: pb.ListCatalogsResponse) -> list[Catalog]:
    """The page's catalogs."""
    return [read_catalog(each) for each in response.catalogs]


def catalog_stats_request(name: str) -> pb.GetCatalogStatsRequest:
    """A request for a catalog's numbers."""
    return pb.GetCatalogStatsRequest(name=utf8(name))


def catalog_stats_response(stats: CatalogStats) -> pb.GetCatalogStatsResponse:
    """The response of a catalog's numbers."""
    indexes = [pb.IndexStats(**vars(each)) for each in stats.indexes]
    return pb.GetCatalogStatsResponse(items=stats.items, store_bytes=stats.store_bytes, memory_bytes=stats.memory_bytes, indexes=indexes)


def read_catalog_stats_response(response: pb.GetCatalogStatsResponse) -> CatalogStats:
    """A catalog's numbers."""
    indexes = tuple(
        IndexStats(each.name, each.live, each.removed, each.buffered, each.graph, each.building, each.memory_bytes) for each in response.indexes
    )
    return CatalogStats(response.items, response.store_bytes, response.memory_bytes, indexes)


def catalog(value: Catalog) -> pb.Catalog:
    """The message of a catalog."""
    comparison = value.comparison
    return pb.Catalog(
        name=utf8(value.name),
        model=utf8(value.model),
        space=utf8(value.space),
        dimensions=value.dimensions,
        metric=number(METRICS, value.metric),
        fused=pb.Fused(text=comparison.text, image=comparison.image, vector=comparison.vector) if isinstance(comparison, Fused) else None,
        best=pb.Best() if isinstance(comparison, Best) else None,
        m=value.m,
        ef_construction=value.ef_construction,
        search_dimensions=value.search_dimensions,
        rotation=number(ROTATIONS, value.rotation),
        thumbnail_size=value.thumbnail_size,
        long_text=long_text(value.long_text),
        event_weights=pb.EventWeights(**asdict(value.event_weights)),
        version=value.version,
        etag=utf8(value.etag),
        create_time=moment(value.create_time) if value.create_time else None,
        update_time=moment(value.update_time) if value.update_time else None,
    )


def read_catalog(message: pb.Catalog) -> Catalog:
    """The catalog of a message; what is left out is the default."""
    return Catalog(
        name=message.name,
        model=message.model,
        space=message.space,
        dimensions=message.dimensions,
        metric=known(METRICS, message.metric, "metric"),
        comparison=_comparison(message),
        m=message.m or Catalog.m,
        ef_construction=message.ef_construction or Catalog.ef_construction,
        search_dimensions=message.search_dimensions,
        rotation=known(ROTATIONS, message.rotation, "rotation"),
        thumbnail_size=message.thumbnail_size,
        long_text=read_long_text(message.long_text),
        event_weights=_event_weights(message.event_weights),
        version=message.version,
        etag=message.etag,
        create_time=read_moment(message.create_time) if message.HasField("create_time") else None,
        update_time=read_moment(message.update_time) if message.HasField("update_time") else None,
    )


def _event_weights(message: pb.EventWeights) -> EventWeights:
    return EventWeights(**{field.name: value for field, value in message.ListFields()})


def _comparison(message: pb.Catalog) -> Comparison:
    if message.WhichOneof("comparison") == "best":
        return Best()
    weights = (message.fused.text, message.fused.image, message.fused.vector)
    return Fused(*weights) if any(weights) else Fused()
