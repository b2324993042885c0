"""Rows of the two ways to ask a server: over gRPC, and as JSON over HTTP."""

import http.client
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager

import grpc
from google.protobuf import json_format

from benchmarks.pictures import photo
from benchmarks.servers import with_web
from benchmarks.timing import Contenders
from samekind.v1 import classification_service_pb2 as pb
from samekind.v1 import classification_service_pb2_grpc as stubs
from samekind.v1.content_pb2 import Content, Image

MIB = 1 << 20
KIND = {"content-type": "application/json"}


def classify(content: Callable[[], Content]) -> Callable[[], AbstractContextManager[Contenders]]:
    """One content among three labels, on a connection that stays, with the request made beforehand."""

    @contextmanager
    def contenders() -> Iterator[Contenders]:
        request = pb.ClassifyRequest(contents=[content()], labels=pb.Labels(labels=[pb.Label(name=name) for name in ("cat", "dog", "car")]))
        body = json_format.MessageToJson(request, indent=None).encode()
        options = [("grpc.max_send_message_length", -1)]
        with with_web("--offline") as (address, web), grpc.insecure_channel(address, options=options) as channel:
            call = stubs.ClassificationServiceStub(channel).Classify
            with closing(http.client.HTTPConnection(web)) as connection:
                yield {"JSON over HTTP": lambda: _posted(connection, body), "gRPC": lambda: call(request)}

    return contenders


def text() -> Content:
    """A short one, which is remembered."""
    return Content(text="a photo of a cat")


def picture() -> Content:
    """A photo as files of photos are."""
    return Content(image=Image(data=photo()))


def large() -> Content:
    """A file as large as any that is taken: the photo, and zeroes after it."""
    data = photo()
    return Content(image=Image(data=data + bytes(20 * MIB - len(data))))


def _posted(connection: http.client.HTTPConnection, body: bytes) -> bytes:
    connection.request("POST", "/v1/contents:classify", body, KIND)
    with connection.getresponse() as answer:
        raw = answer.read()
    if answer.status != http.client.OK:
        raise RuntimeError(raw.decode())
    return raw
