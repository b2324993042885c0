"""Answers /metrics, /healthz and /readyz over plain HTTP, on an address of their own and off the public one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from samekind.errors import SettingError
from samekind_server.edge import listening

PATIENCE = 10.0
PLAIN = "text/plain; charset=utf-8"
Answer = tuple[HTTPStatus, str, bytes]


class Monitoring:
    """One server. It answers on the event loop that serves the calls, so that a loop that hangs is seen from outside."""

    def __init__(self, registry: CollectorRegistry, *, ready: Callable[[], bool]) -> None:
        self._registry, self._ready = registry, ready
        self._server: asyncio.Server | None = None

    async def listen(self, where: str) -> str:
        """The address it listens on, given as PORT or HOST:PORT; this machine's own without a host. Raises SettingError."""
        host, port = listening.split("--metrics", where)
        try:
            self._server = await asyncio.start_server(self._serve, host, port)
        except OSError as error:
            told = (error.strerror or str(error)).partition(": ")[2] or error.strerror
            raise SettingError(f"cannot answer /metrics on {where}: {told}; choose another with --metrics, 0 for a free one") from None
        taken: int = self._server.sockets[0].getsockname()[1]
        return listening.address(host, taken)

    def close(self) -> None:
        """Listens no more."""
        if self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                writer.write(_message(*self._answer(head), body=not head.startswith("HEAD ")))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # Who asks half a question, or takes no answer, gets none.
        finally:
            writer.close()

    def _answer(self, head: str) -> Answer:
        first, *lines = head.split("\r\n")
        verb, target, *_ = [*first.split(" "), "", ""]
        if verb not in ("GET", "HEAD"):
            return HTTPStatus.METHOD_NOT_ALLOWED, PLAIN, b"ask with GET\n"
        match target.partition("?")[0]:
            case "/metrics":
                encode, kind = choose_encoder(_field(lines, "accept"))
                return HTTPStatus.OK, kind, encode(self._registry)
            case "/healthz":
                return HTTPStatus.OK, PLAIN, b"alive\n"
            case "/readyz" if self._ready():
                return HTTPStatus.OK, PLAIN, b"serving\n"
            case "/readyz":
                return HTTPStatus.SERVICE_UNAVAILABLE, PLAIN, b"not serving\n"
        return HTTPStatus.NOT_FOUND, PLAIN, b"here are /metrics, /healthz and /readyz\n"


def _message(status: HTTPStatus, kind: str, body_bytes: bytes, *, body: bool) -> bytes:
    head = (f"HTTP/1.1 {status.value} {status.phrase}", f"Content-Type: {kind}", f"Content-Length: {len(body_bytes)}", "Connection: close", "", "")
    return "\r\n".join(head).encode() + (body_bytes if body else b"")


def _field(lines: list[str], name: str) -> str:
    return next((value.strip() for line in lines for key, _, value in [line.partition(":")] if key.lower() == name), "")
