"""Gives memory back once a server comes to rest after work."""

import asyncio
import time

from samekind_server.embedding.engine import Engine


class Resting:
    """What a crowd's work took is kept for the next, and given back once nobody has asked for `after` seconds. For one event loop."""

    def __init__(self, engine: Engine, *, after: float = 5.0) -> None:
        self._engine, self._after = engine, after
        self._rested = float("-inf")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Looks from now on whether there is rest."""
        self._task = asyncio.create_task(self._look())

    def stop(self) -> None:
        """Looks no more."""
        if self._task:
            self._task.cancel()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._after / 2)
            ended = self._engine.admission.ended
            if self._rested < ended <= time.monotonic() - self._after:
                self._rested = ended
                await asyncio.to_thread(self._engine.registry.rest)
