"""What must hold for this server to serve: its default model answers, and its folder gives back what is written there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from samekind.errors import Unavailable
from samekind.types import Image, Text
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.proof import picture, prove
from samekind_server.threads import Thread

FRESH = 30.0  # Seconds for which a model that answered is taken to work.
SHORTEST, LONGEST = 1.0, 300.0  # Seconds between two tries to heal; each may leave a thread behind.


class Alone:
    """Makes a call in a thread that can be left behind. Asked again while that one hangs, it waits for the same, unless `of` is another."""

    def __init__(self) -> None:
        self._of: Any = None
        self._call: asyncio.Future[None] | None = None

    async def run(self, call: Callable[[], None], *, of: object = None) -> None:
        """Raises what `call` does."""
        if self._call is None or self._call.done() or self._of is not of:
            thread = Thread("proof")
            self._of, self._call = of, thread.run(call)
            self._call.add_done_callback(lambda done: done.cancelled() or done.exception())
            thread.leave()
        await asyncio.shield(self._call)


class DefaultModel:
    """No model is ill, and the default one answers: it has lately, as `succeeded` tells, or it does now, past the queue."""

    def __init__(self, engine: Engine, succeeded: Callable[[], float], *, fresh: float = FRESH) -> None:
        self._engine, self._succeeded, self._fresh = engine, succeeded, fresh
        self._proved = float("-inf")
        self._alone = Alone()
        self._healing: asyncio.Task[None] | None = None
        self._pause, self._again = SHORTEST, float("-inf")

    async def prove(self) -> None:
        """Raises what is wrong, or hangs as the model does."""
        if not self._engine.well:
            self._heal()
            raise Unavailable(f"{', '.join(self._engine.ill)} hung, or its batching worker died, and has not answered since")
        self._pause = SHORTEST
        if time.monotonic() - max(self._proved, self._succeeded()) >= self._fresh:
            encoder = await self._engine.encoder("")
            await self._alone.run(partial(prove, encoder), of=encoder)
            self._proved = time.monotonic()

    def _heal(self) -> None:
        """Asks those that are ill through the queue, as nobody else does while the server says that it does not serve; more and more rarely."""
        if time.monotonic() >= self._again and (self._healing is None or self._healing.done()):
            self._healing = asyncio.create_task(self._ask_the_ill())
            self._healing.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._again, self._pause = time.monotonic() + self._pause, min(2 * self._pause, LONGEST)

    async def _ask_the_ill(self) -> None:
        await asyncio.gather(*(asked(self._engine, name) for name in self._engine.ill))


async def asked(engine: Engine, name: str) -> None:
    """Has the model read a text that is new and see an image, as a caller would. Raises what it raises."""
    encoder = await engine.encoder(name)
    embedded = await engine.embed(encoder, [Text(f"awake at {time.time_ns()}"), Image(picture())])
    for error in embedded.errors.values():
        raise error
