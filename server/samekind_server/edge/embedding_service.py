"""EmbeddingService: contents to unit vectors, and which models there are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TypeAlias

from samekind import wire
from samekind.types import Embedding
from samekind.v1 import content_pb2 as words
from samekind.v1 import embedding_service_pb2 as pb
from samekind.v1 import embedding_service_pb2_grpc as stubs
from samekind_server.edge import contents, pages, streams, validation
from samekind_server.edge.asking import asker
from samekind_server.edge.handlers import Context
from samekind_server.edge.streams import Ask
from samekind_server.embedding.askers import Asker
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.work import Embedded

Options: TypeAlias = pb.EmbedRequest | pb.EmbedStreamOptions

PAGE = 100


class EmbeddingServicer(stubs.EmbeddingServiceServicer):
    """Answers from one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def Embed(self, request: pb.EmbedRequest, context: Context) -> pb.EmbedResponse:
        """Embeds a batch."""
        validation.check(request)
        return await self._answer(request, request.contents, asker(context))

    def EmbedStream(self, requests: AsyncIterator[pb.EmbedStreamRequest], context: Context) -> AsyncIterator[pb.EmbedStreamResponse]:
        """Embeds batches for as long as they come."""
        return streams.answered(requests, context, self._opened, pb.EmbedStreamResponse)

    async def ListModels(self, request: pb.ListModelsRequest, context: Context) -> pb.ListModelsResponse:
        """Lists the models in name order."""
        validation.check(request)
        after, size = pages.after(request), request.page_size or PAGE
        models = await asyncio.to_thread(self._engine.registry.models)
        left = sorted((model for model in models if model.name > after), key=lambda model: model.name)
        more = pages.token(request, left[size - 1].name) if len(left) > size else ""
        return wire.models_response(left[:size], next_page_token=more)

    async def GetModel(self, request: pb.GetModelRequest, context: Context) -> pb.GetModelResponse:
        """Tells of one model."""
        validation.check(request)
        encoder = await self._engine.encoder(request.model)
        return wire.model_response(encoder.model)

    async def _opened(self, options: pb.EmbedStreamOptions, asker: Asker) -> Ask:
        await self._embed(options, (), asker)  # Options that cannot be are told at once.
        return lambda request, asker: self._answer(options, request.contents, asker)

    async def _answer(self, options: Options, messages: Sequence[words.Content], asker: Asker) -> pb.EmbedResponse:
        embedded = await self._embed(options, messages, asker)
        return wire.embed_response(_embeddings(embedded), half=options.dtype == words.DTYPE_FLOAT16)

    async def _embed(self, options: Options, messages: Sequence[words.Content], asker: Asker) -> Embedded:
        encoder, batch = await self._engine.encoder(options.model), contents.read(messages)
        long_text = wire.read_long_text(options.long_text)
        return await self._engine.embed(encoder, batch, asker=asker, long_text=long_text, dimensions=options.dimensions)


def _embeddings(embedded: Embedded) -> list[Embedding]:
    space, report = embedded.report.space, embedded.report
    return [
        Embedding(vector, space, report, index in embedded.truncated, embedded.errors.get(index)) for index, vector in enumerate(embedded.vectors)
    ]
