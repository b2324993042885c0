"""The audit log: a line for every write and every refusal, nothing of what was in them, and none lost where the file is moved."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

import samekind
from samekind.errors import BadRequest, Internal, SamekindError, SettingError, Unauthenticated
from samekind.v1 import embedding_service_pb2 as pb
from samekind.v1 import embedding_service_pb2_grpc as stubs
from samekind_server.edge import keys
from samekind_server.edge.audit import Audit
from samekind_server.edge.auth import Auth
from samekind_server.edge.callers import Role
from samekind_server.edge.handlers import Layers
from samekind_server.edge.interceptors import errors
from samekind_server.edge.keyring import Keyring
from samekind_server.edge.quotas import Quotas
from tests.running import process, started

METHOD = "samekind.v1.EmbeddingService/GetModel"


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


class Answering(stubs.EmbeddingServiceServicer):
    """Answers once it may go on, or raises what it was made with."""

    def __init__(self, error: SamekindError | None = None) -> None:
        self.error, self.asked, self.go = error, asyncio.Event(), asyncio.Event()
        self.go.set()

    async def GetModel(self, request: pb.GetModelRequest, context: object) -> pb.GetModelResponse:  # noqa: N802
        self.asked.set()
        await self.go.wait()
        if self.error:
            raise self.error
        return pb.GetModelResponse(model=pb.Model(name=request.model, score_kind=pb.SCORE_KIND_SOFTMAX))


@asynccontextmanager
async def serving(
    folder: Path, *, key: str = "", needs: Role = Role.WRITE, error: SamekindError | None = None
) -> AsyncIterator[samekind.AsyncClient]:
    """A client, with a key, of a server whose one method needs a role."""
    roles = {METHOD: needs}
    with Audit(folder / "audit.log", roles=roles) as audit:
        auth = Auth(Keyring(folder / "keys.json"), Quotas(), roles=roles)
        server = grpc.aio.server(interceptors=[Layers(auth.layer, audit.layer, errors), auth])
        stubs.add_EmbeddingServiceServicer_to_server(Answering(error), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with samekind.aconnect(f"127.0.0.1:{port}", key=key) as sk:
            yield sk
        await server.stop(None)


def audited(folder: Path, times: int = 1, *, key: str = "", needs: Role = Role.WRITE, error: SamekindError | None = None) -> list[dict[str, Any]]:
    """What the audit tells of so many calls at once."""

    async def ask() -> None:
        async with serving(folder, key=key, needs=needs, error=error) as sk:
            await asyncio.gather(*(sk.model("swordfish") for _ in range(times)), return_exceptions=True)

    asyncio.run(ask())
    return lines(folder / "audit.log")


def test_a_write_is_told_with_who_asked_and_how_it_ended(tmp_path: Path) -> None:
    key, secret = keys.new("shop", tenant="a", role=Role.WRITE)
    keys.add(tmp_path / "keys.json", key)
    (line,) = audited(tmp_path, key=secret)
    assert {name: line[name] for name in ("method", "code", "tenant", "caller")} == {"method": METHOD, "code": "OK", "tenant": "a", "caller": "shop"}
    assert line.keys() == {"time", "request_id", "method", "code", "tenant", "caller", "peer"}
    assert len(line["request_id"]) == 32


def test_a_write_that_failed_is_told_with_its_reason(tmp_path: Path) -> None:
    codes = [audited(tmp_path, error=error)[-1] for error in (BadRequest("no"), Internal("no"))]
    assert [(line["code"], line["reason"]) for line in codes] == [("INVALID_ARGUMENT", "BAD_REQUEST"), ("INTERNAL", "INTERNAL")]


def test_a_call_that_ends_after_the_audit_is_told_still(tmp_path: Path) -> None:
    async def ask() -> None:
        answering, audit = Answering(), Audit(tmp_path / "audit.log", roles={METHOD: Role.WRITE})
        answering.go.clear()
        server = grpc.aio.server(interceptors=[Layers(audit.layer, errors)])
        stubs.add_EmbeddingServiceServicer_to_server(answering, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with samekind.aconnect(f"127.0.0.1:{port}") as sk:
            with audit:
                asking = asyncio.create_task(sk.model())
                await answering.asked.wait()
            answering.go.set()
            await asking
        await server.stop(None)

    asyncio.run(ask())
    assert [line["code"] for line in lines(tmp_path / "audit.log")] == ["OK"]


def test_a_read_is_told_only_where_it_was_refused(tmp_path: Path) -> None:
    key, secret = keys.new("slow", requests_per_second=0.001)
    keys.add(tmp_path / "keys.json", key)
    told = audited(tmp_path, 3, key=secret, needs=Role.READ) + audited(tmp_path, key="other", needs=Role.READ)[2:]
    assert [(line["reason"], line["caller"]) for line in told] == [("QUOTA_EXCEEDED", "slow")] * 2 + [("UNAUTHENTICATED", "127.0.0.1")]


def test_no_contents_and_no_secrets_are_told(tmp_path: Path) -> None:
    key, secret = keys.new("shop")
    keys.add(tmp_path / "keys.json", key)
    audited(tmp_path, key=secret)
    audited(tmp_path, key="sesame")
    text = (tmp_path / "audit.log").read_text()
    assert [line["reason"] for line in lines(tmp_path / "audit.log")] == ["PERMISSION_DENIED", "UNAUTHENTICATED"]
    assert not any(word in text for word in ("swordfish", "sesame", secret, key.sha256))


def test_a_hundred_writes_at_once_are_a_hundred_whole_lines(tmp_path: Path) -> None:
    assert len({line["request_id"] for line in audited(tmp_path, 100)}) == 100


def test_the_file_is_its_owner_s_alone_and_is_appended_to(tmp_path: Path) -> None:
    assert len(audited(tmp_path)) == 1
    assert len(audited(tmp_path)) == 2
    assert (tmp_path / "audit.log").stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"cannot write the audit log .*: No such file or directory; name another with --audit-log"):
        Audit(tmp_path / "none" / "audit.log")


def test_a_file_that_was_moved_is_followed_by_a_new_one(tmp_path: Path) -> None:
    async def ask() -> None:
        async with serving(tmp_path) as sk:
            for name in ("audit.log.1", "audit.log.2"):
                await sk.model()
                (tmp_path / "audit.log").rename(tmp_path / name)

    asyncio.run(ask())
    assert [len(lines(tmp_path / name)) for name in ("audit.log.1", "audit.log.2")] == [1, 1]


def test_a_server_with_keys_tells_its_refusals(tmp_path: Path) -> None:
    key, _ = keys.new("reader")
    keys.add(tmp_path / "keys.json", key)
    with started(tmp_path) as address, samekind.connect(address) as sk, pytest.raises(Unauthenticated) as caught:
        sk.model()
    assert [line["request_id"] for line in lines(tmp_path / "audit.log")] == [caught.value.metadata["request_id"]]


def test_a_server_without_keys_or_audit_writes_none(tmp_path: Path) -> None:
    with started(tmp_path) as address, samekind.connect(address) as sk:
        sk.model()
    key, _ = keys.new("reader")
    keys.add(tmp_path / "keys.json", key)
    with started(tmp_path, "--audit-log", "") as address, samekind.connect(address) as sk, pytest.raises(Unauthenticated):
        sk.model()
    assert not (tmp_path / "audit.log").exists()


def test_an_audit_log_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    with process(tmp_path, "--audit-log", str(tmp_path / "none" / "audit.log")) as server:
        _, told = server.communicate(timeout=60)
    assert (server.returncode, "cannot write the audit log" in told) == (2, True)
