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

class ProbabilityKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROBABILITY_KIND_UNSPECIFIED: _ClassVar[ProbabilityKind]
    PROBABILITY_KIND_SOFTMAX: _ClassVar[ProbabilityKind]
    PROBABILITY_KIND_SIGMOID: _ClassVar[ProbabilityKind]
    PROBABILITY_KIND_BACKGROUND: _ClassVar[ProbabilityKind]
PROBABILITY_KIND_UNSPECIFIED: ProbabilityKind
PROBABILITY_KIND_SOFTMAX: ProbabilityKind
PROBABILITY_KIND_SIGMOID: ProbabilityKind
PROBABILITY_KIND_BACKGROUND: ProbabilityKind

class ClassifyRequest(_message.Message):
    __slots__ = ("model", "contents", "labels", "label_set", "label_sets", "multi_label", "top_k", "min_probability", "long_text")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CONTENTS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    LABEL_SET_FIELD_NUMBER: _ClassVar[int]
    LABEL_SETS_FIELD_NUMBER: _ClassVar[int]
    MULTI_LABEL_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    MIN_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    LONG_TEXT_FIELD_NUMBER: _ClassVar[int]
    model: str
    contents: _containers.RepeatedCompositeFieldContainer[_content_pb2.Content]
    labels: Labels
    label_set: str
    label_sets: LabelSetNames
    multi_label: bool
    top_k: int
    min_probability: float
    long_text: _content_pb2.LongText
    def __init__(self, model: _Optional[str] = ..., contents: _Optional[_Iterable[_Union[_content_pb2.Content, _Mapping]]] = ..., labels: _Optional[_Union[Labels, _Mapping]] = ..., label_set: _Optional[str] = ..., label_sets: _Optional[_Union[LabelSetNames, _Mapping]] = ..., multi_label: _Optional[bool] = ..., top_k: _Optional[int] = ..., min_probability: _Optional[float] = ..., long_text: _Optional[_Union[_content_pb2.LongText, str]] = ...) -> None: ...

class ClassifyStreamRequest(_message.Message):
    __slots__ = ("options", "sequence", "contents", "timeout")
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CONTENTS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    options: ClassifyStreamOptions
    sequence: int
    contents: _containers.RepeatedCompositeFieldContainer[_content_pb2.Content]
    timeout: _duration_pb2.Duration
    def __init__(self, options: _Optional[_Union[ClassifyStreamOptions, _Mapping]] = ..., sequence: _Optional[int] = ..., contents: _Optional[_Iterable[_Union[_content_pb2.Content, _Mapping]]] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ClassifyStreamOptions(_message.Message):
    __slots__ = ("model", "labels", "label_set", "label_sets", "multi_label", "top_k", "min_probability", "long_text")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    LABEL_SET_FIELD_NUMBER: _ClassVar[int]
    LABEL_SETS_FIELD_NUMBER: _ClassVar[int]
    MULTI_LABEL_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    MIN_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    LONG_TEXT_FIELD_NUMBER: _ClassVar[int]
    model: str
    labels: Labels
    label_set: str
    label_sets: LabelSetNames
    multi_label: bool
    top_k: int
    min_probability: float
    long_text: _content_pb2.LongText
    def __init__(self, model: _Optional[str] = ..., labels: _Optional[_Union[Labels, _Mapping]] = ..., label_set: _Optional[str] = ..., label_sets: _Optional[_Union[LabelSetNames, _Mapping]] = ..., multi_label: _Optional[bool] = ..., top_k: _Optional[int] = ..., min_probability: _Optional[float] = ..., long_text: _Optional[_Union[_content_pb2.LongText, str]] = ...) -> None: ...

class ClassifyStreamResponse(_message.Message):
    __slots__ = ("sequence", "answer", "error")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    answer: ClassifyResponse
    error: _status_pb2.Status
    def __init__(self, sequence: _Optional[int] = ..., answer: _Optional[_Union[ClassifyResponse, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class LabelSetNames(_message.Message):
    __slots__ = ("names",)
    NAMES_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, names: _Optional[_Iterable[str]] = ...) -> None: ...

class Labels(_message.Message):
    __slots__ = ("labels", "template_set", "templates")
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_SET_FIELD_NUMBER: _ClassVar[int]
    TEMPLATES_FIELD_NUMBER: _ClassVar[int]
    labels: _containers.RepeatedCompositeFieldContainer[Label]
    template_set: str
    templates: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, labels: _Optional[_Iterable[_Union[Label, _Mapping]]] = ..., template_set: _Optional[str] = ..., templates: _Optional[_Iterable[str]] = ...) -> None: ...

class Label(_message.Message):
    __slots__ = ("name", "descriptions", "parent", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _content_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_content_pb2.Value, _Mapping]] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTIONS_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    name: str
    descriptions: _containers.RepeatedScalarFieldContainer[str]
    parent: str
    metadata: _containers.MessageMap[str, _content_pb2.Value]
    def __init__(self, name: _Optional[str] = ..., descriptions: _Optional[_Iterable[str]] = ..., parent: _Optional[str] = ..., metadata: _Optional[_Mapping[str, _content_pb2.Value]] = ...) -> None: ...

class ClassifyResponse(_message.Message):
    __slots__ = ("results", "probability_kind", "truncated_labels", "report", "label_sets")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_KIND_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_LABELS_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    LABEL_SETS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[ClassifyResult]
    probability_kind: ProbabilityKind
    truncated_labels: _containers.RepeatedScalarFieldContainer[str]
    report: _content_pb2.Report
    label_sets: _containers.RepeatedCompositeFieldContainer[AskedLabelSet]
    def __init__(self, results: _Optional[_Iterable[_Union[ClassifyResult, _Mapping]]] = ..., probability_kind: _Optional[_Union[ProbabilityKind, str]] = ..., truncated_labels: _Optional[_Iterable[str]] = ..., report: _Optional[_Union[_content_pb2.Report, _Mapping]] = ..., label_sets: _Optional[_Iterable[_Union[AskedLabelSet, _Mapping]]] = ...) -> None: ...

class AskedLabelSet(_message.Message):
    __slots__ = ("name", "version", "truncated_labels")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_LABELS_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    truncated_labels: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., truncated_labels: _Optional[_Iterable[str]] = ...) -> None: ...

class ClassifyResult(_message.Message):
    __slots__ = ("classification", "error")
    CLASSIFICATION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    classification: Classification
    error: _status_pb2.Status
    def __init__(self, classification: _Optional[_Union[Classification, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class Classification(_message.Message):
    __slots__ = ("scores", "truncated", "by_label_set")
    SCORES_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    BY_LABEL_SET_FIELD_NUMBER: _ClassVar[int]
    scores: _containers.RepeatedCompositeFieldContainer[LabelScore]
    truncated: bool
    by_label_set: _containers.RepeatedCompositeFieldContainer[LabelSetScores]
    def __init__(self, scores: _Optional[_Iterable[_Union[LabelScore, _Mapping]]] = ..., truncated: _Optional[bool] = ..., by_label_set: _Optional[_Iterable[_Union[LabelSetScores, _Mapping]]] = ...) -> None: ...

class LabelSetScores(_message.Message):
    __slots__ = ("scores",)
    SCORES_FIELD_NUMBER: _ClassVar[int]
    scores: _containers.RepeatedCompositeFieldContainer[LabelScore]
    def __init__(self, scores: _Optional[_Iterable[_Union[LabelScore, _Mapping]]] = ...) -> None: ...

class LabelScore(_message.Message):
    __slots__ = ("label", "probability", "similarity")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    label: str
    probability: float
    similarity: float
    def __init__(self, label: _Optional[str] = ..., probability: _Optional[float] = ..., similarity: _Optional[float] = ...) -> None: ...
