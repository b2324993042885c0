"""EmbedStream and ClassifyStream on real servers: each batch answered by itself, no more read than there is room for, and nothing lost at the end."""

from __future__ import annotations

import io
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import grpc
import numpy as np
import pytest
from grpc_status import rpc_status
from PIL import Image as Pillow

from samekind import wire
from samekind.errors import BadRequest, NotFound, SamekindError, Unauthenticated, Unavailable
from samekind.types import Label, Labels, Text
from samekind.v1 import classification_service_pb2 as classification
from samekind.v1 import content_pb2 as words
from samekind.v1 import embedding_service_pb2 as embedding
from samekind.v1.classification_service_pb2_grpc import ClassificationServiceStub
from samekind.v1.embedding_service_pb2_grpc import EmbeddingServiceStub
from samekind_server import keys_command
from samekind_server.edge.streams import BATCHES, BYTES
from tests.running import Metrics, address, process

MIB = 1 << 20
EMBED_STREAM = "samekind.v1.EmbeddingService/EmbedStream"
Request = embedding.EmbedStreamRequest
OPEN = Request(options=embedding.EmbedStreamOptions())


class Live:
    """A stream that is fed by hand."""

    def __init__(self, at: str, *metadata: tuple[str, str]) -> None:
        self.channel = grpc.insecure_channel(at, options=[("grpc.enable_retries", 0)])
        self.given: SimpleQueue[Request | None] = SimpleQueue()
        self.answers = EmbeddingServiceStub(self.channel).EmbedStream(iter(self.given.get, None), metadata=metadata)
        self.given.put(OPEN)

    def ask(self, sequence: int) -> embedding.EmbedStreamResponse:
        self.given.put(batch(sequence, "a mug"))
        return next(self.answers)

    def end(self) -> SamekindError:
        """What ends it, once all answers are read."""
        with pytest.raises(grpc.RpcError) as broken:
            list(self.answers)
        return told(broken.value)


def batch(sequence: int, *contents: str | bytes, **more: object) -> Request:
    made = [words.Content(text=each) if isinstance(each, str) else words.Content(image=words.Image(data=each)) for each in contents]
    return Request(sequence=sequence, contents=made, **more)  # type: ignore[arg-type]


def slow_picture() -> bytes:
    """One that takes long to decode and few bytes to send."""
    file = io.BytesIO()
    Pillow.new("RGB", (2000, 1500), "grey").save(file, "JPEG")
    return file.getvalue()


def told(broken: grpc.RpcError) -> SamekindError:
    status = rpc_status.from_call(broken)  # type: ignore[arg-type]
    assert status, broken
    return wire.read_status(status)


@pytest.fixture
def stub(server: str) -> Iterator[EmbeddingServiceStub]:
    with grpc.insecure_channel(server) as channel:
        yield EmbeddingServiceStub(channel)


def test_each_batch_is_answered_as_embed_would_and_a_bad_one_fails_alone(stub, png):
    options = embedding.EmbedStreamOptions(dimensions=64, dtype=words.DTYPE_FLOAT16)
    first = batch(7, "a mug", png, b"no image", options=options)
    answers = list(stub.EmbedStream(iter([first, Request(sequence=8), batch(9, "a lamp", options=options), batch(10, "a lamp")])))
    by_number = {answer.sequence: answer for answer in answers}
    assert sorted(answer.sequence for answer in answers) == [7, 8, 9, 10]
    mug, picture, bad = wire.read_embed_response(by_number[7].answer)
    whole = wire.read_embed_response(stub.Embed(embedding.EmbedRequest(contents=first.contents, dimensions=64, dtype=words.DTYPE_FLOAT16)))
    np.testing.assert_allclose([mug.vector, picture.vector], [each.vector for each in whole[:2]], atol=2e-3)
    assert type(bad.error) is type(whole[2].error)
    assert [wire.read_status(by_number[number].error).message for number in (8, 9)] == [
        "a message has contents, unless it is the first and has only options",
        "only the first message of a stream has options; open another stream for others",
    ]
    assert by_number[10].HasField("answer")


def test_a_batch_that_takes_long_holds_up_none_behind_it(stub):
    long = batch(1, *[slow_picture()] * 240)
    next(stub.EmbedStream(iter([OPEN, batch(1, "a cup")])))
    assert [answer.sequence for answer in stub.EmbedStream(iter([OPEN, long, batch(2, "a mug")]))] == [2, 1]


def test_a_batch_past_its_own_time_fails_and_the_stream_goes_on(stub):
    late = batch(1, "a mug")
    late.timeout.FromNanoseconds(1)
    answers = {answer.sequence: answer for answer in stub.EmbedStream(iter([OPEN, late, batch(2, "a mug")]))}
    assert (wire.read_status(answers[1].error).reason, answers[2].WhichOneof("result")) == ("DEADLINE_EXCEEDED", "answer")


@pytest.mark.parametrize(
    ("first", "kind", "says"),
    [
        (batch(1, "a mug"), BadRequest, "the first message of a stream has options"),
        (Request(options=embedding.EmbedStreamOptions(model="nano")), NotFound, "no model 'nano'"),
        (Request(options=embedding.EmbedStreamOptions(dimensions=9999)), BadRequest, "dimensions"),
        (Request(options=embedding.EmbedStreamOptions(dimensions=300)), BadRequest, "300"),
    ],
)
def test_a_stream_that_cannot_be_is_refused_before_anything_is_asked(stub, first, kind, says):
    with pytest.raises(grpc.RpcError) as refused:
        list(stub.EmbedStream(iter([first])))
    assert type(told(refused.value)) is kind
    assert says in told(refused.value).message


def test_a_stream_of_nothing_is_answered_with_nothing(stub):
    assert list(stub.EmbedStream(iter([]))) == list(stub.EmbedStream(iter([OPEN]))) == []


def test_contents_are_classified_by_the_labels_the_stream_began_with(server):
    labels = wire.labels(Labels((Label("cat"), Label("car"))))
    contents = [wire.content(Text(text)) for text in ("a red car", "a cat", "")]
    with grpc.insecure_channel(server) as channel:
        stub = ClassificationServiceStub(channel)
        first = classification.ClassifyStreamRequest(options=classification.ClassifyStreamOptions(labels=labels, top_k=1), contents=contents)
        [streamed] = stub.ClassifyStream(iter([first]))
        once = wire.read_classify_response(stub.Classify(classification.ClassifyRequest(labels=labels, top_k=1, contents=contents)))
        assert [answer.scores for answer in wire.read_classify_response(streamed.answer)] == [answer.scores for answer in once]
        bad = classification.ClassifyStreamRequest(options=classification.ClassifyStreamOptions(labels=wire.labels(Labels((Label("a"), Label("a"))))))
        with pytest.raises(grpc.RpcError) as refused:
            list(stub.ClassifyStream(iter([bad])))
        assert told(refused.value).violations[0].field == "labels.labels[1].name"


class Endless:
    """Batches without end, counted as they are sent; `enough` is set once that many were."""

    def __init__(self, one: Request, enough: int) -> None:
        self.one, self.most = one, enough
        self.sent, self.enough = 0, threading.Event()

    def __iter__(self) -> Iterator[Request]:
        yield OPEN
        while True:
            yield self.one
            self.sent += 1
            if self.sent == self.most:
                self.enough.set()


def vectors(stub: EmbeddingServiceStub) -> Request:
    """A batch whose answer has a megabyte, and takes no model."""
    [one] = wire.read_embed_response(stub.Embed(embedding.EmbedRequest(contents=[words.Content(text="a mug")])))
    return Request(contents=[words.Content(vector=wire.vectors(one.vector[None], one.space))] * 1024)


def test_a_reader_that_stops_reading_stops_the_server_from_reading(stub):
    batches = Endless(vectors(stub), enough=BATCHES // 2)
    answers = stub.EmbedStream(iter(batches))
    next(answers)
    assert batches.enough.wait(60)
    for _ in range(200):  # While others ask, a server that read on would take hundreds.
        stub.Embed(embedding.EmbedRequest(contents=[words.Content(text="a mug")]))
    assert batches.sent < BATCHES + 4 * BYTES // MIB
    answers.cancel()


def test_input_without_end_takes_no_memory_and_what_is_given_up_is_let_go(tmp_path):
    with process(tmp_path, "--metrics", "0") as server, grpc.insecure_channel(address(server)) as channel:
        metrics = Metrics(server)
        answers = EmbeddingServiceStub(channel).EmbedStream(iter(Endless(batch(1, *[bytes(MIB)] * 2), enough=1)))

        def after(count: int) -> int:
            assert [next(answers).WhichOneof("result") for _ in range(count)] == ["answer"] * count
            return int(Path(f"/proc/{server.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

        before = after(60)
        assert after(120) - before < 64 * MIB
        assert metrics.value("samekind_contents_total", method=EMBED_STREAM) >= 360
        answers.cancel()
        while metrics.value("samekind_calls_under_way", method=EMBED_STREAM):
            pass
        assert metrics.value("samekind_held_bytes") == 0
        assert metrics.value("samekind_call_seconds_count", method=EMBED_STREAM, code="CANCELLED") == 1


def test_a_stream_waits_where_a_call_would_be_refused(tmp_path):
    with process(tmp_path, "--max-bytes-under-way", str(8 * MIB), "--metrics", "0") as server:
        live = Live(address(server))
        for sequence in range(8):
            live.given.put(batch(sequence, *[bytes(MIB)] * 4))
        assert sorted(next(live.answers).sequence for _ in range(8)) == list(range(8))
        live.given.put(None)
        assert (list(live.answers), Metrics(server).value("samekind_shed_total")) == ([], 0)


def test_a_server_told_to_stop_answers_what_it_has_read_and_says_why_it_reads_no_more(tmp_path):
    with process(tmp_path, "--grace", "60", "--metrics", "0") as server:
        idle, busy = Live(at := address(server)), Live(at)
        metrics = Metrics(server)
        assert idle.ask(1).HasField("answer")
        busy.given.put(batch(2, *[slow_picture()] * 60))
        while not metrics.value("samekind_held_pixels"):
            pass
        server.send_signal(signal.SIGTERM)
        assert idle.end().message.startswith("the server is stopping")
        assert next(busy.answers).sequence == 2
        assert type(busy.end()) is Unavailable
        assert server.wait(timeout=60) == 0


def test_a_stream_needs_a_key_and_ends_when_the_key_is_taken_away(tmp_path, capsys):
    def keys(*arguments: str) -> str:
        assert keys_command.main([*arguments, "--data", str(tmp_path)], {}) == 0
        return next((word for word in capsys.readouterr().out.split() if word.startswith("sk_")), "")

    key = keys("add", "shop", "--role", "read")
    with process(tmp_path, "--grace", "0") as server:
        at = address(server)
        assert type(Live(at).end()) is Unauthenticated
        live = Live(at, ("authorization", f"Bearer {key}"))
        assert live.ask(1).HasField("answer")
        keys("remove", "shop")
        live.given.put(batch(2, "a mug"))
        assert type(live.end()) is Unauthenticated
