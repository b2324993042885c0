import datetime

from samekind.v1.rules import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.rpc import status_pb2 as _status_pb2
from samekind.v1 import content_pb2 as _content_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ScoreKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCORE_KIND_UNSPECIFIED: _ClassVar[ScoreKind]
    SCORE_KIND_SOFTMAX: _ClassVar[ScoreKind]
    SCORE_KIND_SIGMOID: _ClassVar[ScoreKind]
SCORE_KIND_UNSPECIFIED: ScoreKind
SCORE_KIND_SOFTMAX: ScoreKind
SCORE_KIND_SIGMOID: ScoreKind

class EmbedRequest(_message.Message):
    __slots__ = ("model", "contents", "dtype", "dimensions", "long_text")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CONTENTS_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    LONG_TEXT_FIELD_NUMBER: _ClassVar[int]
    model: str
    contents: _containers.RepeatedCompositeFieldContainer[_content_pb2.Content]
    dtype: _content_pb2.Dtype
    dimensions: int
    long_text: _content_pb2.LongText
    def __init__(self, model: _Optional[str] = ..., contents: _Optional[_Iterable[_Union[_content_pb2.Content, _Mapping]]] = ..., dtype: _Optional[_Union[_content_pb2.Dtype, str]] = ..., dimensions: _Optional[int] = ..., long_text: _Optional[_Union[_content_pb2.LongText, str]] = ...) -> None: ...

class EmbedResponse(_message.Message):
    __slots__ = ("results", "vectors", "report")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    VECTORS_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[EmbedResult]
    vectors: _content_pb2.Vectors
    report: _content_pb2.Report
    def __init__(self, results: _Optional[_Iterable[_Union[EmbedResult, _Mapping]]] = ..., vectors: _Optional[_Union[_content_pb2.Vectors, _Mapping]] = ..., report: _Optional[_Union[_content_pb2.Report, _Mapping]] = ...) -> None: ...

class EmbedResult(_message.Message):
    __slots__ = ("embedding", "error")
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    embedding: Embedding
    error: _status_pb2.Status
    def __init__(self, embedding: _Optional[_Union[Embedding, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class Embedding(_message.Message):
    __slots__ = ("row", "truncated")
    ROW_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    row: int
    truncated: bool
    def __init__(self, row: _Optional[int] = ..., truncated: _Optional[bool] = ...) -> None: ...

class EmbedStreamRequest(_message.Message):
    __slots__ = ("options", "sequence", "contents", "timeout")
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CONTENTS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    options: EmbedStreamOptions
    sequence: int
    contents: _containers.RepeatedCompositeFieldContainer[_content_pb2.Content]
    timeout: _duration_pb2.Duration
    def __init__(self, options: _Optional[_Union[EmbedStreamOptions, _Mapping]] = ..., sequence: _Optional[int] = ..., contents: _Optional[_Iterable[_Union[_content_pb2.Content, _Mapping]]] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class EmbedStreamOptions(_message.Message):
    __slots__ = ("model", "dtype", "dimensions", "long_text")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    LONG_TEXT_FIELD_NUMBER: _ClassVar[int]
    model: str
    dtype: _content_pb2.Dtype
    dimensions: int
    long_text: _content_pb2.LongText
    def __init__(self, model: _Optional[str] = ..., dtype: _Optional[_Union[_content_pb2.Dtype, str]] = ..., dimensions: _Optional[int] = ..., long_text: _Optional[_Union[_content_pb2.LongText, str]] = ...) -> None: ...

class EmbedStreamResponse(_message.Message):
    __slots__ = ("sequence", "answer", "error")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    answer: EmbedResponse
    error: _status_pb2.Status
    def __init__(self, sequence: _Optional[int] = ..., answer: _Optional[_Union[EmbedResponse, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models", "next_page_token")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    next_page_token: str
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetModelRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class GetModelResponse(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: Model
    def __init__(self, model: _Optional[_Union[Model, _Mapping]] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("name", "space", "dimensions", "prefix_dimensions", "context_length", "image_size", "parameters", "score_kind", "runtime", "precision", "default")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    PREFIX_DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_LENGTH_FIELD_NUMBER: _ClassVar[int]
    IMAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    SCORE_KIND_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_FIELD_NUMBER: _ClassVar[int]
    name: str
    space: str
    dimensions: int
    prefix_dimensions: _containers.RepeatedScalarFieldContainer[int]
    context_length: int
    image_size: int
    parameters: int
    score_kind: ScoreKind
    runtime: str
    precision: _content_pb2.Precision
    default: bool
    def __init__(self, name: _Optional[str] = ..., space: _Optional[str] = ..., dimensions: _Optional[int] = ..., prefix_dimensions: _Optional[_Iterable[int]] = ..., context_length: _Optional[int] = ..., image_size: _Optional[int] = ..., parameters: _Optional[int] = ..., score_kind: _Optional[_Union[ScoreKind, str]] = ..., runtime: _Optional[str] = ..., precision: _Optional[_Union[_content_pb2.Precision, str]] = ..., default: _Optional[bool] = ...) -> None: ...
