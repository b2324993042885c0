"""Sends OpenTelemetry traces: a span for each call, and in it those of decoding, waiting and computing."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from samekind import __version__
from samekind.errors import SettingError
from samekind_server.edge.handlers import Call
from samekind_server.embedding import spans

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.trace import Span

OURS = "samekind."
FAULTS = {"DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "UNKNOWN"}


class Traces:
    """Sends to the collector at `endpoint`, by OTLP over HTTP. Raises SettingError where OpenTelemetry is not installed."""

    def __init__(self, endpoint: str) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ModuleNotFoundError as error:
            raise SettingError(f'traces to {endpoint} need {error.name}, which is missing: pip install "samekind[otel]"') from None
        self._provider = TracerProvider(resource=_resource())
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")))
        self._tracer = self._provider.get_tracer("samekind", __version__)
        self._propagator = TraceContextTextMapPropagator()

    @asynccontextmanager
    async def layer(self, call: Call) -> AsyncIterator[None]:
        """Makes a call's spans, below the caller's where a `traceparent` names it. Health and reflection are left out."""
        if not call.service.startswith(OURS):
            yield
            return
        parts, offset = spans.wanted(), time.time_ns() - time.monotonic_ns()
        span = self._begun(call)
        try:
            yield
        finally:
            self._tell(span, parts, offset)
            _end(span, call)

    def close(self) -> None:
        """Sends what is not sent yet."""
        self._provider.shutdown()

    def _begun(self, call: Call) -> Span:
        from opentelemetry.trace import SpanKind

        sent = {name: value for name, value in call.metadata.items() if isinstance(value, str)}
        attributes = {"rpc.system": "grpc", "rpc.service": call.service, "rpc.method": call.method.rpartition("/")[2]}
        attributes["samekind.request_id"] = call.request_id
        return self._tracer.start_span(call.method, self._propagator.extract(sent), SpanKind.SERVER, attributes)

    def _tell(self, span: Span, parts: list[spans.Span], offset: int) -> None:
        """One span for all parts of a name: from the first one's begin to the last one's end, with their number and seconds."""
        from opentelemetry.trace import set_span_in_context

        inside = set_span_in_context(span)
        for name, same in itertools.groupby(sorted(set(parts)), key=lambda part: part[0]):
            began, ended = zip(*((began, ended) for _, began, ended in same), strict=True)
            attributes = {"samekind.parts": len(began), "samekind.seconds": sum(ended) - sum(began)}
            part = self._tracer.start_span(name, inside, attributes=attributes, start_time=offset + int(1e9 * min(began)))
            part.end(offset + int(1e9 * max(ended)))


def _end(span: Span, call: Call) -> None:
    from opentelemetry.trace import StatusCode

    span.set_attributes({"rpc.response.status_code": call.code, "samekind.contents": call.contents, "samekind.request_bytes": call.request_bytes})
    if call.code in FAULTS:
        span.set_status(StatusCode.ERROR, call.reason or call.code)
    span.end()


def _resource() -> Resource:
    """What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say of this server, else its own name and version."""
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource

    told = Resource.create({SERVICE_VERSION: __version__})
    named = not str(told.attributes[SERVICE_NAME]).startswith("unknown_service")
    return told if named else told.merge(Resource({SERVICE_NAME: "samekind"}))
