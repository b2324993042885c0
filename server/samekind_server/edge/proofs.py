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
from samekind_server.embedding.threads import Thread

FRESH = 30.0  # Seconds for which a model that answered is taken to work.


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
    """The default model answers: it has for those who asked, as `succeeded` tells, or it does now, past the queue."""

    def __init__(self, engine: Engine, succeeded: Callable[[], float], *, fresh: float = FRESH) -> None:
        self._engine, self._succeeded, self._fresh = engine, succeeded, fresh
        self._proved = float("-inf")
        self._alone = Alone()

    async def prove(self) -> None:
        """Raises what is wrong, or hangs as the model does."""
        if not self._engine.well:
            await asked(self._engine, "")  # Nobody else may ask a server that says it does not serve, so that it would stay unwell.
        if not self._engine.well:
            raise Unavailable("a model hangs, or the worker died, and has not answered since")
        if time.monotonic() - max(self._proved, self._succeeded()) >= self._fresh:
            encoder = await self._engine.encoder("")
            await self._alone.run(partial(prove, encoder), of=encoder)
            self._proved = time.monotonic()


async def asked(engine: Engine, name: str) -> None:
    """Has the model read a text that is new and see an image, as a caller would. Raises what it raises."""
    encoder = await engine.encoder(name)
    embedded = await engine.embed(encoder, [Text(f"awake at {time.time_ns()}"), Image(picture())])
    for error in embedded.errors.values():
        raise error
