"""ClassificationService: what kind a content is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TypeAlias

from samekind import wire
from samekind.types import Answer, Labels
from samekind.v1 import classification_service_pb2 as pb
from samekind.v1 import classification_service_pb2_grpc as stubs
from samekind.v1 import content_pb2 as words
from samekind_server.classification.label_sets import LabelSets
from samekind_server.classification.prepared import Prepared, prepare
from samekind_server.classification.zero_shot import Classifier
from samekind_server.edge import callers, contents, streams, validation
from samekind_server.edge.asking import asker
from samekind_server.edge.handlers import Context
from samekind_server.edge.streams import Ask
from samekind_server.embedding.askers import Asker

Options: TypeAlias = pb.ClassifyRequest | pb.ClassifyStreamOptions
Asked: TypeAlias = Labels | Prepared | list[Prepared]


class ClassificationServicer(stubs.ClassificationServiceServicer):
    """Answers from one classifier, for labels of the call or of the tenant's label sets."""

    def __init__(self, classifier: Classifier, label_sets: LabelSets) -> None:
        self._classifier, self._label_sets = classifier, label_sets

    async def Classify(self, request: pb.ClassifyRequest, context: Context) -> pb.ClassifyResponse:
        """Classifies a batch."""
        validation.check(request)
        return wire.classify_response(await self._answers(request, await self._asked(request), request.contents, asker(context)))

    def ClassifyStream(self, requests: AsyncIterator[pb.ClassifyStreamRequest], context: Context) -> AsyncIterator[pb.ClassifyStreamResponse]:
        """Classifies batches for as long as they come."""
        return streams.answered(requests, context, self._opened, pb.ClassifyStreamResponse)

    async def _opened(self, options: pb.ClassifyStreamOptions, asker: Asker) -> Ask:
        """Labels are read once, so that all of a stream is answered by the same; options that cannot be are told at once."""
        asked = await self._asked(options)
        asked = prepare(asked) if isinstance(asked, Labels) else asked
        await self._answers(options, asked, (), asker)

        async def ask(request: pb.ClassifyStreamRequest, asker: Asker) -> pb.ClassifyResponse:
            return wire.classify_response(await self._answers(options, asked, request.contents, asker))

        return ask

    async def _answers(self, options: Options, asked: Asked, messages: Sequence[words.Content], asker: Asker) -> list[Answer]:
        return await self._classifier.classify(
            contents.read(messages),
            asked,
            asker=asker,
            model=options.model,
            multi_label=options.multi_label,
            top_k=options.top_k,
            min_probability=options.min_probability,
            long_text=wire.read_long_text(options.long_text),
        )

    async def _asked(self, request: Options) -> Asked:
        tenant = callers.current().tenant
        match request.WhichOneof("classifier"):
            case "label_set":
                return await self._label_sets.prepared(tenant, request.label_set)
            case "label_sets":
                return [await self._label_sets.prepared(tenant, name) for name in request.label_sets.names]
        return wire.read_labels(request.labels)
