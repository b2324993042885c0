"""Lets searches go before bulk work in Python, which rests after each piece while they come."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from itertools import islice
from typing import TypeVar

from samekind_server.index.hnsw import LATELY, SHARE

PIECE = 8  # Items between two rests: some 1 ms.
T = TypeVar("T")


class Precedence:
    """Knows when there was a search last, and until when bulk work rests. For any thread."""

    def __init__(self, *, sleep: Callable[[float], object] = time.sleep) -> None:
        self._sleep = sleep
        self._lock = threading.Lock()
        self._searched = self._until = float("-inf")

    def searched(self) -> None:
        """A search has come."""
        self._searched = time.monotonic()

    def rest(self, took: float) -> float:
        """Seconds for which a thread has to rest after a piece that took so many of the processor: all such threads have one share between them."""
        if time.monotonic() - self._searched >= LATELY:
            return 0.0
        with self._lock:
            now = time.monotonic()
            self._until = max(self._until, now) + took * (1 / SHARE - 1)
            return self._until - now

    def among(self, some: Sequence[T]) -> Iterator[T]:
        """Each of these, for a thread that rests between pieces of what it does with them."""
        began = time.thread_time()
        for place, each in enumerate(some):
            if place and place % PIECE == 0:
                if rest := self.rest(time.thread_time() - began):
                    self._sleep(rest)
                began = time.thread_time()
            yield each

    async def listed(self, some: Iterable[T], where: Executor) -> list[T]:
        """All of what is made one by one, a piece at a time there, so that others have their turns."""
        loop, left, found = asyncio.get_running_loop(), iter(some), list[T]()
        while True:
            piece, took = await loop.run_in_executor(where, _piece, left)
            found += piece
            if len(piece) < PIECE:
                return found
            await asyncio.sleep(self.rest(took))


def _piece(left: Iterator[T]) -> tuple[list[T], float]:
    """The next of these, and the seconds of processor time that took."""
    began = time.thread_time()
    return list(islice(left, PIECE)), time.thread_time() - began
