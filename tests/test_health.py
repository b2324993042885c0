import asyncio
import shutil
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from samekind.errors import Internal, SettingError, Unavailable
from samekind.types import Floats, Precision, Text
from samekind_server.data_dir import DataDir
from samekind_server.edge.handlers import Layers
from samekind_server.edge.health import HealthServicer
from samekind_server.edge.interceptors import errors
from samekind_server.edge.proofs import Alone, DefaultModel
from samekind_server.edge.proving import Proof, Proving
from samekind_server.embedding.base import Encoder, Ids
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.images import ImageLimits
from samekind_server.embedding.proof import prove
from samekind_server.embedding.registry import Registry
from tests.running import Metrics, address, process

UNKNOWN, SERVING, NOT_SERVING = 3, 1, 2
NEVER = float("-inf")


class Faulty:
    """A runtime that answers, answers wrongly, raises or hangs as it is told."""

    name, precision = "faulty", Precision.EXACT

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.error: Exception | None = None
        self.length, self.calls = 1.0, 0
        self.go = threading.Event()
        self.go.set()

    def images(self, pixels: Floats) -> Floats:
        return self._answer(self._encoder.runtime.images, pixels)

    def texts(self, ids: Ids) -> Floats:
        return self._answer(self._encoder.runtime.texts, ids)

    def rest(self) -> None:
        """Keeps nothing."""

    def _answer(self, tower: Callable[[Any], Floats], inputs: Any) -> Floats:
        self.calls += 1
        self.go.wait()
        if self.error:
            raise self.error
        return self.length * tower(inputs)


class FaultyRegistry(Registry):
    """Has mini with a runtime that can be told to fail."""

    def __init__(self, cache_dir: Path) -> None:
        super().__init__(("mini",), offline=True, precision=Precision.EXACT, cache_dir=cache_dir)
        self.runtime = Faulty(super().get())

    def get(self, name: str = "") -> Encoder:
        return replace(super().get(name), runtime=self.runtime)


class Patient:
    """A model whose health is looked at all the time, and a watcher of it."""

    def __init__(self, registry: FaultyRegistry, *, model_timeout: float = 60.0, patience: float = 60.0) -> None:
        self.runtime = registry.runtime
        self.engine = Engine(registry, ImageLimits(), model_timeout=model_timeout)
        self.succeeded, self.patience = NEVER, patience

    async def sees(self, *states: int, between: Callable[[], None] = lambda: None) -> None:
        """Waits until a watcher has seen these states, `between` each and the next."""
        health, model = HealthServicer(["S"]), DefaultModel(self.engine, lambda: self.succeeded, fresh=0)
        proving = Proving(health, [Proof("the model", ("", "S"), model.prove)], every=0.01, patience=self.patience)
        async with served(health) as stub:
            await proving.start()
            watch = stub.Watch(health_pb2.HealthCheckRequest(service="S"))
            for state in states:
                assert (await watch.read()).status == state
                between()
            proving.stop()
            health.end()


@asynccontextmanager
async def served(health: HealthServicer) -> AsyncIterator[Any]:
    """A stub of a server that tells of health."""
    server = grpc.aio.server(interceptors=[Layers(errors)])
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield health_pb2_grpc.HealthStub(channel)
    await server.stop(None)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 60))


@pytest.fixture
def registry(tmp_path: Path):
    registry = FaultyRegistry(tmp_path)
    yield registry
    registry.runtime.go.set()


def test_nothing_serves_before_it_is_said_to() -> None:
    async def test() -> None:
        async with served(HealthServicer(["S"])) as stub:
            for service in ("", "S"):
                assert (await stub.Check(health_pb2.HealthCheckRequest(service=service))).status == NOT_SERVING
            listed = await stub.List(health_pb2.HealthListRequest())  # type: ignore[attr-defined]
            assert {service: answer.status for service, answer in listed.statuses.items()} == {"": NOT_SERVING, "S": NOT_SERVING}

    run(test())


def test_an_unknown_service_is_not_found_and_may_be_watched() -> None:
    async def test() -> None:
        async with served(HealthServicer(["S"])) as stub:
            with pytest.raises(grpc.aio.AioRpcError, match=r"no service 'T' here; there are S") as caught:
                await stub.Check(health_pb2.HealthCheckRequest(service="T"))
            assert caught.value.code() == grpc.StatusCode.NOT_FOUND
            assert (await stub.Watch(health_pb2.HealthCheckRequest(service="T")).read()).status == UNKNOWN

    run(test())


def test_a_watcher_sees_each_change_and_is_let_go_at_the_end() -> None:
    async def test() -> None:
        health = HealthServicer(["S"])
        async with served(health) as stub:
            watch = stub.Watch(health_pb2.HealthCheckRequest())
            assert (await watch.read()).status == NOT_SERVING
            health.say({"": True})
            assert (await watch.read()).status == SERVING
            health.end()
            assert (await watch.read()).status == NOT_SERVING
            with pytest.raises(grpc.aio.AioRpcError, match="the server is stopping"):
                await watch.read()

    run(test())


def test_what_one_service_needs_does_not_stop_the_others() -> None:
    async def test() -> None:
        async def good() -> None:
            pass

        async def bad() -> None:
            raise Unavailable("the disk is full")

        health = HealthServicer(["S", "T"])
        proving = Proving(health, [Proof("a", ("", "S"), good), Proof("b", ("", "T"), bad)])
        await proving.start()
        proving.stop()
        assert health.states == {"": False, "S": True, "T": False}

    run(test())


def test_a_model_that_raises_does_not_serve_until_it_answers_again(registry: FaultyRegistry) -> None:
    patient = Patient(registry)

    def change() -> None:
        patient.runtime.error = None if patient.runtime.error else RuntimeError("no memory")

    run(patient.sees(SERVING, NOT_SERVING, SERVING, NOT_SERVING, between=change))


def test_a_model_that_hangs_does_not_serve_and_is_not_asked_again_until_it_goes_on(registry: FaultyRegistry) -> None:
    patient, calls = Patient(registry, patience=2.0), []

    def change() -> None:
        calls.append(patient.runtime.calls)
        patient.runtime.go.clear() if patient.runtime.go.is_set() else patient.runtime.go.set()

    run(patient.sees(SERVING, NOT_SERVING, SERVING, between=change))
    assert calls[1] - calls[0] <= 3


def test_a_model_whose_rows_are_no_unit_rows_does_not_serve(registry: FaultyRegistry) -> None:
    registry.runtime.length = 2.0
    with pytest.raises(Internal, match="the images tower of mini answers what is no unit row of 256 numbers"):
        prove(registry.get())


def test_a_tower_that_hung_over_a_call_is_asked_until_it_answers(registry: FaultyRegistry) -> None:
    patient = Patient(registry, model_timeout=0.5)

    async def test() -> None:
        patient.runtime.go.clear()
        encoder = await patient.engine.encoder("")
        assert [type(error) for error in (await patient.engine.embed(encoder, [Text("a mug")])).errors.values()] == [Unavailable]
        assert not patient.engine.well
        await patient.sees(NOT_SERVING, SERVING, between=patient.runtime.go.set)
        assert patient.engine.well

    run(test())


def test_a_model_that_answered_lately_is_not_asked(registry: FaultyRegistry) -> None:
    engine = Engine(registry, ImageLimits())
    run(DefaultModel(engine, time.monotonic).prove())
    assert registry.runtime.calls == 0
    run(DefaultModel(engine, lambda: NEVER).prove())
    assert registry.runtime.calls == 2


def test_a_proof_that_hangs_is_not_begun_twice() -> None:
    go, begun = threading.Event(), []

    def hang() -> None:
        begun.append(1)
        go.wait()

    async def test() -> None:
        alone = Alone()
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(alone.run(hang), 0.01)
        go.set()
        await alone.run(hang)

    run(test())
    assert begun in ([1], [1, 1])


def test_a_folder_that_cannot_be_written_in_is_named(tmp_path: Path) -> None:
    with DataDir(tmp_path / "data") as data:
        data.prove()
        shutil.rmtree(tmp_path / "data")
        with pytest.raises(SettingError, match=r"cannot write in the data folder .*: No such file or directory; make room or mend it"):
            data.prove()


def test_a_server_whose_folder_goes_away_says_so_and_says_when_it_is_back(tmp_path: Path) -> None:
    with process(tmp_path / "data", "--metrics", "0") as server:
        with grpc.insecure_channel(address(server)) as channel:
            stub, metrics = health_pb2_grpc.HealthStub(channel), Metrics(server)
            watch = stub.Watch(health_pb2.HealthCheckRequest())
            assert next(watch).status == SERVING
            shutil.move(tmp_path / "data", tmp_path / "elsewhere")
            assert next(watch).status == NOT_SERVING
            assert metrics.get("/readyz") == (503, "not serving\n")
            assert metrics.value("samekind_serving", service="server") == 0
            assert stub.Check(health_pb2.HealthCheckRequest(service="samekind.v1.EmbeddingService")).status == SERVING
            shutil.move(tmp_path / "elsewhere", tmp_path / "data")
            assert next(watch).status == SERVING
        server.terminate()
        assert server.stderr
        assert "not serving: the data folder: cannot write in the data folder" in server.stderr.read()
