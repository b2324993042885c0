"""One pure builder per operation on catalogs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import uuid4

from google.protobuf.message import Message

from samekind import wire
from samekind.batches import Asks, AsyncAsks, Call, Method, Part
from samekind.errors import AlreadyExists, NotFound
from samekind.turns import chained, paged, refuse
from samekind.types import Catalog, CatalogStats, Comparison, EventWeights, LongText, Metric, Rotation
from samekind.v1 import catalog_service_pb2 as pb

SERVICE = "/samekind.v1.CatalogService"
CREATE = Method(f"{SERVICE}/CreateCatalog", pb.CreateCatalogResponse.FromString)
GET = Method(f"{SERVICE}/GetCatalog", pb.GetCatalogResponse.FromString)
LIST = Method(f"{SERVICE}/ListCatalogs", pb.ListCatalogsResponse.FromString)
UPDATE = Method(f"{SERVICE}/UpdateCatalog", pb.UpdateCatalogResponse.FromString)
DELETE = Method(f"{SERVICE}/DeleteCatalog", pb.DeleteCatalogResponse.FromString)
STATS = Method(f"{SERVICE}/GetCatalogStats", pb.GetCatalogStatsResponse.FromString)

Told = TypeVar("Told", pb.CreateCatalogResponse, pb.GetCatalogResponse, pb.UpdateCatalogResponse)


@dataclass(frozen=True)
class Opening:
    """Opens a catalog, or makes it where there is none."""

    given: Catalog
    named: tuple[str, ...]

    def by(self, asks: Asks, /) -> Catalog:
        """The catalog."""
        try:
            return self._fitting(asks._run(get_catalog(self.given.name)))
        except NotFound:
            pass
        try:
            return asks._run(self._create())
        except AlreadyExists:  # Somebody else was quicker.
            return self._fitting(asks._run(get_catalog(self.given.name)))

    async def awaited_by(self, asks: AsyncAsks, /) -> Catalog:
        """The catalog."""
        try:
            return self._fitting(await asks._run(get_catalog(self.given.name)))
        except NotFound:
            pass
        try:
            return await asks._run(self._create())
        except AlreadyExists:
            return self._fitting(await asks._run(get_catalog(self.given.name)))

    def _create(self) -> Call[pb.CreateCatalogResponse, Catalog, Catalog]:
        request_id = uuid4().hex
        return _told(CREATE, wire.create_catalog_request(self.given, request_id=request_id), request_id)

    def _fitting(self, found: Catalog) -> Catalog:
        for name in self.named:
            if (there := getattr(found, name)) != (wanted := getattr(self.given, name)):
                told = f"the catalog {found.name!r} is there already, and its {name} is {there!r}, not {wanted!r}"
                raise AlreadyExists(f"{told}; open it without, change it with update_catalog where that can be, or make one of another name")
        return found


def catalog(
    name: str,
    *,
    model: str = "",
    space: str = "",
    dimensions: int = 0,
    metric: Metric | str | None = None,
    comparison: Comparison | None = None,
    m: int = 0,
    ef_construction: int = 0,
    search_dimensions: int = 0,
    rotation: Rotation | str | None = None,
    thumbnail_size: int = 0,
    long_text: LongText | str | None = None,
    event_weights: EventWeights | None = None,
) -> Opening:
    """A catalog that the server keeps: the one that is there, or a new one. Raises AlreadyExists where it is there and not as is given here.

    `model` embeds its items, else the server's first; without a model, `space` and `dimensions` make a catalog of ready vectors. `metric` is
    `cosine`, `dot` or `euclidean`. `comparison` is Fused() with a weight for each kind of content, or Best(). `m` and `ef_construction` shape the
    graph (HNSW), which goes by `search_dimensions` numbers of each vector (0: all): the `rotation` `prefix` takes the first ones, `pca` those along
    the directions in which the catalog's vectors differ most. `thumbnail_size` is the longer side of the small pictures that are kept, 0: none.
    `long_text` is what happens to texts longer than the model's context: `truncate`, `reject`, or `windows` to find each passage.
    `event_weights` is how much each kind of event counts in recommendations.
    """
    given = {"model": model, "space": space, "dimensions": dimensions, "m": m, "ef_construction": ef_construction}
    given |= {"metric": metric and Metric(metric), "comparison": comparison, "thumbnail_size": thumbnail_size}
    given |= {"search_dimensions": search_dimensions, "rotation": rotation and Rotation(rotation), "long_text": long_text and LongText(long_text)}
    given |= {"event_weights": event_weights}
    named = {field: value for field, value in given.items() if value}
    return Opening(Catalog(name, **named), tuple(named))  # type: ignore[arg-type]


def get_catalog(name: str) -> Call[pb.GetCatalogResponse, Catalog, Catalog]:
    """A catalog without its items. Raises NotFound."""
    return _told(GET, wire.catalog_request(name))


def catalogs() -> Call[pb.ListCatalogsResponse, Catalog, list[Catalog]]:
    """All catalogs in name order, page by page."""
    return paged(LIST, lambda token: wire.catalogs_request(page_token=token), wire.read_catalogs_response, list)


def update_catalog(
    name: str,
    *,
    model: str | None = None,
    comparison: Comparison | None = None,
    m: int | None = None,
    ef_construction: int | None = None,
    search_dimensions: int | None = None,
    rotation: Rotation | str | None = None,
    thumbnail_size: int | None = None,
    long_text: LongText | str | None = None,
    event_weights: EventWeights | None = None,
    etag: str = "",
) -> Call[pb.UpdateCatalogResponse, Catalog, Catalog]:
    """Changes what is given of a catalog; with an `etag` only where it is still that one. Its indexes are made anew where they have to be."""
    given: dict[str, object] = {"model": model, "comparison": comparison, "m": m, "ef_construction": ef_construction}
    given |= {"thumbnail_size": thumbnail_size, "search_dimensions": search_dimensions, "rotation": None if rotation is None else Rotation(rotation)}
    given |= {"long_text": None if long_text is None else LongText(long_text), "event_weights": event_weights}
    named = {field: value for field, value in given.items() if value is not None}
    request_id = uuid4().hex
    request = wire.update_catalog_request(Catalog(name, etag=etag, **named), named, request_id=request_id)  # type: ignore[arg-type]
    return _told(UPDATE, request, request_id)


def delete_catalog(name: str, *, etag: str = "", missing_ok: bool = False) -> Call[pb.DeleteCatalogResponse, None, None]:
    """Deletes a catalog with all its items; with an `etag` only where it is still that one."""
    request_id = uuid4().hex
    request = wire.delete_catalog_request(name, etag=etag, allow_missing=missing_ok, request_id=request_id)
    part = Part[pb.DeleteCatalogResponse, None](request, lambda _: [], refuse, request_id=request_id)
    return Call(DELETE, lambda: part, lambda _: None)


def stats(catalog: str) -> Call[Any, CatalogStats, CatalogStats]:
    """How much there is of the catalog, and in what state its indexes are."""
    request = wire.catalog_stats_request(catalog)
    return chained(STATS, [request], lambda response: [wire.read_catalog_stats_response(response)], lambda told: told[0])


def _told(method: Method[Told], request: Message, request_id: str = "") -> Call[Told, Catalog, Catalog]:
    """A request whose id is also in its body can be sent again without harm."""
    part = Part[Told, Catalog](
        request, lambda response: [wire.read_catalog(response.catalog)] if response else [], refuse, request_id=request_id or uuid4().hex
    )
    return Call(method, lambda: part, lambda told: told[0])
