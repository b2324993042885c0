import datetime

from samekind.v1.rules import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from samekind.v1 import classification_service_pb2 as _classification_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LabelSet(_message.Message):
    __slots__ = ("name", "labels", "template_set", "templates", "model", "version", "etag", "label_count", "create_time", "update_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_SET_FIELD_NUMBER: _ClassVar[int]
    TEMPLATES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    LABEL_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    labels: _containers.RepeatedCompositeFieldContainer[_classification_service_pb2.Label]
    template_set: str
    templates: _containers.RepeatedScalarFieldContainer[str]
    model: str
    version: int
    etag: str
    label_count: int
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., labels: _Optional[_Iterable[_Union[_classification_service_pb2.Label, _Mapping]]] = ..., template_set: _Optional[str] = ..., templates: _Optional[_Iterable[str]] = ..., model: _Optional[str] = ..., version: _Optional[int] = ..., etag: _Optional[str] = ..., label_count: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateLabelSetRequest(_message.Message):
    __slots__ = ("label_set", "request_id")
    LABEL_SET_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    label_set: LabelSet
    request_id: str
    def __init__(self, label_set: _Optional[_Union[LabelSet, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateLabelSetResponse(_message.Message):
    __slots__ = ("label_set",)
    LABEL_SET_FIELD_NUMBER: _ClassVar[int]
    label_set: LabelSet
    def __init__(self, label_set: _Optional[_Union[LabelSet, _Mapping]] = ...) -> None: ...

class GetLabelSetRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetLabelSetResponse(_message.Message):
    __slots__ = ("label_set",)
    LABEL_SET_FIELD_NUMBER: _ClassVar[int]
    label_set: LabelSet
    def __init__(self, label_set: _Optional[_Union[LabelSet, _Mapping]] = ...) -> None: ...

class ListLabelSetsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListLabelSetsResponse(_message.Message):
    __slots__ = ("label_sets", "next_page_token")
    LABEL_SETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    label_sets: _containers.RepeatedCompositeFieldContainer[LabelSet]
    next_page_token: str
    def __init__(self, label_sets: _Optional[_Iterable[_Union[LabelSet, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateLabelSetRequest(_message.Message):
    __slots__ = ("label_set", "update_mask", "allow_missing", "request_id")
    LABEL_SET_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    ALLOW_MISSING_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    label_set: LabelSet
    update_mask: _field_mask_pb2.FieldMask
    allow_missing: bool
    request_id: str
    def __init__(self, label_set: _Optional[_Union[LabelSet, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., allow_missing: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateLabelSetResponse(_message.Message):
    __slots__ = ("label_set",)
    LABEL_SET_FIELD_NUMBER: _ClassVar[int]
    label_set: LabelSet
    def __init__(self, label_set: _Optional[_Union[LabelSet, _Mapping]] = ...) -> None: ...

class DeleteLabelSetRequest(_message.Message):
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

class DeleteLabelSetResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
