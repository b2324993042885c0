"""ClassificationService: what kind a content is."""

from __future__ import annotations

from samekind import wire
from samekind.v1 import classification_service_pb2 as pb
from samekind.v1 import classification_service_pb2_grpc as stubs
from samekind_server.classification.zero_shot import Classifier
from samekind_server.edge import contents, validation
from samekind_server.edge.asking import asker
from samekind_server.edge.handlers import Context


class ClassificationServicer(stubs.ClassificationServiceServicer):
    """Answers from one classifier."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    async def Classify(self, request: pb.ClassifyRequest, context: Context) -> pb.ClassifyResponse:
        """Classifies a batch against the labels of the call."""
        validation.check(request)
        answers = await self._classifier.classify(
            contents.read(request.contents),
            wire.read_labels(request.labels),
            asker=asker(context),
            model=request.model,
            multi_label=request.multi_label,
            top_k=request.top_k,
            min_probability=request.min_probability,
            long_text=wire.read_long_text(request.long_text),
        )
        return wire.classify_response(answers)
