import subprocess
import sys
import threading
from collections.abc import Iterator
from contextvars import copy_context
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest

import samekind
from samekind.v1 import content_pb2 as words
from samekind.v1 import embedding_service_pb2 as pb
from samekind.v1.embedding_service_pb2_grpc import EmbeddingServiceStub
from samekind_server.embedding import spans
from tests.running import address, executed, process

traces = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2", reason='needs pip install "samekind[otel]"')
pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason='needs pip install "samekind[otel]"')

EMBED = "samekind.v1.EmbeddingService/Embed"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector(ThreadingHTTPServer):
    """Takes spans by OTLP over HTTP."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.names: set[str] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def named(self, name: str) -> Any:
        """The only span of that name."""
        (span,) = (span for span in self.spans if span.name == name)
        return span


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        sent = traces.ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
        for resource in sent.resource_spans:
            self.server.names |= {pair.value.string_value for pair in resource.resource.attributes if pair.key == "service.name"}
            self.server.spans += [span for scope in resource.scope_spans for span in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *told: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        serving = threading.Thread(target=collector.serve_forever)
        serving.start()
        yield collector
        collector.shutdown()
        serving.join()


def traced(data: Path, collector: Collector, png: bytes, *arguments: str) -> None:
    """Has a server asked for one embedding within a caller's trace, and for a model that is not there, and stopped."""
    with process(data, *arguments) as server:
        with grpc.insecure_channel(address(server)) as channel:
            stub, beside = EmbeddingServiceStub(channel), [("traceparent", f"00-{TRACE}-{PARENT}-01")]
            stub.Embed(pb.EmbedRequest(contents=[words.Content(image=words.Image(data=png))] * 3), metadata=beside)
            with pytest.raises(grpc.RpcError):
                stub.GetModel(pb.GetModelRequest(model="nano"))
        server.terminate()
        server.communicate(timeout=60)


def attributes(span: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in span.attributes}


def test_a_call_is_a_span_of_the_caller_s_trace_with_its_parts_in_it(tmp_path: Path, collector: Collector, png: bytes) -> None:
    traced(tmp_path, collector, png, "--traces", collector.endpoint)
    call = collector.named(EMBED)
    assert (call.trace_id.hex(), call.parent_span_id.hex()) == (TRACE, PARENT)
    for name in ("decode", "wait", "compute"):
        part = collector.named(name)
        assert (part.trace_id, part.parent_span_id) == (call.trace_id, call.span_id)
        assert call.start_time_unix_nano <= part.start_time_unix_nano <= part.end_time_unix_nano <= call.end_time_unix_nano
    assert attributes(collector.named("decode"))["samekind.parts"] == 3
    assert collector.names == {"samekind"}


def test_a_call_s_span_tells_how_it_ended(tmp_path: Path, collector: Collector, png: bytes) -> None:
    traced(tmp_path, collector, png, "--traces", collector.endpoint)
    good, bad = attributes(collector.named(EMBED)), attributes(collector.named("samekind.v1.EmbeddingService/GetModel"))
    assert (good["rpc.response.status_code"], good["samekind.contents"]) == ("OK", 3)
    assert (bad["rpc.response.status_code"], len(bad["samekind.request_id"])) == ("NOT_FOUND", 32)


def test_the_environment_may_name_the_collector(tmp_path: Path, collector: Collector, png: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "ours")
    traced(tmp_path, collector, png)
    assert collector.named(EMBED)
    assert collector.names == {"ours"}


def test_a_call_without_end_keeps_no_more_parts_than_a_batch_has() -> None:
    def call() -> int:
        parts = spans.wanted()
        for number in range(2 * spans.MOST):
            spans.tell("decode", number, number + 1)
        return len(parts)

    assert copy_context().run(call) == spans.MOST


def test_a_collector_that_is_not_there_holds_nothing_up(tmp_path: Path) -> None:
    with process(tmp_path, "--traces", "http://127.0.0.1:1") as server:
        with samekind.connect(address(server)) as sk:
            assert sk.model().name == "mini"
        server.terminate()
        assert server.wait(timeout=60) == 0


def test_traces_without_opentelemetry_are_refused_with_the_command(tmp_path: Path) -> None:
    (tmp_path / "opentelemetry.py").write_text("raise ModuleNotFoundError(name='opentelemetry')")
    with executed(tmp_path / "data", "--traces", "http://127.0.0.1:1", PYTHONPATH=str(tmp_path)) as server:
        _, told = server.communicate(timeout=60)
    assert told.strip() == ('samekind serve: traces to http://127.0.0.1:1 need opentelemetry, which is missing: pip install "samekind[otel]"')
    assert server.returncode == 2


def test_a_server_that_traces_nothing_imports_nothing_of_it() -> None:
    code = "import sys, samekind_server.app; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not [name for name in loaded.split() if name.startswith("opentelemetry")]
