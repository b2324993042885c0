"""One line for each call that has ended: who asked what of which model, how much, and how it went. Never what was in it."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from samekind_server.edge import callers
from samekind_server.edge.handlers import Call, Layer

PROBES = "grpc.health.v1.Health"
LONGEST = 100


def access_log(logger: logging.Logger | None) -> Layer:
    """A layer that writes to `logger`. Health probes are left out."""

    @asynccontextmanager
    async def around(call: Call) -> AsyncIterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            if logger and call.service != PROBES:
                logger.info(call.method, extra={"facts": dict(_facts(call, 1000 * (time.perf_counter() - started)))})

    return around


def _facts(call: Call, milliseconds: float) -> Iterator[tuple[str, object]]:
    caller = callers.current()
    yield from (("request_id", call.request_id), ("method", call.method), ("code", call.code))
    yield from ((name, value) for name, value in (("reason", call.reason), ("tenant", caller.tenant), ("caller", caller.name)) if value)
    yield from (("ms", round(milliseconds, 3)), ("peer", call.context.peer()))
    yield from (("requests", call.requests), ("contents", call.contents), ("bytes", call.request_bytes), ("answer_bytes", call.response_bytes))
    if call.model:
        yield "model", call.model[:LONGEST]
