"""A small real server that answers what it was sent, and fails as it is told to."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import numpy as np
from grpc_status import rpc_status

from samekind import errors, wire
from samekind.errors import SamekindError
from samekind.types import Answer, Embedding, LabelScore, Model, Precision, ProbabilityKind, Report, ScoreKind
from samekind.v1 import classification_service_pb2 as classification
from samekind.v1 import content_pb2 as words
from samekind.v1 import embedding_service_pb2 as embedding
from samekind.v1.classification_service_pb2_grpc import ClassificationServiceServicer, add_ClassificationServiceServicer_to_server
from samekind.v1.embedding_service_pb2_grpc import EmbeddingServiceServicer, add_EmbeddingServiceServicer_to_server

REPORT = Report("mini", "space", Precision.EXACT)
MODELS = [Model(f"m{index}", "space", 2, (), 77, 224, 1, ScoreKind.SOFTMAX, "torch", Precision.EXACT, default=index == 0) for index in range(5)]


class Echo(ClassificationServiceServicer, EmbeddingServiceServicer):
    """Answers what it was sent, after the failures it was told to make."""

    def __init__(self) -> None:
        self.requests: list[classification.ClassifyRequest | classification.ClassifyStreamRequest | embedding.EmbedRequest] = []
        self.opened: list[classification.ClassifyStreamOptions] = []
        self.left = threading.Event()
        self.metadata: list[dict[str, str | bytes]] = []
        self.failures: deque[grpc.Status | None] = deque()
        self.ends: deque[int] = deque()  # After how many messages the next streams end, as if all were well.
        self.busy = threading.Barrier(1)

    def Classify(self, request: classification.ClassifyRequest, context: grpc.ServicerContext) -> classification.ClassifyResponse:  # noqa: N802
        self.heard(request, context)
        return wire.classify_response([self.answer(content) for content in request.contents])

    def Embed(self, request: embedding.EmbedRequest, context: grpc.ServicerContext) -> embedding.EmbedResponse:  # noqa: N802
        self.heard(request, context)
        rows = [Embedding(np.array([len(content.text), 1], np.float32), "space", REPORT) for content in request.contents]
        return wire.embed_response(rows, half=request.dtype == words.DTYPE_FLOAT16)

    def ClassifyStream(  # noqa: N802
        self, requests: Iterator[classification.ClassifyStreamRequest], context: grpc.ServicerContext
    ) -> Iterator[classification.ClassifyStreamResponse]:
        context.add_callback(self.left.set)
        left = self.ends.popleft() if self.ends else -1
        for request in requests:
            if request.HasField("options"):
                self.opened.append(request.options)
                continue
            if not left:
                return
            left -= 1
            self.heard(request, context)
            answers = [self.answer(content) for content in request.contents]
            yield classification.ClassifyStreamResponse(sequence=request.sequence, answer=wire.classify_response(answers))

    def ListModels(self, request: embedding.ListModelsRequest, context: grpc.ServicerContext) -> embedding.ListModelsResponse:  # noqa: N802
        start = int(request.page_token or 0)
        return wire.models_response(MODELS[start : start + 2], next_page_token=str(start + 2) if start + 2 < len(MODELS) else "")

    def GetModel(self, request: embedding.GetModelRequest, context: grpc.ServicerContext) -> embedding.GetModelResponse:  # noqa: N802
        self.heard(request, context)
        return wire.model_response(next(model for model in MODELS if model.name == (request.model or "m0")))

    def heard(self, request: object, context: grpc.ServicerContext) -> None:
        self.requests.append(request)  # type: ignore[arg-type]
        self.metadata.append(dict(context.invocation_metadata()))
        self.busy.wait(10)
        if self.failures and (status := self.failures.popleft()):
            context.abort_with_status(status)

    def answer(self, content: words.Content) -> Answer:
        said = {"text": content.text, "image": str(len(content.image.data)), "vector": content.vector.space}[content.WhichOneof("content") or ""]
        kinds = {"bad": errors.BadImage, "lat": errors.DeadlineExceeded}
        error = kinds[said[:3]](f"{said[:3]}: {said}") if said[:3] in kinds else None
        return Answer((LabelScore(said, 1.0, 0.5),) if not error else (), ProbabilityKind.SOFTMAX, REPORT, error=error)

    @property
    def heard_contents(self) -> list[int]:
        return [len(request.contents) for request in self.requests if not isinstance(request, embedding.GetModelRequest)]


@contextmanager
def serving(echo: Echo, credentials: grpc.ServerCredentials | None = None, options: tuple[tuple[str, int], ...] = ()) -> Iterator[str]:
    """The address of a server of `echo`."""
    server = grpc.server(ThreadPoolExecutor(8), options=(("grpc.max_receive_message_length", 16 << 20), *options))
    add_ClassificationServiceServicer_to_server(echo, server)
    add_EmbeddingServiceServicer_to_server(echo, server)
    port = server.add_secure_port("localhost:0", credentials) if credentials else server.add_insecure_port("localhost:0")
    server.start()
    yield f"localhost:{port}"
    server.stop(0).wait()


def failure(error: SamekindError, *beside: tuple[str, str]) -> grpc.Status:
    status = rpc_status.to_status(wire.status(error))
    return status._replace(trailing_metadata=(*status.trailing_metadata, *beside))  # type: ignore[attr-defined,no-any-return]


def dropped() -> grpc.Status:
    """How gRPC ends a call that it never gave to its server; it may be asked again at once, to save the tests' time."""
    return failure(errors.Cancelled("CANCELLED"))._replace(trailing_metadata=(("grpc-retry-pushback-ms", "1"),))  # type: ignore[attr-defined,no-any-return]
