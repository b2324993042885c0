"""Ends a server's work: what is under way finishes within a grace, and what does not is told so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

from samekind.errors import Unavailable
from samekind_server.edge.handlers import Call

IDLE = "grpc.reflection."  # Whoever looks around may do so for ever, and must not hold up the drain.
LAST_WORDS = 2.0  # Seconds for the answers of calls that are cut off to leave.
T = TypeVar("T")
_asked: ContextVar[asyncio.Event] = ContextVar("drain")
log = logging.getLogger(__name__)


def asked() -> asyncio.Event:
    """What is set when the server of the call under way is told to stop: a call that has no end of its own ends then."""
    return _asked.get(asyncio.Event())


class Stoppable(Protocol):
    """A server, of gRPC or HTTP."""

    def stop(self, grace: float, /) -> Awaitable[None]:
        """Takes nothing new, and ends once all that is under way has, at the latest after `grace` seconds."""


class Drain:
    """The calls under way, and how they end. For one event loop."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self._hurried = asyncio.Event()
        self._under_way: dict[asyncio.Task[object], Call] = {}
        self._cut: set[asyncio.Task[object]] = set()

    def ask(self) -> None:
        """Asks for the end: first a drain; asked again, or once `hurry` was, without waiting for anything."""
        if self.asked.is_set():
            self.hurry()
        self.asked.set()

    def hurry(self) -> None:
        """Nothing is waited for any more."""
        self._hurried.set()

    async def unless_asked(self, work: Coroutine[Any, Any, T]) -> T | None:
        """What `work` answers; None where the end is asked for first, for nothing is under way then."""
        task, asked = asyncio.create_task(work), asyncio.create_task(self.asked.wait())
        await asyncio.wait([task, asked], return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if task.done():
            return task.result()
        task.cancel()
        return None

    @asynccontextmanager
    async def layer(self, call: Call) -> AsyncIterator[None]:
        """Knows of the call while it is under way; one that is cut off raises Unavailable."""
        task = asyncio.current_task()
        assert task
        self._under_way[task] = call
        _asked.set(self.asked)
        try:
            yield
        except asyncio.CancelledError:
            if task not in self._cut:
                raise
            task.uncancel()
            raise Unavailable("the server stopped before this call was done; ask again") from None
        finally:
            del self._under_way[task]
            self._cut.discard(task)

    async def end(self, *servers: Stoppable, grace: float) -> None:
        """Refuses new calls at once, cuts off after `grace` seconds what has not ended, and stops the servers."""
        stopped = asyncio.create_task(_stop(servers, grace + LAST_WORDS))
        hurried = asyncio.create_task(self._hurried.wait())
        self._cut_off([task for task, call in self._under_way.items() if call.service.startswith(IDLE)])
        await asyncio.wait([stopped, hurried], timeout=grace, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if self._under_way:
            log.warning("%d calls were cut off", len(self._under_way))
        self._cut_off(self._under_way)
        await stopped

    def _cut_off(self, tasks: Iterable[asyncio.Task[object]]) -> None:
        for task in tasks:
            self._cut.add(task)
            task.cancel()


async def _stop(servers: Iterable[Stoppable], grace: float) -> None:
    await asyncio.gather(*(server.stop(grace) for server in servers))
