"""One pure builder per operation: its requests, drawn one by one, and how to read their answers; no connection is known here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, TypeVar, cast, overload
from uuid import uuid4

import numpy as np
from google.protobuf.message import Message

from samekind import inputs, wire
from samekind.errors import BadRequest, Internal, RequestTooLarge, SamekindError, Violation
from samekind.inputs import Given, GivenLabels
from samekind.types import Answer, Embedding, LongText, Model, ProbabilityKind, Report
from samekind.v1 import classification_service_pb2 as classification
from samekind.v1 import content_pb2 as words
from samekind.v1 import embedding_service_pb2 as embedding

# The proto's own cap, and a size that keeps a request small beside any server's limit on messages.
MOST_CONTENTS = 1024
MOST_BYTES = 4 << 20

Response = TypeVar("Response")
Item = TypeVar("Item", Answer, Embedding, Model)
Failing = TypeVar("Failing", Answer, Embedding)
Result = TypeVar("Result")
Entry = words.Content | SamekindError


@dataclass(frozen=True)
class Method(Generic[Response]):
    """Where a request goes and what comes back."""

    path: str
    response: Callable[[bytes], Response]


@dataclass(frozen=True)
class Part(Generic[Response, Item]):
    """One request of a call; `request` and the response are None where nothing is left to ask."""

    request: Message | None
    read: Callable[[Response | None], list[Item]]
    refused: Callable[[SamekindError], list[Item]]
    follow: Callable[[Response | None], Part[Response, Item] | None] = lambda _: None
    request_id: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True)
class Call(Generic[Response, Item, Result]):
    """One operation: its parts, each made when it is drawn, and what their items amount to."""

    method: Method[Response]
    parts: Iterator[Part[Response, Item]]
    finish: Callable[[list[Item]], Result]


CLASSIFY = Method("/samekind.v1.ClassificationService/Classify", classification.ClassifyResponse.FromString)
EMBED = Method("/samekind.v1.EmbeddingService/Embed", embedding.EmbedResponse.FromString)
LIST_MODELS = Method("/samekind.v1.EmbeddingService/ListModels", embedding.ListModelsResponse.FromString)
GET_MODEL = Method("/samekind.v1.EmbeddingService/GetModel", embedding.GetModelResponse.FromString)


@overload
def classify(  # type: ignore[overload-overlap]  # a str is one text, though it can be iterated over
    contents: Given,
    labels: GivenLabels,
    *,
    multi: bool = ...,
    top_k: int = ...,
    min_probability: float = ...,
    templates: str | Sequence[str] = ...,
    model: str = ...,
    long_text: LongText = ...,
) -> Call[classification.ClassifyResponse, Answer, Answer]: ...
@overload
def classify(
    contents: Iterable[Given],
    labels: GivenLabels,
    *,
    multi: bool = ...,
    top_k: int = ...,
    min_probability: float = ...,
    templates: str | Sequence[str] = ...,
    model: str = ...,
    long_text: LongText = ...,
) -> Call[classification.ClassifyResponse, Answer, list[Answer]]: ...
def classify(
    contents: Given | Iterable[Given],
    labels: GivenLabels,
    *,
    multi: bool = False,
    top_k: int = 0,
    min_probability: float = 0.0,
    templates: str | Sequence[str] = "photo",
    model: str = "",
    long_text: LongText = LongText.TRUNCATE,
) -> Call[classification.ClassifyResponse, Answer, Any]:
    """What kind a content is, or each of several, among `labels`.

    Of one content its Answer, or its error raised; of several a list in their order, each with its own `.error`.
    `labels` are names, names with descriptions, or Labels (which bring their own templates); `templates` is a set's name,
    `plain`, `photo` or `imagenet`, or one's own sentences with one `{}`. `multi` lets any number of labels hold.
    """
    ask = partial(
        wire.classify_request,
        labels=wire.labels(inputs.labels(labels, templates)),
        model=model,
        multi=multi,
        top_k=_count("top_k", top_k),
        min_probability=min_probability,
        long_text=long_text,
    )
    return _batched(CLASSIFY, contents, _Batch(ask, wire.read_classify_response, _unanswered))


@overload
def embed(  # type: ignore[overload-overlap]  # a str is one text, though it can be iterated over
    contents: Given, *, dimensions: int = ..., half: bool = ..., model: str = ..., long_text: LongText = ...
) -> Call[embedding.EmbedResponse, Embedding, Embedding]: ...
@overload
def embed(
    contents: Iterable[Given], *, dimensions: int = ..., half: bool = ..., model: str = ..., long_text: LongText = ...
) -> Call[embedding.EmbedResponse, Embedding, list[Embedding]]: ...
def embed(
    contents: Given | Iterable[Given],
    *,
    dimensions: int = 0,
    half: bool = False,
    model: str = "",
    long_text: LongText = LongText.TRUNCATE,
) -> Call[embedding.EmbedResponse, Embedding, Any]:
    """The unit vector of a content, or of each of several.

    Of one content its Embedding, or its error raised; of several a list in their order, each with its own `.error`.
    `dimensions` keeps the first so many numbers and normalises again, 0 all; `half` sends float16 over the wire.
    """
    ask = partial(wire.embed_request, dimensions=_count("dimensions", dimensions), half=half, model=model, long_text=long_text)
    return _batched(EMBED, contents, _Batch(ask, wire.read_embed_response, _unembedded))


def list_models() -> Call[embedding.ListModelsResponse, Model, list[Model]]:
    """All models of the server, page by page."""
    return Call(LIST_MODELS, iter([_models_page("")]), list)


def get_model(name: str = "") -> Call[embedding.GetModelResponse, Model, Model]:
    """One model; without a name the server's default."""
    part = Part[embedding.GetModelResponse, Model](
        wire.model_request(name), lambda response: [wire.read_model_response(response)] if response else [], _raise
    )
    return Call(GET_MODEL, iter([part]), lambda models: models[0])


def _models_page(token: str) -> Part[embedding.ListModelsResponse, Model]:
    return Part(
        wire.models_request(page_token=token),
        lambda response: wire.read_models_response(response) if response else [],
        _raise,
        lambda response: _models_page(response.next_page_token) if response and response.next_page_token else None,
    )


def _raise(error: SamekindError) -> list[Model]:
    raise error


def _count(name: str, given: int) -> int:
    if given < 0:
        raise BadRequest(f"{name} is 0 or more, not {given}", violations=(Violation(name, "is 0 or more"),))
    return given


def serialized(request: Message) -> bytes:
    """A request as it goes over the wire."""
    return request.SerializeToString()


# Batches


@dataclass(frozen=True)
class _Batch(Generic[Response, Failing]):
    ask: Callable[[list[words.Content]], Message]
    read: Callable[[Response], list[Failing]]
    failed: Callable[[SamekindError, list[Failing]], Failing]

    def part(self, start: int, entries: list[Entry]) -> Part[Response, Failing]:
        """The request for those entries that are contents; the others are errors already."""
        contents = [entry for entry in entries if not isinstance(entry, SamekindError)]
        errors = [entry if isinstance(entry, SamekindError) else None for entry in entries]
        request_id = uuid4().hex
        return Part(
            self.ask(contents) if contents else None,
            partial(self._answers, start, errors, request_id),
            partial(self._refused, errors),
            request_id=request_id,
        )

    def _answers(self, start: int, errors: list[SamekindError | None], request_id: str, response: Response | None) -> list[Failing]:
        asked = [start + index for index, error in enumerate(errors) if error is None]
        answers = self.read(response) if response is not None else []
        if len(answers) != len(asked):
            raise Internal(f"the server answered {len(answers)} of {len(asked)} contents", metadata={"request_id": request_id})
        for item in answers:
            if item.error:
                _place(item.error, asked, request_id)
        rest = iter(answers)
        return [self.failed(error, answers) if error else next(rest) for error in errors]

    def _refused(self, errors: list[SamekindError | None], refusal: SamekindError) -> list[Failing]:
        """A content too large for any request fails alone: it travels alone."""
        if not isinstance(refusal, RequestTooLarge) or errors.count(None) > 1:
            raise refusal
        return [self.failed(error or refusal, []) for error in errors]


def _batched(
    method: Method[Response], contents: Given | Iterable[Given], batch: _Batch[Response, Failing]
) -> Call[Response, Failing, Failing | list[Failing]]:
    if inputs.is_one(contents):
        return Call(method, (batch.part(*each) for each in _split([contents])), _only)
    several = cast("Iterable[Given]", contents)
    return Call(method, (batch.part(*each) for each in _split(several)), list)


def _split(contents: Iterable[Given]) -> Iterator[tuple[int, list[Entry]]]:
    """Runs of entries that fit one request, each with the place of its first."""
    start, entries, size = 0, list[Entry](), 0
    for given in contents:
        entry = _entry(given)
        weight = 0 if isinstance(entry, SamekindError) else entry.ByteSize()
        if entries and (len(entries) == MOST_CONTENTS or size + weight > MOST_BYTES):
            yield start, entries
            start, entries, size = start + len(entries), [], 0
        entries.append(entry)
        size += weight
    if entries:
        yield start, entries


def _entry(given: Given) -> Entry:
    try:
        return wire.content(inputs.content(given))
    except SamekindError as error:
        return error


def _place(error: SamekindError, asked: list[int], request_id: str) -> None:
    """Makes an error name the caller's content instead of its request's, and the request it is of."""
    error.violations = tuple(
        replace(each, field=re.sub(r"^contents\[(\d+)\]", lambda found: f"contents[{asked[int(found[1])]}]", each.field)) for each in error.violations
    )
    error.metadata.setdefault("request_id", request_id)


def _only(items: list[Failing]) -> Failing:
    [item] = items
    if item.error:
        raise item.error
    return item


_NO_REPORT = Report("", "", None)
_NO_ANSWER = Answer((), ProbabilityKind.SOFTMAX, _NO_REPORT)
_NO_EMBEDDING = Embedding(np.empty(0, np.float32), "", _NO_REPORT)


def _unanswered(error: SamekindError, neighbours: list[Answer]) -> Answer:
    return replace((neighbours or [_NO_ANSWER])[0], scores=(), truncated=False, error=error)


def _unembedded(error: SamekindError, neighbours: list[Embedding]) -> Embedding:
    return replace((neighbours or [_NO_EMBEDDING])[0], vector=_NO_EMBEDDING.vector, truncated=False, error=error)
