from samekind.v1.rules import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.rpc import status_pb2 as _status_pb2
from samekind.v1 import catalog_service_pb2 as _catalog_service_pb2
from samekind.v1 import content_pb2 as _content_pb2
from samekind.v1 import filter_pb2 as _filter_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Cutoff(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CUTOFF_UNSPECIFIED: _ClassVar[Cutoff]
    CUTOFF_OFF: _ClassVar[Cutoff]
    CUTOFF_AUTO: _ClassVar[Cutoff]
CUTOFF_UNSPECIFIED: Cutoff
CUTOFF_OFF: Cutoff
CUTOFF_AUTO: Cutoff

class SearchRequest(_message.Message):
    __slots__ = ("catalog", "query", "page_size", "page_token")
    CATALOG_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    catalog: str
    query: Query
    page_size: int
    page_token: str
    def __init__(self, catalog: _Optional[str] = ..., query: _Optional[_Union[Query, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class Query(_message.Message):
    __slots__ = ("terms", "filter", "limit", "min_similarity", "cutoff", "words", "word_attributes", "grouping", "diversity", "facets", "exact", "keep_modality_gap", "view", "long_text")
    TERMS_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    MIN_SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    CUTOFF_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    WORD_ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    GROUPING_FIELD_NUMBER: _ClassVar[int]
    DIVERSITY_FIELD_NUMBER: _ClassVar[int]
    FACETS_FIELD_NUMBER: _ClassVar[int]
    EXACT_FIELD_NUMBER: _ClassVar[int]
    KEEP_MODALITY_GAP_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    LONG_TEXT_FIELD_NUMBER: _ClassVar[int]
    terms: _containers.RepeatedCompositeFieldContainer[Term]
    filter: _filter_pb2.Filter
    limit: int
    min_similarity: float
    cutoff: Cutoff
    words: str
    word_attributes: _containers.RepeatedScalarFieldContainer[str]
    grouping: Grouping
    diversity: float
    facets: _containers.RepeatedScalarFieldContainer[str]
    exact: bool
    keep_modality_gap: bool
    view: ItemView
    long_text: _content_pb2.LongText
    def __init__(self, terms: _Optional[_Iterable[_Union[Term, _Mapping]]] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., limit: _Optional[int] = ..., min_similarity: _Optional[float] = ..., cutoff: _Optional[_Union[Cutoff, str]] = ..., words: _Optional[str] = ..., word_attributes: _Optional[_Iterable[str]] = ..., grouping: _Optional[_Union[Grouping, _Mapping]] = ..., diversity: _Optional[float] = ..., facets: _Optional[_Iterable[str]] = ..., exact: _Optional[bool] = ..., keep_modality_gap: _Optional[bool] = ..., view: _Optional[_Union[ItemView, _Mapping]] = ..., long_text: _Optional[_Union[_content_pb2.LongText, str]] = ...) -> None: ...

class Term(_message.Message):
    __slots__ = ("content", "item", "weight")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    content: _content_pb2.Content
    item: str
    weight: float
    def __init__(self, content: _Optional[_Union[_content_pb2.Content, _Mapping]] = ..., item: _Optional[str] = ..., weight: _Optional[float] = ...) -> None: ...

class Grouping(_message.Message):
    __slots__ = ("attribute", "each")
    ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    EACH_FIELD_NUMBER: _ClassVar[int]
    attribute: str
    each: int
    def __init__(self, attribute: _Optional[str] = ..., each: _Optional[int] = ...) -> None: ...

class ItemView(_message.Message):
    __slots__ = ("without_text", "without_attributes", "attributes", "vectors", "thumbnails")
    WITHOUT_TEXT_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    VECTORS_FIELD_NUMBER: _ClassVar[int]
    THUMBNAILS_FIELD_NUMBER: _ClassVar[int]
    without_text: bool
    without_attributes: bool
    attributes: _containers.RepeatedScalarFieldContainer[str]
    vectors: bool
    thumbnails: bool
    def __init__(self, without_text: _Optional[bool] = ..., without_attributes: _Optional[bool] = ..., attributes: _Optional[_Iterable[str]] = ..., vectors: _Optional[bool] = ..., thumbnails: _Optional[bool] = ...) -> None: ...

class SearchResponse(_message.Message):
    __slots__ = ("hits", "next_page_token", "facets", "report")
    HITS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FACETS_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    hits: _containers.RepeatedCompositeFieldContainer[Hit]
    next_page_token: str
    facets: _containers.RepeatedCompositeFieldContainer[Facet]
    report: SearchReport
    def __init__(self, hits: _Optional[_Iterable[_Union[Hit, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., facets: _Optional[_Iterable[_Union[Facet, _Mapping]]] = ..., report: _Optional[_Union[SearchReport, _Mapping]] = ...) -> None: ...

class Hit(_message.Message):
    __slots__ = ("item", "score", "similarity", "kind", "passage")
    ITEM_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PASSAGE_FIELD_NUMBER: _ClassVar[int]
    item: _catalog_service_pb2.Item
    score: float
    similarity: float
    kind: str
    passage: Passage
    def __init__(self, item: _Optional[_Union[_catalog_service_pb2.Item, _Mapping]] = ..., score: _Optional[float] = ..., similarity: _Optional[float] = ..., kind: _Optional[str] = ..., passage: _Optional[_Union[Passage, _Mapping]] = ...) -> None: ...

class Passage(_message.Message):
    __slots__ = ("start", "end", "text")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    text: str
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class Facet(_message.Message):
    __slots__ = ("attribute", "counts", "items", "values")
    ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    attribute: str
    counts: _containers.RepeatedCompositeFieldContainer[FacetCount]
    items: int
    values: int
    def __init__(self, attribute: _Optional[str] = ..., counts: _Optional[_Iterable[_Union[FacetCount, _Mapping]]] = ..., items: _Optional[int] = ..., values: _Optional[int] = ...) -> None: ...

class FacetCount(_message.Message):
    __slots__ = ("value", "items")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    value: _content_pb2.Value
    items: int
    def __init__(self, value: _Optional[_Union[_content_pb2.Value, _Mapping]] = ..., items: _Optional[int] = ...) -> None: ...

class SearchReport(_message.Message):
    __slots__ = ("embedding", "exact", "candidates", "matching", "complete", "shortfall", "cut", "cut_reason", "gap_corrected", "wait_ms", "embed_ms", "search_ms", "load_ms")
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    EXACT_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    MATCHING_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    SHORTFALL_FIELD_NUMBER: _ClassVar[int]
    CUT_FIELD_NUMBER: _ClassVar[int]
    CUT_REASON_FIELD_NUMBER: _ClassVar[int]
    GAP_CORRECTED_FIELD_NUMBER: _ClassVar[int]
    WAIT_MS_FIELD_NUMBER: _ClassVar[int]
    EMBED_MS_FIELD_NUMBER: _ClassVar[int]
    SEARCH_MS_FIELD_NUMBER: _ClassVar[int]
    LOAD_MS_FIELD_NUMBER: _ClassVar[int]
    embedding: _content_pb2.Report
    exact: bool
    candidates: int
    matching: int
    complete: bool
    shortfall: str
    cut: float
    cut_reason: str
    gap_corrected: bool
    wait_ms: float
    embed_ms: float
    search_ms: float
    load_ms: float
    def __init__(self, embedding: _Optional[_Union[_content_pb2.Report, _Mapping]] = ..., exact: _Optional[bool] = ..., candidates: _Optional[int] = ..., matching: _Optional[int] = ..., complete: _Optional[bool] = ..., shortfall: _Optional[str] = ..., cut: _Optional[float] = ..., cut_reason: _Optional[str] = ..., gap_corrected: _Optional[bool] = ..., wait_ms: _Optional[float] = ..., embed_ms: _Optional[float] = ..., search_ms: _Optional[float] = ..., load_ms: _Optional[float] = ...) -> None: ...

class BatchSearchRequest(_message.Message):
    __slots__ = ("catalog", "queries")
    CATALOG_FIELD_NUMBER: _ClassVar[int]
    QUERIES_FIELD_NUMBER: _ClassVar[int]
    catalog: str
    queries: _containers.RepeatedCompositeFieldContainer[Query]
    def __init__(self, catalog: _Optional[str] = ..., queries: _Optional[_Iterable[_Union[Query, _Mapping]]] = ...) -> None: ...

class BatchSearchResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[SearchResult]
    def __init__(self, results: _Optional[_Iterable[_Union[SearchResult, _Mapping]]] = ...) -> None: ...

class SearchResult(_message.Message):
    __slots__ = ("answer", "error")
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    answer: SearchResponse
    error: _status_pb2.Status
    def __init__(self, answer: _Optional[_Union[SearchResponse, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...
