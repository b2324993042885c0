"""What a handler is told of a call that came over HTTP, and what it says beside its answers: gRPC's own context, without gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NoReturn

import grpc

Metadata = Sequence[tuple[str, str | bytes]]


class Context(grpc.aio.ServicerContext[Any, Any]):
    """For one call. `write` takes each answer of a stream; `until` is when the caller waits no more, on the event loop's clock."""

    def __init__(self, metadata: Metadata, peer: str, until: float | None, write: Callable[[bytes], Awaitable[None]]) -> None:
        self._metadata, self._peer, self._until, self._write = tuple(metadata), peer, until, write
        self._code: grpc.StatusCode | None = None
        self._details = ""
        self.initial: Sequence[tuple[str, str]] = ()
        self.trailing: Metadata = ()

    def invocation_metadata(self) -> Any:
        """The request's headers."""
        return self._metadata

    def peer(self) -> str:
        """As gRPC names it."""
        return self._peer

    def time_remaining(self) -> float | None:  # type: ignore[override] # Its types know no call without a time.
        """Seconds the caller still waits; None where it set no time."""
        return None if self._until is None else max(0.0, self._until - asyncio.get_running_loop().time())

    async def write(self, message: Any) -> None:
        """Sends one answer of a stream; returns when the next one may follow."""
        await self._write(message)

    async def send_initial_metadata(self, initial_metadata: Any) -> None:
        """Goes into the headers."""
        self.initial = [(name, str(value)) for name, value in initial_metadata]

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Any = ()) -> NoReturn:
        """Ends the call. Raises AbortError."""
        self._code, self._details, self.trailing = code, details, tuple(trailing_metadata)
        raise grpc.aio.AbortError(details)

    async def abort_with_status(self, status: Any) -> NoReturn:
        """Ends the call. Raises AbortError."""
        await self.abort(status.code, status.details, status.trailing_metadata or ())

    def code(self) -> Any:
        """What the call was ended with, None while it was not."""
        return self._code

    def details(self) -> str:
        """What was said of that."""
        return self._details

    def set_code(self, code: Any) -> None:
        """No handler of ours answers and fails."""
        raise NotImplementedError

    def set_details(self, details: Any) -> None:
        """See `set_code`."""
        raise NotImplementedError

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        """Goes into the headers too, as a single answer is not sent before its handler has ended."""
        self.initial = [(name, str(value)) for name, value in trailing_metadata]

    async def read(self) -> Any:
        """Handlers take the iterator they are given."""
        raise NotImplementedError

    def peer_identities(self) -> Any:
        """No certificate is looked at but in the handshake."""
        return None

    def peer_identity_key(self) -> Any:
        """See `peer_identities`."""
        return None

    def auth_context(self) -> Any:
        """See `peer_identities`."""
        return {}

    def set_compression(self, compression: Any) -> None:
        """HTTP answers are sent as they are."""

    def disable_next_message_compression(self) -> None:
        """See `set_compression`."""
