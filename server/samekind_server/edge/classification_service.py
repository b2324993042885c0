"""ClassificationService: what kind a content is."""

from __future__ import annotations

from samekind import wire
from samekind.types import Labels
from samekind.v1 import classification_service_pb2 as pb
from samekind.v1 import classification_service_pb2_grpc as stubs
from samekind_server.classification.label_sets import LabelSets
from samekind_server.classification.prepared import Prepared
from samekind_server.classification.zero_shot import Classifier
from samekind_server.edge import callers, contents, validation
from samekind_server.edge.asking import asker
from samekind_server.edge.handlers import Context


class ClassificationServicer(stubs.ClassificationServiceServicer):
    """Answers from one classifier, for labels of the call or of the tenant's label sets."""

    def __init__(self, classifier: Classifier, label_sets: LabelSets) -> None:
        self._classifier, self._label_sets = classifier, label_sets

    async def Classify(self, request: pb.ClassifyRequest, context: Context) -> pb.ClassifyResponse:
        """Classifies a batch."""
        validation.check(request)
        answers = await self._classifier.classify(
            contents.read(request.contents),
            await self._asked(request),
            asker=asker(context),
            model=request.model,
            multi_label=request.multi_label,
            top_k=request.top_k,
            min_probability=request.min_probability,
            long_text=wire.read_long_text(request.long_text),
        )
        return wire.classify_response(answers)

    async def _asked(self, request: pb.ClassifyRequest) -> Labels | Prepared | list[Prepared]:
        tenant = callers.current().tenant
        match request.WhichOneof("classifier"):
            case "label_set":
                return await self._label_sets.prepared(tenant, request.label_set)
            case "label_sets":
                return [await self._label_sets.prepared(tenant, name) for name in request.label_sets.names]
        return wire.read_labels(request.labels)
