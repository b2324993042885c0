"""Lends a bounded number of places to callers in fair turns."""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

FORGOTTEN = 64  # Askers remembered beyond those that wait before the rest are forgotten.


class Places:
    """So many places; who wants much does not hold up who wants little. For one event loop.

    The order is start-time fair queueing's (Goyal, Vin and Cheng, 1996): each caller's wants follow one another on a
    virtual clock that stands at the start of the one served last.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._clock = 0
        self._ends: dict[str, int] = {}
        self._waiting: list[tuple[int, int, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    @asynccontextmanager
    async def lent(self, some: int, asker: str) -> AsyncIterator[None]:
        """Holds `some` places, at most as many as there are, once it is this caller's turn."""
        await self._take(some, asker)
        try:
            yield
        finally:
            self._give_back(some)

    async def _take(self, some: int, asker: str) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (self._start(some, asker), next(self._numbers), some, turn))
        self._serve()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # Served and taken back in the same moment.
                self._give_back(some)
            raise

    def _start(self, some: int, asker: str) -> int:
        start = max(self._clock, self._ends.get(asker, 0))
        self._ends[asker] = start + some
        if len(self._ends) > 2 * len(self._waiting) + FORGOTTEN:
            self._ends = {name: end for name, end in self._ends.items() if end > self._clock}
        return start

    def _give_back(self, some: int) -> None:
        self._free += some
        self._serve()

    def _serve(self) -> None:
        while self._waiting:
            start, _, some, turn = self._waiting[0]
            if not turn.done():
                if some > self._free:
                    return
                self._clock, self._free = start, self._free - some
                turn.set_result(None)
            heapq.heappop(self._waiting)
        self._clock = 0
        self._ends.clear()
