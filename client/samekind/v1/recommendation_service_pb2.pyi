import datetime

from samekind.v1.rules import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from samekind.v1 import catalog_service_pb2 as _catalog_service_pb2
from samekind.v1 import content_pb2 as _content_pb2
from samekind.v1 import filter_pb2 as _filter_pb2
from samekind.v1 import search_service_pb2 as _search_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EventKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_KIND_UNSPECIFIED: _ClassVar[EventKind]
    EVENT_KIND_VIEW: _ClassVar[EventKind]
    EVENT_KIND_LIKE: _ClassVar[EventKind]
    EVENT_KIND_CART: _ClassVar[EventKind]
    EVENT_KIND_PURCHASE: _ClassVar[EventKind]
    EVENT_KIND_RATING: _ClassVar[EventKind]
    EVENT_KIND_DISLIKE: _ClassVar[EventKind]
    EVENT_KIND_HIDE: _ClassVar[EventKind]

class ExampleStrategy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXAMPLE_STRATEGY_UNSPECIFIED: _ClassVar[ExampleStrategy]
    EXAMPLE_STRATEGY_MEAN: _ClassVar[ExampleStrategy]
    EXAMPLE_STRATEGY_BEST: _ClassVar[ExampleStrategy]
    EXAMPLE_STRATEGY_SUM: _ClassVar[ExampleStrategy]

class ReasonKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_KIND_UNSPECIFIED: _ClassVar[ReasonKind]
    REASON_KIND_ALIKE: _ClassVar[ReasonKind]
    REASON_KIND_CHOSEN_WITH: _ClassVar[ReasonKind]
    REASON_KIND_POPULAR: _ClassVar[ReasonKind]
    REASON_KIND_NEW: _ClassVar[ReasonKind]
EVENT_KIND_UNSPECIFIED: EventKind
EVENT_KIND_VIEW: EventKind
EVENT_KIND_LIKE: EventKind
EVENT_KIND_CART: EventKind
EVENT_KIND_PURCHASE: EventKind
EVENT_KIND_RATING: EventKind
EVENT_KIND_DISLIKE: EventKind
EVENT_KIND_HIDE: EventKind
EXAMPLE_STRATEGY_UNSPECIFIED: ExampleStrategy
EXAMPLE_STRATEGY_MEAN: ExampleStrategy
EXAMPLE_STRATEGY_BEST: ExampleStrategy
EXAMPLE_STRATEGY_SUM: ExampleStrategy
REASON_KIND_UNSPECIFIED: ReasonKind
REASON_KIND_ALIKE: ReasonKind
REASON_KIND_CHOSEN_WITH: ReasonKind
REASON_KIND_POPULAR: ReasonKind
REASON_KIND_NEW: ReasonKind

class Event(_message.Message):
    __slots__ = ("user", "item", "kind", "value", "time", "id", "attribution")
    USER_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    user: str
    item: str
    kind: EventKind
    value: float
    time: _timestamp_pb2.Timestamp
    id: str
    attribution: str
    def __init__(self, user: _Optional[str] = ..., item: _Optional[str] = ..., kind: _Optional[_Union[EventKind, str]] = ..., value: _Optional[float] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., id: _Optional[str] = ..., attribution: _Optional[str] = ...) -> None: ...

class RecordEventsRequest(_message.Message):
    __slots__ = ("catalog", "events")
    CATALOG_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    catalog: str
    events: _containers.RepeatedCompositeFieldContainer[Event]
    def __init__(self, catalog: _Optional[str] = ..., events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ...) -> None: ...

class RecordEventsResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[EventResult]
    def __init__(self, results: _Optional[_Iterable[_Union[EventResult, _Mapping]]] = ...) -> None: ...

class EventResult(_message.Message):
    __slots__ = ("recorded", "error")
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    recorded: RecordedEvent
    error: _status_pb2.Status
    def __init__(self, recorded: _Optional[_Union[RecordedEvent, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class RecordedEvent(_message.Message):
    __slots__ = ("known",)
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    known: bool
    def __init__(self, known: _Optional[bool] = ...) -> None: ...

class IngestEventsRequest(_message.Message):
    __slots__ = ("options", "sequence", "events")
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    options: IngestEventsOptions
    sequence: int
    events: _containers.RepeatedCompositeFieldContainer[Event]
    def __init__(self, options: _Optional[_Union[IngestEventsOptions, _Mapping]] = ..., sequence: _Optional[int] = ..., events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ...) -> None: ...

class IngestEventsOptions(_message.Message):
    __slots__ = ("catalog",)
    CATALOG_FIELD_NUMBER: _ClassVar[int]
    catalog: str
    def __init__(self, catalog: _Optional[str] = ...) -> None: ...

class IngestEventsResponse(_message.Message):
    __slots__ = ("sequence", "answer", "error")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    answer: RecordEventsResponse
    error: _status_pb2.Status
    def __init__(self, sequence: _Optional[int] = ..., answer: _Optional[_Union[RecordEventsResponse, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class ListEventsRequest(_message.Message):
    __slots__ = ("catalog", "user", "item", "page_size", "page_token")
    CATALOG_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    catalog: str
    user: str
    item: str
    page_size: int
    page_token: str
    def __init__(self, catalog: _Optional[str] = ..., user: _Optional[str] = ..., item: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListEventsResponse(_message.Message):
    __slots__ = ("events", "next_page_token")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    next_page_token: str
    def __init__(self, events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteUserRequest(_message.Message):
    __slots__ = ("catalog", "user")
    CATALOG_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    catalog: str
    user: str
    def __init__(self, catalog: _Optional[str] = ..., user: _Optional[str] = ...) -> None: ...

class DeleteUserResponse(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: int
    def __init__(self, events: _Optional[int] = ...) -> None: ...

class RecommendRequest(_message.Message):
    __slots__ = ("catalog", "user", "examples", "strategy", "recent", "context_item", "filter", "include_seen", "seen_kinds", "exclude", "behaviour", "diversity", "new_boost", "new_days", "limit", "page_size", "page_token", "view", "long_text")
    CATALOG_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    RECENT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_ITEM_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_SEEN_FIELD_NUMBER: _ClassVar[int]
    SEEN_KINDS_FIELD_NUMBER: _ClassVar[int]
    EXCLUDE_FIELD_NUMBER: _ClassVar[int]
    BEHAVIOUR_FIELD_NUMBER: _ClassVar[int]
    DIVERSITY_FIELD_NUMBER: _ClassVar[int]
    NEW_BOOST_FIELD_NUMBER: _ClassVar[int]
    NEW_DAYS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    LONG_TEXT_FIELD_NUMBER: _ClassVar[int]
    catalog: str
    user: str
    examples: _containers.RepeatedCompositeFieldContainer[_search_service_pb2.Term]
    strategy: ExampleStrategy
    recent: _containers.RepeatedScalarFieldContainer[str]
    context_item: str
    filter: _filter_pb2.Filter
    include_seen: bool
    seen_kinds: _containers.RepeatedScalarFieldContainer[EventKind]
    exclude: _containers.RepeatedScalarFieldContainer[str]
    behaviour: float
    diversity: float
    new_boost: float
    new_days: float
    limit: int
    page_size: int
    page_token: str
    view: _search_service_pb2.ItemView
    long_text: _content_pb2.LongText
    def __init__(self, catalog: _Optional[str] = ..., user: _Optional[str] = ..., examples: _Optional[_Iterable[_Union[_search_service_pb2.Term, _Mapping]]] = ..., strategy: _Optional[_Union[ExampleStrategy, str]] = ..., recent: _Optional[_Iterable[str]] = ..., context_item: _Optional[str] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., include_seen: _Optional[bool] = ..., seen_kinds: _Optional[_Iterable[_Union[EventKind, str]]] = ..., exclude: _Optional[_Iterable[str]] = ..., behaviour: _Optional[float] = ..., diversity: _Optional[float] = ..., new_boost: _Optional[float] = ..., new_days: _Optional[float] = ..., limit: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., view: _Optional[_Union[_search_service_pb2.ItemView, _Mapping]] = ..., long_text: _Optional[_Union[_content_pb2.LongText, str]] = ...) -> None: ...

class RecommendResponse(_message.Message):
    __slots__ = ("recommendations", "next_page_token", "attribution", "report")
    RECOMMENDATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    recommendations: _containers.RepeatedCompositeFieldContainer[Recommendation]
    next_page_token: str
    attribution: str
    report: RecommendationReport
    def __init__(self, recommendations: _Optional[_Iterable[_Union[Recommendation, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., attribution: _Optional[str] = ..., report: _Optional[_Union[RecommendationReport, _Mapping]] = ...) -> None: ...

class Recommendation(_message.Message):
    __slots__ = ("item", "score", "parts", "reasons")
    ITEM_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    item: _catalog_service_pb2.Item
    score: float
    parts: ScoreParts
    reasons: _containers.RepeatedCompositeFieldContainer[Reason]
    def __init__(self, item: _Optional[_Union[_catalog_service_pb2.Item, _Mapping]] = ..., score: _Optional[float] = ..., parts: _Optional[_Union[ScoreParts, _Mapping]] = ..., reasons: _Optional[_Iterable[_Union[Reason, _Mapping]]] = ...) -> None: ...

class ScoreParts(_message.Message):
    __slots__ = ("content", "behaviour", "popularity", "newness")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    BEHAVIOUR_FIELD_NUMBER: _ClassVar[int]
    POPULARITY_FIELD_NUMBER: _ClassVar[int]
    NEWNESS_FIELD_NUMBER: _ClassVar[int]
    content: float
    behaviour: float
    popularity: float
    newness: float
    def __init__(self, content: _Optional[float] = ..., behaviour: _Optional[float] = ..., popularity: _Optional[float] = ..., newness: _Optional[float] = ...) -> None: ...

class Reason(_message.Message):
    __slots__ = ("kind", "item", "example", "part")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    EXAMPLE_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    kind: ReasonKind
    item: str
    example: int
    part: float
    def __init__(self, kind: _Optional[_Union[ReasonKind, str]] = ..., item: _Optional[str] = ..., example: _Optional[int] = ..., part: _Optional[float] = ...) -> None: ...

class RecommendationReport(_message.Message):
    __slots__ = ("embedding", "behaviour", "interests", "events", "candidates", "complete", "shortfall", "learn_time", "wait_ms", "embed_ms", "search_ms", "load_ms")
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    BEHAVIOUR_FIELD_NUMBER: _ClassVar[int]
    INTERESTS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    SHORTFALL_FIELD_NUMBER: _ClassVar[int]
    LEARN_TIME_FIELD_NUMBER: _ClassVar[int]
    WAIT_MS_FIELD_NUMBER: _ClassVar[int]
    EMBED_MS_FIELD_NUMBER: _ClassVar[int]
    SEARCH_MS_FIELD_NUMBER: _ClassVar[int]
    LOAD_MS_FIELD_NUMBER: _ClassVar[int]
    embedding: _content_pb2.Report
    behaviour: float
    interests: int
    events: int
    candidates: int
    complete: bool
    shortfall: str
    learn_time: _timestamp_pb2.Timestamp
    wait_ms: float
    embed_ms: float
    search_ms: float
    load_ms: float
    def __init__(self, embedding: _Optional[_Union[_content_pb2.Report, _Mapping]] = ..., behaviour: _Optional[float] = ..., interests: _Optional[int] = ..., events: _Optional[int] = ..., candidates: _Optional[int] = ..., complete: _Optional[bool] = ..., shortfall: _Optional[str] = ..., learn_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., wait_ms: _Optional[float] = ..., embed_ms: _Optional[float] = ..., search_ms: _Optional[float] = ..., load_ms: _Optional[float] = ...) -> None: ...

class GetRecommendationModelRequest(_message.Message):
    __slots__ = ("catalog",)
    CATALOG_FIELD_NUMBER: _ClassVar[int]
    catalog: str
    def __init__(self, catalog: _Optional[str] = ...) -> None: ...

class GetRecommendationModelResponse(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: RecommendationModel
    def __init__(self, model: _Optional[_Union[RecommendationModel, _Mapping]] = ...) -> None: ...

class RecommendationModel(_message.Message):
    __slots__ = ("method", "learn_time", "learn_seconds", "events", "users", "items", "recorded_events", "recorded_users", "learning", "failure", "measures")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    LEARN_TIME_FIELD_NUMBER: _ClassVar[int]
    LEARN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    RECORDED_EVENTS_FIELD_NUMBER: _ClassVar[int]
    RECORDED_USERS_FIELD_NUMBER: _ClassVar[int]
    LEARNING_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    MEASURES_FIELD_NUMBER: _ClassVar[int]
    method: str
    learn_time: _timestamp_pb2.Timestamp
    learn_seconds: float
    events: int
    users: int
    items: int
    recorded_events: int
    recorded_users: int
    learning: bool
    failure: str
    measures: _containers.RepeatedCompositeFieldContainer[Measure]
    def __init__(self, method: _Optional[str] = ..., learn_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., learn_seconds: _Optional[float] = ..., events: _Optional[int] = ..., users: _Optional[int] = ..., items: _Optional[int] = ..., recorded_events: _Optional[int] = ..., recorded_users: _Optional[int] = ..., learning: _Optional[bool] = ..., failure: _Optional[str] = ..., measures: _Optional[_Iterable[_Union[Measure, _Mapping]]] = ...) -> None: ...

class Measure(_message.Message):
    __slots__ = ("name", "method", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    method: str
    value: float
    def __init__(self, name: _Optional[str] = ..., method: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
