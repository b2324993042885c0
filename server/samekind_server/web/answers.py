"""What goes back over HTTP: answers, and errors with the status that fits their code."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

import grpc
from google.rpc import code_pb2, error_details_pb2, status_pb2

from samekind import errors
from samekind.errors import SamekindError
from samekind_server.edge.handlers import REQUEST_ID
from samekind_server.web.context import Context
from samekind_server.web.transcoding import to_json

JSON, LINES = "application/json", "application/x-ndjson"
DETAILS = "grpc-status-details-bin"
HTTP = {
    "CANCELLED": 499,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "UNAUTHENTICATED": 401,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
}
BY_REASON = {errors.RequestTooLarge.reason: 413}
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Sequence[tuple[str, str]]


class Refused(Exception):
    """A request that is no call: an error with the HTTP status and headers that say more than its code."""

    def __init__(self, code: int, error: SamekindError, headers: Headers = ()) -> None:
        super().__init__(error.message)
        self.code, self.error, self.headers = code, error, headers


class Answer:
    """One answer: a whole, or lines that begin with the first."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def whole(self, code: int, body: bytes, headers: Headers, kind: str = JSON) -> None:
        """All of it."""
        await self._start(code, (("content-type", kind), ("content-length", str(len(body))), *headers))
        await self._send({"type": "http.response.body", "body": body})

    async def line(self, body: bytes, headers: Headers) -> None:
        """The next one; headers go with the first."""
        if not self.begun:
            await self._start(200, (("content-type", LINES), *headers))
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def failed(self, status: status_pb2.Status, headers: Headers, *, code: int = 0) -> None:
        """An error: all there is, or the last line."""
        if self.begun:
            await self.line(b'{"error": ' + to_json(status) + b"}\n", headers)
            await self.end(headers)
        else:
            await self.whole(code or http_code(status), to_json(status) + b"\n", (*headers, *_beside(status)))

    async def end(self, headers: Headers) -> None:
        """After the last line, where there is any."""
        if not self.begun:
            await self._start(200, (("content-type", LINES), *headers))
        await self._send({"type": "http.response.body", "body": b""})

    async def _start(self, code: int, headers: Headers) -> None:
        self.begun = True
        raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers]
        await self._send({"type": "http.response.start", "status": code, "headers": raw})


def ended(context: Context) -> status_pb2.Status:
    """The status that a call was aborted with."""
    for name, value in context.trailing:
        if name == DETAILS and isinstance(value, bytes):
            return status_pb2.Status.FromString(value)
    code = context.code() or grpc.StatusCode.UNKNOWN
    return status_pb2.Status(code=code.value[0], message=context.details())


def http_code(status: status_pb2.Status) -> int:
    """The HTTP status that stands for it."""
    reason = _detail(status, error_details_pb2.ErrorInfo()).reason
    return BY_REASON.get(reason) or HTTP.get(code_pb2.Code.Name(status.code), 500)


def _beside(status: status_pb2.Status) -> list[tuple[str, str]]:
    """When to come back, in whole seconds, and what to come with."""
    delay = _detail(status, error_details_pb2.RetryInfo()).retry_delay.ToTimedelta().total_seconds()
    headers = [("retry-after", str(math.ceil(delay)))] if delay else []
    return [*headers, ("www-authenticate", "Bearer")] if status.code == code_pb2.UNAUTHENTICATED else headers


def _detail(status: status_pb2.Status, empty: Any) -> Any:
    return next((empty for packed in status.details if packed.Unpack(empty)), empty)


def told_id(request_id: str) -> Headers:
    """The request's id, as gRPC's answers bear it."""
    return ((REQUEST_ID, request_id),)
