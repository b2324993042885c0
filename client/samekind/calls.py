"""One pure builder per operation: what is asked, and what its answers amount to; no connection is known here."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, overload

import numpy as np

from samekind import inputs, wire
from samekind.batches import Batch, Call, Method, Several, Streamed, batched
from samekind.errors import SamekindError
from samekind.inputs import Given, GivenLabels
from samekind.turns import chained, paged
from samekind.types import Answer, Embedding, LongText, Model, ProbabilityKind, Report
from samekind.v1 import classification_service_pb2 as classification
from samekind.v1 import embedding_service_pb2 as embedding

CLASSIFY = Method("/samekind.v1.ClassificationService/Classify", classification.ClassifyResponse.FromString)
CLASSIFY_STREAM = Method("/samekind.v1.ClassificationService/ClassifyStream", classification.ClassifyStreamResponse.FromString)
EMBED = Method("/samekind.v1.EmbeddingService/Embed", embedding.EmbedResponse.FromString)
EMBED_STREAM = Method("/samekind.v1.EmbeddingService/EmbedStream", embedding.EmbedStreamResponse.FromString)
LIST_MODELS = Method("/samekind.v1.EmbeddingService/ListModels", embedding.ListModelsResponse.FromString)
GET_MODEL = Method("/samekind.v1.EmbeddingService/GetModel", embedding.GetModelResponse.FromString)


@overload
def classify(  # type: ignore[overload-overlap]  # a str is one text, though it can be iterated over
    contents: Given,
    labels: GivenLabels | None = ...,
    *,
    label_set: str = ...,
    label_sets: Sequence[str] = ...,
    multi: bool = ...,
    top_k: int = ...,
    min_probability: float = ...,
    templates: str | Sequence[str] = ...,
    model: str = ...,
    long_text: LongText = ...,
    progress: bool = ...,
) -> Call[classification.ClassifyResponse, Answer, Answer]: ...
@overload
def classify(  # type: ignore[overload-overlap]  # an iterator can be iterated over, too
    contents: Iterator[Given] | AsyncIterable[Given],
    labels: GivenLabels | None = ...,
    *,
    label_set: str = ...,
    label_sets: Sequence[str] = ...,
    multi: bool = ...,
    top_k: int = ...,
    min_probability: float = ...,
    templates: str | Sequence[str] = ...,
    model: str = ...,
    long_text: LongText = ...,
    progress: bool = ...,
) -> Streamed[classification.ClassifyResponse, Answer]: ...
@overload
def classify(
    contents: Iterable[Given],
    labels: GivenLabels | None = ...,
    *,
    label_set: str = ...,
    label_sets: Sequence[str] = ...,
    multi: bool = ...,
    top_k: int = ...,
    min_probability: float = ...,
    templates: str | Sequence[str] = ...,
    model: str = ...,
    long_text: LongText = ...,
    progress: bool = ...,
) -> Several[classification.ClassifyResponse, Answer]: ...
def classify(
    contents: Given | Iterable[Given] | AsyncIterable[Given],
    labels: GivenLabels | None = None,
    *,
    label_set: str = "",
    label_sets: Sequence[str] = (),
    multi: bool = False,
    top_k: int = 0,
    min_probability: float = 0.0,
    templates: str | Sequence[str] = "photo",
    model: str = "",
    long_text: LongText = LongText.TRUNCATE,
    progress: bool = False,
) -> Any:
    """What kind a content is, or each of several, among `labels`, or those of a `label_set` that the server keeps.

    Of one content its Answer, or its error raised; of several a list in their order, each with its own `.error`; of an iterator, such as
    a generator, an iterator of the answers in their order as they come, however many. `progress` shows a bar.
    `labels` are names, names with descriptions, or Labels (which bring their own templates); `templates` is a set's name,
    `plain`, `photo` or `imagenet`, or one's own sentences with one `{}`. `multi` lets any number of labels hold.
    A `label_set` is a name, or `name@version`; several `label_sets` are asked at once, each one's Answer in `.by_label_set`.
    """
    asked = _asked(labels, templates, label_set, label_sets)
    given: dict[str, Any] = {
        "model": model,
        "multi": multi,
        "top_k": inputs.count("top_k", top_k),
        "min_probability": min_probability,
        "long_text": long_text,
    }
    batch = Batch(
        CLASSIFY,
        lambda contents: wire.classify_request(contents, asked, **given),
        wire.read_classify_response,
        _unanswered,
        CLASSIFY_STREAM,
        classification.ClassifyStreamRequest,
        wire.classify_stream_options(asked, **given),
    )
    return batched(contents, batch, progress=progress)


@overload
def embed(  # type: ignore[overload-overlap]  # a str is one text, though it can be iterated over
    contents: Given, *, dimensions: int = ..., half: bool = ..., model: str = ..., long_text: LongText = ..., progress: bool = ...
) -> Call[embedding.EmbedResponse, Embedding, Embedding]: ...
@overload
def embed(  # type: ignore[overload-overlap]  # an iterator can be iterated over, too
    contents: Iterator[Given] | AsyncIterable[Given],
    *,
    dimensions: int = ...,
    half: bool = ...,
    model: str = ...,
    long_text: LongText = ...,
    progress: bool = ...,
) -> Streamed[embedding.EmbedResponse, Embedding]: ...
@overload
def embed(
    contents: Iterable[Given], *, dimensions: int = ..., half: bool = ..., model: str = ..., long_text: LongText = ..., progress: bool = ...
) -> Several[embedding.EmbedResponse, Embedding]: ...
def embed(
    contents: Given | Iterable[Given] | AsyncIterable[Given],
    *,
    dimensions: int = 0,
    half: bool = False,
    model: str = "",
    long_text: LongText = LongText.TRUNCATE,
    progress: bool = False,
) -> Any:
    """The unit vector of a content, or of each of several.

    Of one content its Embedding, or its error raised; of several a list in their order, each with its own `.error`; of an iterator, such
    as a generator, an iterator of the embeddings in their order as they come, however many. `progress` shows a bar.
    `dimensions` keeps the first so many numbers and normalises again, 0 all; `half` sends float16 over the wire.
    """
    given: dict[str, Any] = {"model": model, "half": half, "dimensions": inputs.count("dimensions", dimensions), "long_text": long_text}
    batch = Batch(
        EMBED,
        lambda contents: wire.embed_request(contents, **given),
        wire.read_embed_response,
        _unembedded,
        EMBED_STREAM,
        embedding.EmbedStreamRequest,
        wire.embed_stream_options(**given),
    )
    return batched(contents, batch, progress=progress)


def list_models() -> Call[embedding.ListModelsResponse, Model, list[Model]]:
    """All models of the server, page by page."""
    return paged(LIST_MODELS, lambda token: wire.models_request(page_token=token), wire.read_models_response, list)


def get_model(name: str = "") -> Call[embedding.GetModelResponse, Model, Model]:
    """One model; without a name the server's default."""
    return chained(GET_MODEL, [wire.model_request(name)], lambda response: [wire.read_model_response(response)], lambda models: models[0])


def _asked(labels: GivenLabels | None, templates: str | Sequence[str], label_set: str, label_sets: Sequence[str]) -> wire.Asked:
    if (labels is not None) + bool(label_set) + bool(label_sets) != 1:
        raise TypeError("give one of labels, label_set and label_sets")
    if isinstance(label_sets, str):
        raise TypeError(f"label_sets is a list of names, e.g. {[label_sets]}; of one set give label_set={label_sets!r}")
    if labels is None:
        return label_set or tuple(label_sets)
    return wire.labels(inputs.labels(labels, templates))


_NO_REPORT = Report("", "", None)
_NO_ANSWER = Answer((), ProbabilityKind.SOFTMAX, _NO_REPORT)
_NO_EMBEDDING = Embedding(np.empty(0, np.float32), "", _NO_REPORT)


def _unanswered(error: SamekindError, neighbours: list[Answer]) -> Answer:
    return replace((neighbours or [_NO_ANSWER])[0], scores=(), truncated=False, by_label_set={}, error=error)


def _unembedded(error: SamekindError, neighbours: list[Embedding]) -> Embedding:
    return replace((neighbours or [_NO_EMBEDDING])[0], vector=_NO_EMBEDDING.vector, truncated=False, error=error)
