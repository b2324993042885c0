import io
import os
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from PIL import Image as Pillow

import samekind
from samekind.errors import SamekindError, Unavailable
from samekind.v1 import content_pb2 as words
from samekind.v1 import embedding_service_pb2 as pb
from samekind.v1.embedding_service_pb2_grpc import EmbeddingServiceStub
from tests.forked import Forked
from tests.model_folders import minis_folder
from tests.running import Metrics, address, process, until

CONTENTS = 80
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Long:
    """A call that takes a server seconds: many large pictures. It is under way when this is made."""

    def __init__(self, server: Forked) -> None:
        self.at = address(server)
        self.channel = grpc.insecure_channel(self.at, options=[("grpc.max_send_message_length", -1), ("grpc.enable_retries", 0)])
        request = pb.EmbedRequest(contents=[words.Content(image=words.Image(data=picture()))] * CONTENTS)
        self.answer: Future[pb.EmbedResponse] = EmbeddingServiceStub(self.channel).Embed.future(request)
        metrics = Metrics(server)
        while not metrics.value("samekind_calls_under_way", method="samekind.v1.EmbeddingService/Embed"):
            assert not self.answer.done()


def picture() -> bytes:
    """A picture that takes long to decode and few bytes to send."""
    file = io.BytesIO()
    Pillow.new("RGB", (2000, 1500), "grey").save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Forked]:
    with process(tmp_path, "--grace", "600", "--precision", "exact", "--metrics", "0") as server:
        yield server


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_under_way_is_finished_and_nothing_new_begun(server: Forked, number: int) -> None:
    long = Long(server)
    states = health_pb2_grpc.HealthStub(long.channel).Watch(health_pb2.HealthCheckRequest())
    next(states)
    server.send_signal(number)
    assert next(states).status == NOT_SERVING
    with pytest.raises(grpc.RpcError) as ended:
        next(states)
    assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
    with samekind.connect(long.at, timeout=60) as sk, pytest.raises(Unavailable):
        sk.model()
    assert [result.WhichOneof("result") for result in long.answer.result().results] == ["embedding"] * CONTENTS
    assert server.wait(timeout=60) == 0


def test_a_second_signal_cuts_off_what_is_under_way_and_says_so(server: Forked) -> None:
    long = Long(server)
    states = health_pb2_grpc.HealthStub(long.channel).Watch(health_pb2.HealthCheckRequest())
    next(states)
    server.send_signal(signal.SIGINT)
    assert next(states).status == NOT_SERVING
    server.send_signal(signal.SIGINT)
    with pytest.raises(grpc.RpcError) as cut:
        long.answer.result()
    assert cut.value.code() == grpc.StatusCode.UNAVAILABLE
    assert cut.value.details() == "the server stopped before this call was done; ask again"
    assert server.wait(timeout=60) == 0


def test_what_does_not_finish_within_the_grace_is_cut_off(tmp_path: Path) -> None:
    with process(tmp_path, "--grace", "0", "--precision", "exact", "--metrics", "0") as server:
        long = Long(server)
        server.send_signal(signal.SIGTERM)
        with pytest.raises(grpc.RpcError) as cut:
            long.answer.result()
        assert server.wait(timeout=60) == 0
        assert server.stderr
        assert "1 calls were cut off" in server.stderr.read()
    assert cut.value.code() == grpc.StatusCode.UNAVAILABLE


def test_who_looks_around_does_not_hold_up_the_drain(tmp_path: Path) -> None:
    with process(tmp_path, "--grace", "600") as server, grpc.insecure_channel(address(server)) as channel:
        ended = threading.Event()

        def questions() -> Iterator[reflection_pb2.ServerReflectionRequest]:
            yield reflection_pb2.ServerReflectionRequest(list_services="")
            ended.wait()

        answers = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(questions())
        next(answers)
        server.terminate()
        assert server.wait(timeout=60) == 0
        ended.set()


def test_a_client_of_two_servers_notices_nothing_when_one_is_stopped(tmp_path: Path) -> None:
    with process(tmp_path / "a") as first, process(tmp_path / "b") as second:
        both, told, stop = f"ipv4:{address(first)},{address(second)}", [], threading.Event()

        def ask() -> None:
            with samekind.connect(both, timeout=60) as sk:
                while not stop.is_set():
                    try:
                        told.append(sk.embed("a mug").space)
                    except SamekindError as error:
                        told.append(str(error))

        asking = threading.Thread(target=ask)
        asking.start()
        until(lambda: bool(told))
        first.send_signal(signal.SIGTERM)
        assert first.wait(timeout=60) == 0
        before = len(told)
        with samekind.connect(address_of(both)) as sk:
            assert sk.embed("a mug").space in told
        stop.set()
        asking.join()
    assert len(set(told)) == 1
    assert len(told) >= before


def address_of(both: str) -> str:
    """The second of two addresses."""
    return both.rpartition(",")[2]


def test_a_server_told_to_stop_while_a_model_loads_stops_without_it(tmp_path: Path) -> None:
    model = minis_folder(tmp_path / "model")
    (model / "open_clip_config.json").unlink()
    os.mkfifo(model / "open_clip_config.json")
    # The pipe opens for writing once the server reads it, and then gives it nothing.
    serving = process(tmp_path / "data", "--model", f"local-dir:{model}", "--grace", "600")
    with serving as server, (model / "open_clip_config.json").open("w"):
        server.terminate()
        assert server.wait(timeout=60) == 0


def test_systemd_is_told_when_the_server_serves_and_when_it_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        told.settimeout(300)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with process(tmp_path / "data") as server:
            assert told.recv(100) == b"READY=1"
            server.terminate()
            assert told.recv(100) == b"STOPPING=1"
            assert server.wait(timeout=60) == 0
