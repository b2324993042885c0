import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

import samekind
from samekind.v1 import embedding_service_pb2 as pb
from samekind.v1.embedding_service_pb2_grpc import EmbeddingServiceStub
from samekind_server.settings import SETTINGS
from tests.model_folders import minis_folder
from tests.running import address, executed, process, started

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


def refusal(data: Path, *arguments: str) -> tuple[str, int]:
    with process(data, *arguments) as server:
        _, told = server.communicate(timeout=60)
    return told.strip(), server.returncode


def test_the_server_says_where_it_listens_what_it_serves_and_how_to_try_it(tmp_path: Path) -> None:
    with executed(tmp_path) as server:
        at = address(server)
        server.send_signal(signal.SIGTERM)
        told, complaints = server.stdout.read(), server.stderr.read()  # type: ignore[union-attr]
        assert server.wait(timeout=60) == 0
    for part in ("mini: 256 dimensions", str(tmp_path), f"samekind classify photo.jpg --labels cat,dog,car --server {at}"):
        assert part in told
    assert complaints == ""


def test_health_tells_of_the_server_and_of_each_service(server: str) -> None:
    with grpc.insecure_channel(server) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", "samekind.v1.EmbeddingService", "samekind.v1.ClassificationService"):
            assert stub.Check(health_pb2.HealthCheckRequest(service=service)).status == SERVING


def test_reflection_lists_the_services(server: str) -> None:
    with grpc.insecure_channel(server) as channel:
        asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        answer = next(reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(asked))
    names = {service.name for service in answer.list_services_response.service}
    assert {"samekind.v1.EmbeddingService", "samekind.v1.ClassificationService", "grpc.health.v1.Health"} <= names


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_server_turns_its_health_and_ends_well(tmp_path: Path, number: int) -> None:
    with process(tmp_path) as server, grpc.insecure_channel(address(server)) as channel:
        states = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(states).status == SERVING
        server.send_signal(number)
        assert next(states).status == NOT_SERVING
        server.send_signal(number)
        assert server.wait(timeout=60) == 0


def test_a_killed_server_leaves_a_data_folder_that_opens_again(tmp_path: Path) -> None:
    with process(tmp_path) as server:
        address(server)
        server.kill()
    with started(tmp_path) as at, samekind.connect(at) as sk:
        assert sk.model().name == "mini"


def test_a_port_in_use_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told, code = refusal(tmp_path, "--port", str(port))
    assert told == (f"samekind serve: cannot listen on 127.0.0.1:{port}: address already in use; choose another with --port, 0 for a free one")
    assert code == 2


def test_a_data_folder_in_use_is_refused_and_its_holder_named(tmp_path: Path) -> None:
    with process(tmp_path) as server:
        address(server)
        told, code = refusal(tmp_path)
    assert told == (
        f"samekind serve: the data folder {tmp_path} is in use by another samekind (process {server.pid}); stop it, or name another with --data DIR"
    )
    assert code == 2


def test_a_data_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told, code = refusal(tmp_path / "file" / "below")
    assert told.startswith(f"samekind serve: cannot write in the data folder {tmp_path}/file/below: Not a directory")
    assert code == 2


@pytest.mark.skipif(os.geteuid() == 0 and not os.path.exists("/proc/sys"), reason="needs a folder that nobody can write in")
def test_a_read_only_folder_is_named() -> None:
    told, code = refusal(Path("/proc/samekind"))
    assert told.startswith("samekind serve: cannot write in the data folder /proc/samekind: ")
    assert code == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--prot", "1"], "samekind serve: unrecognized arguments: --prot 1; `samekind serve --help` lists the settings"),
        (
            ["--host", "0.0.0.0"],
            "samekind serve: 0.0.0.0 is open to other machines, and calls would be neither encrypted nor held to keys: make a key with "
            "`samekind keys add NAME` and give --tls-cert FILE and --tls-key FILE; or say --insecure",
        ),
    ],
)
def test_a_setting_that_cannot_be_is_one_line(tmp_path: Path, arguments: list[str], told: str) -> None:
    assert refusal(tmp_path, *arguments) == (told, 2)


def test_a_model_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    told, code = refusal(tmp_path, "--model", "local-dir:/nowhere")
    assert (told.count("\n"), code) == (0, 1)
    assert "/nowhere" in told


def test_the_caller_s_request_id_comes_back_with_the_answer(server: str) -> None:
    with grpc.insecure_channel(server) as channel:
        _, call = EmbeddingServiceStub(channel).GetModel.with_call(pb.GetModelRequest(), metadata=[("x-request-id", "mine")])
    assert ("x-request-id", "mine") in [tuple(pair) for pair in call.trailing_metadata()]


def test_help_shows_every_setting() -> None:
    shown = subprocess.run([sys.executable, "-m", "samekind_server", "--help"], capture_output=True, text=True, check=True).stdout
    assert [setting.flag for setting in SETTINGS if setting.flag not in shown] == []


def test_a_refusal_bears_the_request_id_too(server: str) -> None:
    with grpc.insecure_channel(server) as channel, pytest.raises(grpc.RpcError) as caught:
        EmbeddingServiceStub(channel).GetModel(pb.GetModelRequest(model="nano"), metadata=[("x-request-id", "mine")])
    assert ("x-request-id", "mine") in [tuple(pair) for pair in caught.value.trailing_metadata()]
    with samekind.connect(server) as sk, pytest.raises(samekind.errors.NotFound) as found:
        sk.model("nano")
    assert len(found.value.metadata["request_id"]) == 32


def test_models_come_a_page_at_a_time_and_answer_by_name(tmp_path: Path) -> None:
    other = f"local-dir:{minis_folder(tmp_path / 'model')}"
    with started(tmp_path / "data", "--model", "mini", "--model", other) as at, grpc.insecure_channel(at) as channel:
        stub = EmbeddingServiceStub(channel)
        first = stub.ListModels(pb.ListModelsRequest(page_size=1))
        second = stub.ListModels(pb.ListModelsRequest(page_size=5, page_token=first.next_page_token))
        with samekind.connect(at) as sk:
            spaces = {name: sk.embed("a mug", model=name).space for name in ("mini", other)}
    assert [model.name for page in (first, second) for model in page.models] == [other, "mini"]
    assert (second.next_page_token, second.models[0].default) == ("", True)
    assert len(set(spaces.values())) == 2
