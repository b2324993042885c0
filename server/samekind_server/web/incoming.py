"""Reads a request's body as it is wanted, and sees the caller leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from types import TracebackType
from typing import Any, Self

from samekind.errors import DeadlineExceeded, Overloaded, RequestTooLarge

PATIENCE = 30.0  # Seconds without a byte of a body that was begun.
AGAIN = 1.0  # Seconds after which to send again what there is no room for.
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Bodies:
    """Bounds the bytes of all bodies that came and are not answered yet: in their JSON they take several times as many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.held = 0

    def check(self, some: int) -> None:
        """Raises Overloaded where there is no room for so many more."""
        if self.held + some > self._most:
            raise Overloaded(f"{self.held:,} bytes of requests are under way, as many as are taken; ask again in a moment", retry_after=AGAIN)

    def take(self, some: int) -> None:
        """Counts so many more, or less. Raises Overloaded."""
        if some > 0:
            self.check(some)
        self.held += some


class Incoming:
    """One request, of `size` bytes where it says so.

    Nothing is taken before it is asked for; from then on a caller that leaves cancels the task that made this.
    """

    def __init__(self, receive: Receive, bodies: Bodies, *, most: int, size: int = 0) -> None:
        self._receive, self._bodies, self._most, self._size = receive, bodies, most, size
        self._held = 0
        self._task = asyncio.current_task()
        self._pump: asyncio.Task[None] | None = None
        self._parts: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        self.left = False

    async def body(self) -> bytes:
        """All of it. Raises RequestTooLarge or Overloaded, at once where it was said to be that large."""
        if self._size > self._most:
            raise self._too_large()
        self._bodies.check(self._size)
        parts = [part async for part in self._bounded()]
        return b"".join(parts)

    async def lines(self) -> AsyncIterator[bytes]:
        """Each line that is not empty, however many. Raises RequestTooLarge or Overloaded."""
        line = bytearray()
        async for part in self._taken(patience=None):
            for index, piece in enumerate(part.split(b"\n")):
                if index and line.strip():
                    yield bytes(line)
                line = line if not index else bytearray()
                line += piece
                if len(line) > self._most:
                    raise self._too_large()
                self._take(len(line) - self._held)
        if line.strip():
            yield bytes(line)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._pump:
            self._pump.cancel()
        self._take(-self._held)

    async def _bounded(self) -> AsyncIterator[bytes]:
        size = 0
        async for part in self._taken(patience=PATIENCE):
            size += len(part)
            if size > self._most:
                raise self._too_large()
            self._take(len(part))
            yield part

    def _take(self, some: int) -> None:
        self._bodies.take(some)
        self._held += some

    def _too_large(self) -> RequestTooLarge:
        return RequestTooLarge(f"more than {self._most:,} bytes at once; send less, or ask the operator for a larger --max-message-bytes")

    async def _taken(self, patience: float | None) -> AsyncIterator[bytes]:
        self._pump = self._pump or asyncio.create_task(self._pumped())
        while (part := await self._next(patience)) is not None:
            yield part

    async def _next(self, patience: float | None) -> bytes | None:
        try:
            async with asyncio.timeout(patience):
                return await self._parts.get()
        except TimeoutError:
            raise DeadlineExceeded(f"nothing of the body came for {patience:g} seconds") from None

    async def _pumped(self) -> None:
        """Hands the body's parts on, then waits until the caller leaves."""
        while (message := await self._receive())["type"] != "http.disconnect":
            if part := message.get("body"):
                await self._parts.put(part)
            if not message.get("more_body"):
                await self._parts.put(None)
        self.left = True
        if self._task:
            self._task.cancel()
