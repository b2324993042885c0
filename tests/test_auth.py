"""No call but health's is answered without a key, and none that the key does not allow: asked of every RPC of a real server."""

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

import samekind
from samekind.errors import PermissionDenied, SamekindError, Unauthenticated
from samekind.v1 import embedding_service_pb2 as pb
from samekind.v1 import embedding_service_pb2_grpc as stubs
from samekind_server.edge import callers, keys
from samekind_server.edge.auth import Auth
from samekind_server.edge.callers import Caller, Role
from samekind_server.edge.handlers import Layers
from samekind_server.edge.interceptors import errors
from samekind_server.edge.keyring import ASK, Keyring
from samekind_server.edge.quotas import Quotas
from samekind_server.edge.roles import OPEN, ROLES, needed
from tests.running import started

REFLECTION = "grpc.reflection.v1alpha.ServerReflection"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A server that asks for keys, and a key that may read."""
    data = tmp_path_factory.mktemp("guarded")
    key, secret = keys.new("reader", tenant="a")
    keys.add(data / "keys.json", key)
    with started(data) as address:
        yield address, secret


def bearer(key: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {key}")]


def told(channel: grpc.Channel, method: str, metadata: Iterable[tuple[str, str]] = ()) -> tuple[grpc.StatusCode, str]:
    """Code and words of a call whose request is of no bytes, whatever the method's kind: on the wire the kinds are alike."""
    call = channel.stream_stream(f"/{method}")(iter([b""]), metadata=[*metadata], timeout=30)
    return call.code(), call.details()


def methods(address: str, key: str) -> list[str]:
    """Every method of every service, as the server itself tells."""
    with grpc.insecure_channel(address) as channel:
        ask = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo
        listed = next(ask(iter([reflection_pb2.ServerReflectionRequest(list_services="")]), metadata=bearer(key)))
        names = [service.name for service in listed.list_services_response.service]
        questions = iter([reflection_pb2.ServerReflectionRequest(file_containing_symbol=name) for name in names])
        answers = list(ask(questions, metadata=bearer(key)))
    found = []
    for name, answer in zip(names, answers, strict=True):
        file = descriptor_pb2.FileDescriptorProto.FromString(answer.file_descriptor_response.file_descriptor_proto[0])
        service = next(each for each in file.service if f"{file.package}.{each.name}" == name)
        found += [f"{name}/{method.name}" for method in service.method]
    return found


def test_no_rpc_but_health_s_answers_without_a_key(guarded: tuple[str, str]) -> None:
    address, key = guarded
    asked = [method for method in methods(address, key) if method not in OPEN]
    with grpc.insecure_channel(address) as channel:
        answers = {method: told(channel, method) for method in asked}
    assert len(asked) >= 5
    assert {*answers.values()} == {(grpc.StatusCode.UNAUTHENTICATED, ASK)}


def test_every_rpc_has_a_role_and_every_role_an_rpc(guarded: tuple[str, str]) -> None:
    assert sorted(methods(*guarded)) == sorted([*OPEN, *ROLES])


def test_a_method_that_was_forgotten_needs_the_highest_role() -> None:
    assert needed("samekind.v1.NewService/Forgotten") is Role.ADMIN


def test_health_answers_without_a_key(guarded: tuple[str, str]) -> None:
    with grpc.insecure_channel(guarded[0]) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        assert stub.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING
        assert next(stub.Watch(health_pb2.HealthCheckRequest())).status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_right_key_is_answered(guarded: tuple[str, str], scheme: str) -> None:
    address, key = guarded
    with grpc.insecure_channel(address) as channel:
        answer = stubs.EmbeddingServiceStub(channel).GetModel(pb.GetModelRequest(), metadata=[("authorization", f"{scheme} {key}")])
    assert answer.model.name == "mini"


def test_a_wrong_key_and_a_missing_one_look_alike(guarded: tuple[str, str]) -> None:
    address, right = guarded
    _, other = keys.new("reader")
    same_id = keys.written.write(right.split("_")[1], "x" * 43)
    wrong = [[], bearer(other), bearer(same_id), bearer(""), bearer(right + "x"), [("authorization", right)], [("authorization", f"Basic {right}")]]
    with grpc.insecure_channel(address) as channel:
        answers = [told(channel, "samekind.v1.EmbeddingService/Embed", metadata) for metadata in wrong]
    assert set(answers) == {(grpc.StatusCode.UNAUTHENTICATED, ASK)}


def test_a_refused_caller_s_request_is_not_read(guarded: tuple[str, str]) -> None:
    """64 MiB and more would be too large for a method that reads it."""
    with grpc.insecure_channel(guarded[0], options=[("grpc.max_send_message_length", -1)]) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/samekind.v1.EmbeddingService/Embed")(bytes(80 << 20), timeout=60)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_the_client_raises_by_name_what_the_server_says(guarded: tuple[str, str]) -> None:
    with samekind.connect(guarded[0]) as sk, pytest.raises(Unauthenticated, match="asks for a key") as caught:
        sk.model()
    assert len(caught.value.metadata["request_id"]) == 32


class Telling(stubs.EmbeddingServiceServicer):
    """Answers who calls, as a model's name."""

    async def GetModel(self, request: pb.GetModelRequest, context: object) -> pb.GetModelResponse:  # noqa: N802
        caller = callers.current()
        return pb.GetModelResponse(model=pb.Model(name=f"{caller.tenant}|{caller.name}|{caller.role.name}", score_kind=pb.SCORE_KIND_SOFTMAX))


def asked(path: Path, *given: str | None, roles: dict[str, Role] | None = None) -> list[str | SamekindError]:
    """What a server with the keys of `path` answers to each key in turn."""

    async def ask() -> list[str | SamekindError]:
        auth = Auth(Keyring(path), Quotas(), roles=ROLES if roles is None else roles)
        server = grpc.aio.server(interceptors=[Layers(auth.layer, errors), auth])
        stubs.add_EmbeddingServiceServicer_to_server(Telling(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        answers = [await _one(f"127.0.0.1:{port}", key) for key in given]
        await server.stop(None)
        return answers

    return asyncio.run(ask())


async def _one(address: str, key: str | None) -> str | SamekindError:
    async with samekind.aconnect(address, key=key) as sk:
        try:
            return (await sk.model()).name
        except SamekindError as error:
            return error


def test_who_calls_is_the_key_s_tenant_name_and_role(tmp_path: Path) -> None:
    a, of_a = keys.new("a's", tenant="a", role=Role.WRITE)
    b, of_b = keys.new("b's", tenant="b")
    for key in (a, b):
        keys.add(tmp_path / "keys.json", key)
    assert asked(tmp_path / "keys.json", of_a, of_b) == ["a|a's|WRITE", "b|b's|READ"]


def test_without_keys_the_caller_is_the_host(tmp_path: Path) -> None:
    assert asked(tmp_path / "keys.json", None) == ["|127.0.0.1|ADMIN"]


@pytest.mark.parametrize(("peer", "host"), [("ipv4:10.0.0.1:5", "10.0.0.1"), ("ipv6:%5B::1%5D:5", "::1"), ("ipv6:[::1]:5", "::1"), ("unix:", "unix")])
def test_the_host_of_a_peer_is_named_without_its_port(peer: str, host: str) -> None:
    assert callers.host(peer) == host


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("wanted", Role)
def test_a_role_includes_those_before_it(tmp_path: Path, role: Role, wanted: Role) -> None:
    key, secret = keys.new("k", role=role)
    keys.add(tmp_path / "keys.json", key)
    (answer,) = asked(tmp_path / "keys.json", secret, roles={"samekind.v1.EmbeddingService/GetModel": wanted})
    assert isinstance(answer, PermissionDenied) is (role < wanted)


def test_a_key_of_too_low_a_role_is_told_which_it_needs(tmp_path: Path) -> None:
    key, secret = keys.new("reader")
    keys.add(tmp_path / "keys.json", key)
    (answer,) = asked(tmp_path / "keys.json", secret, roles={})
    assert str(answer) == "the key 'reader' has the role read, and samekind.v1.EmbeddingService/GetModel needs admin; ask with a key of that role"


def test_nobody_is_the_caller_outside_of_calls() -> None:
    assert callers.current() == Caller()
