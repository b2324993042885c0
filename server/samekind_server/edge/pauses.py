"""Holds back those who are refused for a moment, so that who asks again at once does not take the processor from work that is under way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

LEAST, LONGEST = 0.1, 0.5  # Seconds for which who is refused waits to hear of it.
PACE = 300.0  # Calls a second refused, as far as LONGEST allows: some tenth of a processor.


class Pauses:
    """Lets all go on together who came since it last did, after a pause that is the longer the more of them there were. For one event loop."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting, self._over = 0, asyncio.Event()
        self._pause, self._ended = LEAST, clock()

    async def pause(self) -> None:
        """Waits for the end of this pause."""
        if not self._waiting:
            if self._clock() - self._ended > LONGEST:
                self._pause = LEAST
            asyncio.get_running_loop().call_later(self._pause, self._end)
        self._waiting += 1
        await self._over.wait()

    @property
    def seconds(self) -> float:
        """How long the next pause is, if it comes at once."""
        return self._pause

    def _end(self) -> None:
        self._over.set()
        self._pause = min(LONGEST, max(LEAST, self._waiting / PACE))
        self._waiting, self._over, self._ended = 0, asyncio.Event(), self._clock()
