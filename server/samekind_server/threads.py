"""A thread that can be left behind, and threads that let the one that answers go first."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
BEHIND = 5  # By how much a thread that computes is nicer than the one that answers.


class Thread:
    """Runs one call after another. Unlike an executor's it holds up nobody's exit, so that a call that never returns can be left to itself."""

    def __init__(self, name: str, begin: Callable[[], None] | None = None) -> None:
        self._begin = begin
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """What `work` answers or raises."""
        future: Future[T] = Future()
        self._calls.put((future, work))
        return asyncio.wrap_future(future)

    def leave(self) -> None:
        """Lets it end by itself after what it is at."""
        self._calls.put(None)

    def close(self, seconds: float) -> None:
        """Ends it; waits so long for what it is at."""
        self.leave()
        self._thread.join(seconds)

    def _work(self) -> None:
        if self._begin:
            self._begin()
        while call := self._calls.get():
            _run(*call)
            del call  # Else its inputs stay until the next one comes.


def _run(future: Future[T], work: Callable[[], T]) -> None:
    if future.set_running_or_notify_cancel():
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)


def give_way() -> None:
    """Lets other threads of this process go before this one, and before those it starts: an event loop that waits for a slice of the
    processor behind a computing thread, 3 ms each time, takes calls more slowly than they come."""
    if sys.platform == "linux":  # Elsewhere a priority is the whole process's.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + BEHIND)
