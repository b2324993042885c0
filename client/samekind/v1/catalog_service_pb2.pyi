import datetime

from samekind.v1.rules import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from samekind.v1 import content_pb2 as _content_pb2
from samekind.v1 import filter_pb2 as _filter_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Rotation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROTATION_UNSPECIFIED: _ClassVar[Rotation]
    ROTATION_PREFIX: _ClassVar[Rotation]
    ROTATION_PCA: _ClassVar[Rotation]

class Metric(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    METRIC_UNSPECIFIED: _ClassVar[Metric]
    METRIC_COSINE: _ClassVar[Metric]
    METRIC_DOT: _ClassVar[Metric]
    METRIC_EUCLIDEAN: _ClassVar[Metric]

class WriteMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WRITE_MODE_UNSPECIFIED: _ClassVar[WriteMode]
    WRITE_MODE_UPSERT: _ClassVar[WriteMode]
    WRITE_MODE_INSERT: _ClassVar[WriteMode]
    WRITE_MODE_UPDATE: _ClassVar[WriteMode]
ROTATION_UNSPECIFIED: Rotation
ROTATION_PREFIX: Rotation
ROTATION_PCA: Rotation
METRIC_UNSPECIFIED: Metric
METRIC_COSINE: Metric
METRIC_DOT: Metric
METRIC_EUCLIDEAN: Metric
WRITE_MODE_UNSPECIFIED: WriteMode
WRITE_MODE_UPSERT: WriteMode
WRITE_MODE_INSERT: WriteMode
WRITE_MODE_UPDATE: WriteMode

class Catalog(_message.Message):
    __slots__ = ("name", "model", "space", "dimensions", "metric", "fused", "best", "m", "ef_construction", "thumbnail_size", "search_dimensions", "rotation", "long_text", "version", "etag", "create_time", "update_time", "event_weights")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    FUSED_FIELD_NUMBER: _ClassVar[int]
    BEST_FIELD_NUMBER: _ClassVar[int]
    M_FIELD_NUMBER: _ClassVar[int]
    EF_CONSTRUCTION_FIELD_NUMBER: _ClassVar[int]
    THUMBNAIL_SIZE_FIELD_NUMBER: _ClassVar[int]
    SEARCH_DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    ROTATION_FIELD_NUMBER: _ClassVar[int]
    LONG_TEXT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EVENT_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    model: str
    space: str
    dimensions: int
    metric: Metric
    fused: Fused
    best: Best
    m: int
    ef_construction: int
    thumbnail_size: int
    search_dimensions: int
    rotation: Rotation
    long_text: _content_pb2.LongText
    version: int
    etag: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    event_weights: EventWeights
    def __init__(self, name: _Optional[str] = ..., model: _Optional[str] = ..., space: _Optional[str] = ..., dimensions: _Optional[int] = ..., metric: _Optional[_Union[Metric, str]] = ..., fused: _Optional[_Union[Fused, _Mapping]] = ..., best: _Optional[_Union[Best, _Mapping]] = ..., m: _Optional[int] = ..., ef_construction: _Optional[int] = ..., thumbnail_size: _Optional[int] = ..., search_dimensions: _Optional[int] = ..., rotation: _Optional[_Union[Rotation, str]] = ..., long_text: _Optional[_Union[_content_pb2.LongText, str]] = ..., version: _Optional[int] = ..., etag: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., event_weights: _Optional[_Union[EventWeights, _Mapping]] = ...) -> None: ...

class EventWeights(_message.Message):
    __slots__ = ("view", "like", "cart", "purchase", "rating", "dislike", "hide")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    LIKE_FIELD_NUMBER: _ClassVar[int]
    CART_FIELD_NUMBER: _ClassVar[int]
    PURCHASE_FIELD_NUMBER: _ClassVar[int]
    RATING_FIELD_NUMBER: _ClassVar[int]
    DISLIKE_FIELD_NUMBER: _ClassVar[int]
    HIDE_FIELD_NUMBER: _ClassVar[int]
    view: float
    like: float
    cart: float
    purchase: float
    rating: float
    dislike: float
    hide: float
    def __init__(self, view: _Optional[float] = ..., like: _Optional[float] = ..., cart: _Optional[float] = ..., purchase: _Optional[float] = ..., rating: _Optional[float] = ..., dislike: _Optional[float] = ..., hide: _Optional[float] = ...) -> None: ...

class Fused(_message.Message):
    __slots__ = ("text", "image", "vector")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    text: float
    image: float
    vector: float
    def __init__(self, text: _Optional[float] = ..., image: _Optional[float] = ..., vector: _Optional[float] = ...) -> None: ...

class Best(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Item(_message.Message):
    __slots__ = ("id", "contents", "attributes", "version", "kinds", "vectors", "thumbnail", "create_time", "update_time")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _content_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_content_pb2.Value, _Mapping]] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    CONTENTS_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    VECTORS_FIELD_NUMBER: _ClassVar[int]
    THUMBNAIL_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    contents: _containers.RepeatedCompositeFieldContainer[_content_pb2.Content]
    attributes: _containers.MessageMap[str, _content_pb2.Value]
    version: int
    kinds: _containers.RepeatedScalarFieldContainer[str]
    vectors: _containers.RepeatedCompositeFieldContainer[ItemVector]
    thumbnail: bytes
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., contents: _Optional[_Iterable[_Union[_content_pb2.Content, _Mapping]]] = ..., attributes: _Optional[_Mapping[str, _content_pb2.Value]] = ..., version: _Optional[int] = ..., kinds: _Optional[_Iterable[str]] = ..., vectors: _Optional[_Iterable[_Union[ItemVector, _Mapping]]] = ..., thumbnail: _Optional[bytes] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ItemVector(_message.Message):
    __slots__ = ("kind", "vector")
    KIND_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    kind: str
    vector: _content_pb2.Vectors
    def __init__(self, kind: _Optional[str] = ..., vector: _Optional[_Union[_content_pb2.Vectors, _Mapping]] = ...) -> None: ...

class CreateCatalogRequest(_message.Message):
    __slots__ = ("catalog", "request_id")
    CATALOG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    catalog: Catalog
    request_id: str
    def __init__(self, catalog: _Optional[_Union[Catalog, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateCatalogResponse(_message.Message):
    __slots__ = ("catalog",)
    CATALOG_FIELD_NUMBER: _ClassVar[int]
    catalog: Catalog
    def __init__(self, catalog: _Optional[_Union[Catalog, _Mapping]] = ...) -> None: ...

class GetCatalogRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetCatalogResponse(_message.Message):
    __slots__ = ("catalog",)
    CATALOG_FIELD_NUMBER: _ClassVar[int]
    catalog: Catalog
    def __init__(self, catalog: _Optional[_Union[Catalog, _Mapping]] = ...) -> None: ...

class ListCatalogsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCatalogsResponse(_message.Message):
    __slots__ = ("catalogs", "next_page_token")
    CATALOGS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    catalogs: _containers.RepeatedCompositeFieldContainer[Catalog]
    next_page_token: str
    def __init__(self, catalogs: _Optional[_Iterable[_Union[Catalog, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateCatalogRequest(_message.Message):
    __slots__ = ("catalog", "update_mask", "request_id")
    CATALOG_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    catalog: Catalog
    update_mask: _field_mask_pb2.FieldMask
    request_id: str
    def __init__(self, catalog: _Optional[_Union[Catalog, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateCatalogResponse(_message.Message):
    __slots__ = ("catalog",)
    CATALOG_FIELD_NUMBER: _ClassVar[int]
    catalog: Catalog
    def __init__(self, catalog: _Optional[_Union[Catalog, _Mapping]] = ...) -> None: ...

class DeleteCatalogRequest(_message.Message):
    __slots__ = ("name", "etag", "allow_missing", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    ALLOW_MISSING_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    allow_missing: bool
    request_id: str
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ..., allow_missing: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteCatalogResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetCatalogStatsRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetCatalogStatsResponse(_message.Message):
    __slots__ = ("items", "store_bytes", "memory_bytes", "indexes")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    STORE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    INDEXES_FIELD_NUMBER: _ClassVar[int]
    items: int
    store_bytes: int
    memory_bytes: int
    indexes: _containers.RepeatedCompositeFieldContainer[IndexStats]
    def __init__(self, items: _Optional[int] = ..., store_bytes: _Optional[int] = ..., memory_bytes: _Optional[int] = ..., indexes: _Optional[_Iterable[_Union[IndexStats, _Mapping]]] = ...) -> None: ...

class IndexStats(_message.Message):
    __slots__ = ("name", "live", "removed", "buffered", "graph", "building", "memory_bytes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    BUFFERED_FIELD_NUMBER: _ClassVar[int]
    GRAPH_FIELD_NUMBER: _ClassVar[int]
    BUILDING_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    live: int
    removed: int
    buffered: int
    graph: bool
    building: bool
    memory_bytes: int
    def __init__(self, name: _Optional[str] = ..., live: _Optional[int] = ..., removed: _Optional[int] = ..., buffered: _Optional[int] = ..., graph: _Optional[bool] = ..., building: _Optional[bool] = ..., memory_bytes: _Optional[int] = ...) -> None: ...

class UpsertItemsRequest(_message.Message):
    __slots__ = ("catalog", "items", "mode", "long_text", "request_id")
    CATALOG_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    LONG_TEXT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    catalog: str
    items: _containers.RepeatedCompositeFieldContainer[Item]
    mode: WriteMode
    long_text: _content_pb2.LongText
    request_id: str
    def __init__(self, catalog: _Optional[str] = ..., items: _Optional[_Iterable[_Union[Item, _Mapping]]] = ..., mode: _Optional[_Union[WriteMode, str]] = ..., long_text: _Optional[_Union[_content_pb2.LongText, str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpsertItemsResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[ItemResult]
    def __init__(self, results: _Optional[_Iterable[_Union[ItemResult, _Mapping]]] = ...) -> None: ...

class ItemResult(_message.Message):
    __slots__ = ("id", "written", "error")
    ID_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: str
    written: WrittenItem
    error: _status_pb2.Status
    def __init__(self, id: _Optional[str] = ..., written: _Optional[_Union[WrittenItem, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class WrittenItem(_message.Message):
    __slots__ = ("version", "created", "changed", "truncated")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    version: int
    created: bool
    changed: bool
    truncated: bool
    def __init__(self, version: _Optional[int] = ..., created: _Optional[bool] = ..., changed: _Optional[bool] = ..., truncated: _Optional[bool] = ...) -> None: ...

class IngestItemsRequest(_message.Message):
    __slots__ = ("options", "sequence", "items")
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    options: IngestItemsOptions
    sequence: int
    items: _containers.RepeatedCompositeFieldContainer[Item]
    def __init__(self, options: _Optional[_Union[IngestItemsOptions, _Mapping]] = ..., sequence: _Optional[int] = ..., items: _Optional[_Iterable[_Union[Item, _Mapping]]] = ...) -> None: ...

class IngestItemsOptions(_message.Message):
    __slots__ = ("catalog", "mode", "long_text", "stream_id")
    CATALOG_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    LONG_TEXT_FIELD_NUMBER: _ClassVar[int]
    STREAM_ID_FIELD_NUMBER: _ClassVar[int]
    catalog: str
    mode: WriteMode
    long_text: _content_pb2.LongText
    stream_id: str
    def __init__(self, catalog: _Optional[str] = ..., mode: _Optional[_Union[WriteMode, str]] = ..., long_text: _Optional[_Union[_content_pb2.LongText, str]] = ..., stream_id: _Optional[str] = ...) -> None: ...

class IngestItemsResponse(_message.Message):
    __slots__ = ("sequence", "answer", "error")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    answer: UpsertItemsResponse
    error: _status_pb2.Status
    def __init__(self, sequence: _Optional[int] = ..., answer: _Optional[_Union[UpsertItemsResponse, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class GetItemsRequest(_message.Message):
    __slots__ = ("catalog", "ids", "with_vectors", "with_thumbnails")
    CATALOG_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    WITH_VECTORS_FIELD_NUMBER: _ClassVar[int]
    WITH_THUMBNAILS_FIELD_NUMBER: _ClassVar[int]
    catalog: str
    ids: _containers.RepeatedScalarFieldContainer[str]
    with_vectors: bool
    with_thumbnails: bool
    def __init__(self, catalog: _Optional[str] = ..., ids: _Optional[_Iterable[str]] = ..., with_vectors: _Optional[bool] = ..., with_thumbnails: _Optional[bool] = ...) -> None: ...

class GetItemsResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[GetItemResult]
    def __init__(self, results: _Optional[_Iterable[_Union[GetItemResult, _Mapping]]] = ...) -> None: ...

class GetItemResult(_message.Message):
    __slots__ = ("item", "error")
    ITEM_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    item: Item
    error: _status_pb2.Status
    def __init__(self, item: _Optional[_Union[Item, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class ListItemsRequest(_message.Message):
    __slots__ = ("catalog", "filter", "page_size", "page_token", "with_vectors", "with_thumbnails")
    CATALOG_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    WITH_VECTORS_FIELD_NUMBER: _ClassVar[int]
    WITH_THUMBNAILS_FIELD_NUMBER: _ClassVar[int]
    catalog: str
    filter: _filter_pb2.Filter
    page_size: int
    page_token: str
    with_vectors: bool
    with_thumbnails: bool
    def __init__(self, catalog: _Optional[str] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., with_vectors: _Optional[bool] = ..., with_thumbnails: _Optional[bool] = ...) -> None: ...

class ListItemsResponse(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Item]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[Item, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateItemsRequest(_message.Message):
    __slots__ = ("catalog", "updates", "request_id")
    CATALOG_FIELD_NUMBER: _ClassVar[int]
    UPDATES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    catalog: str
    updates: _containers.RepeatedCompositeFieldContainer[ItemUpdate]
    request_id: str
    def __init__(self, catalog: _Optional[str] = ..., updates: _Optional[_Iterable[_Union[ItemUpdate, _Mapping]]] = ..., request_id: _Optional[str] = ...) -> None: ...

class ItemUpdate(_message.Message):
    __slots__ = ("id", "attributes", "remove", "replace", "version")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _content_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_content_pb2.Value, _Mapping]] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    REPLACE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    id: str
    attributes: _containers.MessageMap[str, _content_pb2.Value]
    remove: _containers.RepeatedScalarFieldContainer[str]
    replace: bool
    version: int
    def __init__(self, id: _Optional[str] = ..., attributes: _Optional[_Mapping[str, _content_pb2.Value]] = ..., remove: _Optional[_Iterable[str]] = ..., replace: _Optional[bool] = ..., version: _Optional[int] = ...) -> None: ...

class UpdateItemsResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[ItemResult]
    def __init__(self, results: _Optional[_Iterable[_Union[ItemResult, _Mapping]]] = ...) -> None: ...

class DeleteItemsRequest(_message.Message):
    __slots__ = ("catalog", "ids", "filter", "request_id")
    CATALOG_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    catalog: str
    ids: ItemIds
    filter: _filter_pb2.Filter
    request_id: str
    def __init__(self, catalog: _Optional[str] = ..., ids: _Optional[_Union[ItemIds, _Mapping]] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class ItemIds(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ids: _Optional[_Iterable[str]] = ...) -> None: ...

class DeleteItemsResponse(_message.Message):
    __slots__ = ("deleted", "missing")
    DELETED_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    deleted: int
    missing: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, deleted: _Optional[int] = ..., missing: _Optional[_Iterable[str]] = ...) -> None: ...
