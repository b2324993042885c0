"""Listens on the web port, and ends with the server's drain."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import grpc
import uvicorn
from google.protobuf import descriptor_pool
from uvicorn.protocols.http.h11_impl import H11Protocol

from samekind.errors import SettingError
from samekind_server.edge import listening
from samekind_server.web import routes
from samekind_server.web.methods import Methods
from samekind_server.web.site import Site
from samekind_server.web.transcoding import Transcoder

HEAD_BYTES = 1 << 16
LAST = 1.0  # Seconds for connections to close that are told to.
PATIENCE = 10  # Seconds for the head of a request to come, and that a connection may stand idle.


class Web:
    """Serves the methods of `servicers`, behind `interceptors`, as JSON. The rest is as `Site` takes it. For one event loop."""

    def __init__(
        self,
        servicers: Iterable[Callable[[Any], None]],
        interceptors: Sequence[grpc.aio.ServerInterceptor],
        *,
        services: Iterable[str],
        most: int,
        at_once: int,
        ready: Callable[[], bool],
        guarded: Callable[[], bool],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        methods, self._transcoder = Methods(interceptors), Transcoder()
        for add in servicers:
            add(methods)
        found = [descriptor_pool.Default().FindServiceByName(service) for service in services]
        site = Site(routes.of(found), methods, self._transcoder, most=most, at_once=at_once, ready=ready, guarded=guarded)
        config = uvicorn.Config(
            site,
            http=_Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",  # Who sends what is no HTTP is told so; it is no fault of ours.
            access_log=False,
            server_header=False,
            proxy_headers=False,
            reset_contextvars=True,  # Else one request of a connection would begin as the caller of the one before.
            h11_max_incomplete_event_size=HEAD_BYTES,
            timeout_keep_alive=PATIENCE,
            ssl_context_factory=(lambda config, default: tls) if tls else None,
        )
        self._server = _Server(config)
        self._serving: asyncio.Task[None] | None = None

    async def listen(self, host: str, port: int) -> str:
        """The address it listens on. Raises SettingError."""
        try:
            taken = _bound(host, port)
        except OSError as error:
            told = (error.strerror or str(error)).lower()
            raise SettingError(f"cannot listen on {listening.address(host, port)}: {told}; choose another with --web, 0 for a free port") from None
        self._serving = asyncio.create_task(self._server.serve([taken]))
        return listening.address(host, taken.getsockname()[1])

    async def stop(self, grace: float) -> None:
        """Takes no new connection, lets requests under way end within `grace` seconds, and closes."""
        if not self._serving:
            return
        self._server.should_exit = True
        await asyncio.wait([self._serving], timeout=grace)
        self._server.force_exit = True
        await asyncio.wait([self._serving], timeout=LAST)
        self._serving.cancel()  # A caller that takes nothing of its answer is not waited for.
        self._transcoder.close()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The signals are the drain's."""
        yield


class _Connection(H11Protocol):
    """Closes where a request's head does not come in time."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unwatch()

    def _watch(self) -> None:
        if self.cycle and not self.cycle.response_complete:
            self._unwatch()
        elif not self._late and not self.transport.is_closing():
            self._late = self.loop.call_later(PATIENCE, self.transport.close)

    def _unwatch(self) -> None:
        if self._late:
            self._late.cancel()
            self._late = None


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(where)
    except OSError:
        made.close()
        raise
    return made
