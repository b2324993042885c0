import asyncio
import logging

import grpc
import pytest

import samekind
from samekind.errors import Internal, Overloaded, RequestTooLarge, SamekindError
from samekind.v1 import embedding_service_pb2 as pb
from samekind.v1 import embedding_service_pb2_grpc as stubs
from samekind_server.edge.interceptors import Errors


class Failing(stubs.EmbeddingServiceServicer):
    """Raises the same error at every question, and counts them."""

    def __init__(self, error: Exception) -> None:
        self.error, self.asked = error, 0

    async def GetModel(self, request: pb.GetModelRequest, context: object) -> pb.GetModelResponse:  # noqa: N802
        self.asked += 1
        raise self.error


def asked(error: Exception) -> tuple[SamekindError, int]:
    """What a client is told of the error, and how often the server was asked."""

    async def ask() -> tuple[SamekindError, int]:
        server, servicer = grpc.aio.server(interceptors=[Errors()]), Failing(error)
        stubs.add_EmbeddingServiceServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with samekind.aconnect(f"127.0.0.1:{port}", timeout=60) as sk:
            with pytest.raises(SamekindError) as caught:
                await sk.model()
        await server.stop(None)
        return caught.value, servicer.asked

    return asyncio.run(ask())


def test_a_fault_is_logged_under_the_request_s_id_and_tells_nothing_of_the_inside(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        told, times = asked(RuntimeError("the password is swordfish"))
    assert (type(told), times) == (Internal, 1)
    assert "swordfish" not in told.message
    assert told.metadata["request_id"] in caplog.text
    assert "swordfish" in caplog.text


def test_an_overloaded_server_says_when_to_ask_again_and_is_asked_again() -> None:
    told, times = asked(Overloaded("too much work; ask again in 0.01 s", retry_after=0.01))
    assert (type(told), told.retry_after, times) == (Overloaded, 0.01, 4)


def test_what_is_too_large_is_not_sent_again() -> None:
    told, times = asked(RequestTooLarge("too large; send less"))
    assert (type(told), times) == (RequestTooLarge, 1)
