"""What EmbeddingService is asked and answers (embedding_service.proto)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from samekind.errors import SamekindError
from samekind.types import Embedding, LongText, Model, Precision, ScoreKind
from samekind.v1 import content_pb2 as words
from samekind.v1 import embedding_service_pb2 as pb
from samekind.wire.contents import LONG_TEXTS, PRECISIONS, known, number, read_report, read_vectors, report, utf8, vectors
from samekind.wire.statuses import read_status, status

SCORE_KINDS = {pb.SCORE_KIND_SOFTMAX: ScoreKind.SOFTMAX, pb.SCORE_KIND_SIGMOID: ScoreKind.SIGMOID}


def embed_request(
    contents: Iterable[words.Content],
    *,
    model: str = "",
    half: bool = False,
    dimensions: int = 0,
    long_text: LongText = LongText.TRUNCATE,
) -> pb.EmbedRequest:
    """A request to embed a batch, answered in float32 or, `half`, float16."""
    return pb.EmbedRequest(
        model=utf8(model),
        contents=contents,
        dtype=words.DTYPE_FLOAT16 if half else words.DTYPE_FLOAT32,
        dimensions=dimensions,
        long_text=number(LONG_TEXTS, long_text),
    )


def embed_stream_options(
    *, model: str = "", half: bool = False, dimensions: int = 0, long_text: LongText = LongText.TRUNCATE
) -> pb.EmbedStreamOptions:
    """The same for all batches of a stream."""
    return pb.EmbedStreamOptions(
        model=utf8(model),
        dtype=words.DTYPE_FLOAT16 if half else words.DTYPE_FLOAT32,
        dimensions=dimensions,
        long_text=number(LONG_TEXTS, long_text),
    )


def embed_response(embeddings: Sequence[Embedding], *, half: bool = False) -> pb.EmbedResponse:
    """The response of a batch's embeddings, one or more; space and report are the same in all and taken from the first."""
    good = [each.vector for each in embeddings if each.error is None]
    rows = np.stack(good) if good else np.empty((0, 0), np.float32)
    row = iter(range(len(good)))
    return pb.EmbedResponse(
        results=[_embed_result(index, each, row) for index, each in enumerate(embeddings)],
        vectors=vectors(rows, embeddings[0].space, half=half),
        report=report(embeddings[0].report),
    )


def read_embed_response(response: pb.EmbedResponse) -> list[Embedding]:
    """The batch's embeddings in order; a failed one has its error and a vector of no numbers."""
    rows, space, made = read_vectors(response.vectors), response.vectors.space, read_report(response.report)
    none = np.empty(0, np.float32)
    return [
        Embedding(none if error else rows[result.embedding.row], space, made, result.embedding.truncated, error)
        for result, error in ((result, _read_error(result)) for result in response.results)
    ]


def models_request(*, page_size: int = 0, page_token: str = "") -> pb.ListModelsRequest:
    """A request for a page of models."""
    return pb.ListModelsRequest(page_size=page_size, page_token=page_token)


def models_response(models: Iterable[Model], *, next_page_token: str = "") -> pb.ListModelsResponse:
    """The response of a page of models."""
    return pb.ListModelsResponse(models=map(model, models), next_page_token=next_page_token)


def read_models_response(response: pb.ListModelsResponse) -> list[Model]:
    """The page's models."""
    return [read_model(each) for each in response.models]


def model_request(name: str = "") -> pb.GetModelRequest:
    """A request for one model; no name is the server's default model."""
    return pb.GetModelRequest(model=utf8(name))


def model_response(value: Model) -> pb.GetModelResponse:
    """The response of one model."""
    return pb.GetModelResponse(model=model(value))


def read_model_response(response: pb.GetModelResponse) -> Model:
    """The response's model."""
    return read_model(response.model)


def model(value: Model) -> pb.Model:
    """The message of a model."""
    return pb.Model(
        name=value.name,
        space=value.space,
        dimensions=value.dimensions,
        prefix_dimensions=value.prefix_dimensions,
        context_length=value.context_length,
        image_size=value.image_size,
        parameters=value.parameters,
        score_kind=number(SCORE_KINDS, value.score_kind),
        runtime=value.runtime,
        precision=number(PRECISIONS, value.precision),
        default=value.default,
    )


def read_model(message: pb.Model) -> Model:
    """The model of a message; a model that names no precision computes in fp32."""
    return Model(
        name=message.name,
        space=message.space,
        dimensions=message.dimensions,
        prefix_dimensions=tuple(message.prefix_dimensions),
        context_length=message.context_length,
        image_size=message.image_size,
        parameters=message.parameters,
        score_kind=known(SCORE_KINDS, message.score_kind, "score kind"),
        runtime=message.runtime,
        precision=known(PRECISIONS, message.precision, "precision") or Precision.EXACT,
        default=message.default,
    )


def _embed_result(index: int, value: Embedding, row: Iterator[int]) -> pb.EmbedResult:
    if value.error:
        return pb.EmbedResult(error=status(value.error, field=f"contents[{index}]"))
    return pb.EmbedResult(embedding=pb.Embedding(row=next(row), truncated=value.truncated))


def _read_error(result: pb.EmbedResult) -> SamekindError | None:
    return read_status(result.error) if result.HasField("error") else None
