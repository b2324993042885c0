import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from grpc_status import rpc_status

import samekind
from samekind import wire
from samekind.errors import BadRequest, Internal, NotFound, Overloaded, RequestTooLarge, SamekindError
from samekind.v1 import embedding_service_pb2 as pb
from samekind.v1 import embedding_service_pb2_grpc as stubs
from samekind_server.edge.handlers import Call, Layers
from samekind_server.edge.interceptors import errors

KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
CODEC = (StringValue.FromString, StringValue.SerializeToString)


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
        server, servicer = grpc.aio.server(interceptors=[Layers(errors)]), Failing(error)
        stubs.add_EmbeddingServiceServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with samekind.aconnect(f"127.0.0.1:{port}", timeout=60) as sk:
            with pytest.raises(SamekindError) as caught:
                await sk.model()
        await server.stop(None)
        return caught.value, servicer.asked

    return asyncio.run(ask())


async def echo(word: StringValue) -> StringValue:
    """The word, unless it is the name of an error."""
    if word.value in ERRORS:
        raise ERRORS[word.value]
    return word


ERRORS: dict[str, Exception] = {"unknown": NotFound("no such word"), "fault": RuntimeError("the password is swordfish")}


async def unary_unary(request: StringValue, context: object) -> StringValue:
    return await echo(request)


async def unary_stream(request: StringValue, context: object) -> AsyncIterator[StringValue]:
    for word in request.value.split():
        yield await echo(StringValue(value=word))


async def stream_unary(requests: AsyncIterator[StringValue], context: object) -> StringValue:
    return StringValue(value=" ".join([(await echo(word)).value async for word in requests]))


async def stream_stream(requests: AsyncIterator[StringValue], context: object) -> AsyncIterator[StringValue]:
    async for word in requests:
        yield await echo(word)


BEHAVIOURS: dict[str, Callable[..., Any]] = {
    "unary_unary": unary_unary,
    "unary_stream": unary_stream,
    "stream_unary": stream_unary,
    "stream_stream": stream_stream,
}


class Asked:
    """A server that answers each kind of call with the words it was sent; what a client of it sees."""

    def __init__(self, kind: str, words: str | bytes, *layers: Any) -> None:
        self.kind, self.words, self.layers = kind, words, layers
        self.answers: list[str] = []
        self.error: SamekindError | None = None
        asyncio.run(self._ask())

    async def _ask(self) -> None:
        server = grpc.aio.server(interceptors=[Layers(*self.layers, errors)])
        make = getattr(grpc, f"{self.kind}_rpc_method_handler")
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("words", {"Echo": make(BEHAVIOURS[self.kind], *CODEC)})])
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await self._call(getattr(channel, self.kind)("/words/Echo", None, StringValue.FromString))
        await server.stop(None)

    async def _call(self, method: Any) -> None:
        words = self.words.split() if self.kind.startswith("stream") else [self.words]
        sent = [word if isinstance(word, bytes) else StringValue(value=word).SerializeToString() for word in words]
        call = method(iter(sent) if self.kind.startswith("stream") else sent[0], metadata=[("x-request-id", "mine")])
        try:
            if self.kind.endswith("stream"):
                async for answer in call:
                    self.answers.append(answer.value)
            else:
                self.answers.append((await call).value)
        except grpc.aio.AioRpcError as broken:
            status = rpc_status.from_call(broken)  # type: ignore[arg-type]
            self.error = wire.read_status(status) if status else None
        self.code, self.head, self.tail = (await call.code()).name, dict(await call.initial_metadata()), dict(await call.trailing_metadata())


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


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_call_answers_with_the_request_s_id(kind: str) -> None:
    asked = Asked(kind, "one two")
    beside = asked.head if kind.endswith("stream") else asked.tail
    assert (asked.code, " ".join(asked.answers), beside["x-request-id"]) == ("OK", "one two", "mine")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_call_tells_an_error_with_its_reason_and_the_request_s_id(kind: str) -> None:
    asked = Asked(kind, "unknown")
    assert (asked.code, type(asked.error), asked.tail["x-request-id"]) == ("NOT_FOUND", NotFound, "mine")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_call_hides_a_fault(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    asked = Asked(kind, "fault")
    assert type(asked.error) is Internal
    assert "swordfish" not in asked.error.message
    assert "request mine failed" in caplog.text


@pytest.mark.parametrize("kind", ["unary_stream", "stream_stream"])
def test_an_error_in_mid_stream_comes_after_the_answers_before_it(kind: str) -> None:
    asked = Asked(kind, "one two unknown three")
    assert (asked.answers, asked.code, type(asked.error)) == (["one", "two"], "NOT_FOUND", NotFound)


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_that_are_no_message_are_the_caller_s_mistake(kind: str) -> None:
    asked = Asked(kind, b"\xff\xff\xff")
    assert type(asked.error) is BadRequest
    assert (
        asked.error.message
        == "the 3 bytes sent are not the message that words/Echo takes; is the client as new as the server, and nothing nested more than 100 deep?"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_layers_begin_in_order_end_in_reverse_and_know_what_went_through(kind: str) -> None:
    seen: list[str] = []

    def layer(name: str) -> Callable[[Call], Any]:
        @asynccontextmanager
        async def around(call: Call) -> AsyncIterator[None]:
            seen.append(f"{name} begins")
            try:
                yield
            finally:
                seen.append(f"{name} ends {call.code} {call.request_bytes}")

        return around

    assert Asked(kind, "unknown", layer("first"), layer("second")).code == "NOT_FOUND"
    assert seen == ["first begins", "second begins", "second ends NOT_FOUND 9", "first ends NOT_FOUND 9"]


def code_of_one_that_leaves(kind: str, *, deadline: bool) -> str:
    """The code that layers see of a call whose caller leaves, or whose time runs out, while it is under way."""

    async def leave() -> str:
        begun, ended, seen = asyncio.Event(), asyncio.Event(), list[Call]()

        @asynccontextmanager
        async def watching(call: Call) -> AsyncIterator[None]:
            try:
                yield
            finally:
                seen.append(call)
                ended.set()

        async def hold(*asked: object) -> StringValue:
            begun.set()
            await asyncio.Event().wait()
            return StringValue()

        async def hold_stream(*asked: object) -> AsyncIterator[StringValue]:
            yield await hold()

        handler = getattr(grpc, f"{kind}_rpc_method_handler")(hold_stream if kind.endswith("stream") else hold, *CODEC)
        server = grpc.aio.server(interceptors=[Layers(watching, errors)])
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("words", {"Echo": handler})])
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            method = getattr(channel, kind)("/words/Echo", None, StringValue.FromString)
            call = method(iter([b""]) if kind.startswith("stream") else b"", timeout=0.3 if deadline else None)
            await begun.wait()
            _ = deadline or call.cancel()
            await ended.wait()
        await server.stop(None)
        return seen[0].code

    return asyncio.run(asyncio.wait_for(leave(), 60))


@pytest.mark.parametrize("kind", KINDS)
def test_a_caller_that_leaves_is_told_from_one_that_ran_out_of_time(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    assert code_of_one_that_leaves(kind, deadline=False) == "CANCELLED"
    assert code_of_one_that_leaves(kind, deadline=True) == "DEADLINE_EXCEEDED"
    assert not caplog.records
