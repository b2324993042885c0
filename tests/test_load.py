"""A real server under many callers at once: in this process, so that its model can be held and its threads counted."""

import asyncio
import gc
import io
import math
import os
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any

import grpc
import numpy as np
import pytest
from google.rpc.status_pb2 import Status
from PIL import Image as Pillow

from samekind import wire
from samekind.types import Floats, Image, Model, Text
from samekind.v1 import content_pb2 as words
from samekind.v1 import embedding_service_pb2 as pb
from samekind.v1 import embedding_service_pb2_grpc as stubs
from samekind_server.edge.asking import LANE, Overload, Shedding, asker
from samekind_server.edge.embedding_service import EmbeddingServicer
from samekind_server.edge.handlers import Layers
from samekind_server.edge.interceptors import errors
from samekind_server.embedding.admission import Admission
from samekind_server.embedding.askers import Asker, Lane
from samekind_server.embedding.base import Encoder, Runtime
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.images import ImageLimits
from samekind_server.embedding.observer import Drop
from tests.towers import Seen

EMBED = "/samekind.v1.EmbeddingService/Embed"
MANY = 200


class Gate:
    """A runtime that can be held, and that a picture of one colour makes raise."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime, self.name, self.precision, self.texts = runtime, runtime.name, runtime.precision, runtime.texts
        self.begun, self.go = threading.Event(), threading.Event()
        self.go.set()

    def hold(self) -> None:
        """Lets no call end until `go` is set again."""
        self.begun.clear()
        self.go.clear()

    def images(self, pixels: Floats) -> Floats:
        """The runtime's own rows."""
        self.begun.set()
        self.go.wait()
        if np.ptp(pixels, axis=(2, 3)).max(axis=1).min() == 0:
            raise RuntimeError("a picture of one colour")
        return self._runtime.images(pixels)


class OneModel:
    """A registry of one model."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    def get(self, name: str = "") -> Encoder:
        """The model."""
        return self.encoder

    @contextmanager
    def using(self, encoder: Encoder) -> Iterator[None]:
        """It is never unloaded."""
        yield

    def renew(self, name: str = "") -> None:
        """It is as fresh as it gets."""

    def models(self) -> list[Model]:
        """The model alone."""
        return [self.encoder.model]


class Serving:
    """An engine whose model is behind a gate, and what it was seen to do."""

    def __init__(self, engine: Engine, **bounds: Any) -> None:
        encoder = engine.registry.get("")
        self.seen, self.gate = Seen(), Gate(encoder.runtime)
        self.refused: list[tuple[str, ...]] = []
        self.encoder = replace(encoder, runtime=self.gate)
        self.admission = Admission(observer=self.seen, **bounds)
        self.engine = Engine(OneModel(self.encoder), ImageLimits(), admission=self.admission, observer=self.seen)  # type: ignore[arg-type]

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[grpc.aio.Channel]:
        """A channel to a server of this engine."""
        server = grpc.aio.server(
            interceptors=[Overload(self.admission, lambda *call: self.refused.append(call)), Layers(errors), Shedding(self.admission)]
        )
        stubs.add_EmbeddingServiceServicer_to_server(EmbeddingServicer(self.engine), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
        await server.stop(None)


@pytest.fixture
def serving(engine: Engine) -> Iterator[Callable[..., Serving]]:
    """Makes one, and ends it."""
    made: list[Serving] = []

    def make(**bounds: Any) -> Serving:
        made.append(Serving(engine, **bounds))
        return made[-1]

    yield make
    for one in made:
        one.gate.go.set()
        one.engine.close()


def held_open() -> tuple[int, int]:
    """Files and connections that are open, and tasks that are not done."""
    gc.collect()
    return len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())


def one_image(data: bytes) -> pb.EmbedRequest:
    return pb.EmbedRequest(contents=[words.Content(image=words.Image(data=data))])


def picture(colour: str) -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", (32, 32), colour).save(file, "PNG")
    return file.getvalue()


async def told(channel: grpc.aio.Channel, images: list[bytes]) -> Counter[str]:
    """What so many callers of one image each are told: the message of each image's error, "" for a vector."""
    embed = stubs.EmbeddingServiceStub(channel).Embed
    answers = await asyncio.gather(*(embed(one_image(image)) for image in images))
    return Counter(answer.results[0].error.message for answer in answers)


def test_many_callers_of_one_image_each_share_the_model_s_calls(serving, png):
    one = serving(max_wait=math.inf)

    async def crowd():
        async with one.channel() as channel:
            return await told(channel, [png] * MANY)

    assert asyncio.run(crowd()) == {"": MANY}
    assert (sum(one.seen.batches), np.mean(one.seen.batches) > 4) == (MANY, True)


@pytest.mark.parametrize(
    ("poison", "message"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "the PNG is damaged or incomplete and cannot be decoded; send the whole file"),
        (picture("red"), "mini cannot compute this one of the images, as the server's log tells; leave it out, the others are answered"),
    ],
    ids=["an image that cannot be read", "an image that the model raises for"],
)
def test_one_poisoned_image_is_one_error_and_all_others_are_answered(serving, png, poison, message):
    one = serving(max_wait=math.inf)

    async def crowd():
        async with one.channel() as channel:
            return await told(channel, [png] * (MANY // 2) + [poison] + [png] * (MANY // 2 - 1))

    answers = asyncio.run(crowd())
    assert answers.pop("") == MANY - 1
    assert [text.startswith(message[:40]) for text in answers.elements()] == [True]


async def ended(call: Any) -> grpc.StatusCode:
    """How a call for one image ended: where the server was the first to see that it is too late, the image's own error tells."""
    code = await call.code()
    number = (await call).results[0].error.code if code is grpc.StatusCode.OK else code.value[0]
    return next(each for each in grpc.StatusCode if each.value[0] == number)


def test_callers_who_leave_half_way_leave_nothing_behind_and_no_work(serving, png):
    one = serving(clock=lambda: 0.0)  # No time passes for admission, so that none is refused for it.

    async def gone(embed: Any, callers: int) -> Counter[grpc.StatusCode]:
        late = [embed(one_image(png), timeout=3.0) for _ in range(callers)]
        codes = Counter([await ended(call) for call in late])
        calls = [embed(one_image(png)) for _ in range(callers)]
        while one.admission.held.bytes < callers * len(png):
            await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        return codes + Counter([await call.code() for call in calls])

    async def crowd() -> Counter[grpc.StatusCode]:
        async with one.channel() as channel, asyncio.timeout(300):
            await told(channel, [png])
            before = held_open()
            one.gate.hold()
            embed = stubs.EmbeddingServiceStub(channel).Embed
            codes = await gone(embed, 500) + await gone(embed, 500)  # Of 1,000 at once gRPC ends some where the server is slow to take them.
            one.gate.go.set()
            while any(now > then for now, then in zip(held_open(), before, strict=True)):
                await told(channel, [png])
        return codes

    codes = asyncio.run(crowd())
    assert codes == {grpc.StatusCode.DEADLINE_EXCEEDED: 1000, grpc.StatusCode.CANCELLED: 1000}
    assert (one.admission.held.bytes, one.admission.held.pixels) == (0, 0)
    assert sum(one.seen.batches[:3]) <= 1 + 16 + 16
    assert one.seen.counts[Drop.CANCELLED] > 500  # Some leave before they are looked at.


def test_a_caller_of_one_does_not_wait_for_all_that_another_sent_before(serving, png):
    one = serving()

    async def crowd() -> int:
        hog = [asyncio.create_task(one.engine.embed(one.encoder, [Image(png)], asker=Asker("hog"))) for _ in range(300)]
        await asyncio.to_thread(one.gate.begun.wait)
        await one.engine.embed(one.encoder, [Image(png)], asker=Asker("guest"))
        before = sum(one.seen.batches)
        await asyncio.gather(*hog)
        return before

    assert asyncio.run(crowd()) < 150


def test_a_full_server_refuses_calls_unread_and_says_when_to_come_back(serving):
    one = serving(max_bytes=100)

    async def crowd() -> grpc.aio.AioRpcError:
        full = [Text("x" * 25)]
        async with one.channel() as channel:
            with one.admission.admitted(full, Asker()), one.admission.admitted(full, Asker()), pytest.raises(grpc.aio.AioRpcError) as refused:
                await channel.unary_unary(EMBED)(b"no message at all", metadata=[("x-request-id", "mine")])
        return refused.value

    refused = asyncio.run(crowd())
    beside = dict(refused.trailing_metadata())
    assert (refused.code(), beside["x-request-id"]) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "mine")
    assert one.refused == [(EMBED[1:], "RESOURCE_EXHAUSTED")]
    assert int(beside["grpc-retry-pushback-ms"]) >= 100
    assert wire.read_status(Status.FromString(beside["grpc-status-details-bin"])).retry_after >= 0.1


@pytest.mark.parametrize(("metadata", "lane"), [((), Lane.INTERACTIVE), (((LANE, "bulk"),), Lane.BULK)])
def test_a_call_brings_its_lane_and_its_deadline(metadata, lane):
    found: list[Asker] = []

    async def ask(request: bytes, context: Any) -> bytes:
        found.append(asker(context))
        return b""

    async def call() -> None:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("s", {"m": grpc.unary_unary_rpc_method_handler(ask)})])
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await channel.unary_unary("/s/m")(b"", metadata=metadata, timeout=60)
        await server.stop(None)

    asyncio.run(call())
    assert (found[0].lane, 50 < found[0].left < 61) == (lane, True)
