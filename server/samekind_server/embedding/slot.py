"""The one place where models compute, and who computes in it next."""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from samekind.errors import Internal, SamekindError, Unavailable
from samekind.types import Floats
from samekind_server.embedding.base import Ids
from samekind_server.embedding.batcher import Batcher, Computed, Member, Tower
from samekind_server.embedding.observer import Observer
from samekind_server.threads import Thread, give_way

log = logging.getLogger(__name__)


class Slot:
    """Computes for batchers, one call at a time: interactive ones before bulk ones, and towers in turns. For one event loop.

    A call that takes more than `timeout` seconds hangs: its members fail, its thread is left to itself, another takes its
    place, and `renew` is told the model's name.
    """

    def __init__(self, *, timeout: float, observer: Observer, renew: Callable[[str], None]) -> None:
        self._timeout, self._observer, self._renew = timeout, observer, renew
        self._thread = Thread("compute", give_way)
        self._wanting: dict[Batcher, None] = {}  # The one that computed last stands last.
        self._under_way: list[Member] = []
        self._worker: asyncio.Task[None] | None = None
        self._ill: set[Batcher] = set()

    @property
    def well(self) -> bool:
        """Whether every tower that hung, or whose worker died, has answered since."""
        return not self._ill

    @property
    def ill(self) -> list[str]:
        """The models whose towers have not."""
        return sorted({batcher.model for batcher in self._ill})

    def want(self, batcher: Batcher) -> None:
        """Makes the batcher's calls until nothing waits there."""
        self._wanting.setdefault(batcher)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.get_running_loop().create_task(self._work())
            self._worker.add_done_callback(self._ended)

    def close(self, seconds: float = 5.0) -> None:
        """Ends the thread; what it is at gets so long to finish."""
        if self._worker:
            self._worker.remove_done_callback(self._ended)
        self._thread.close(seconds)

    async def _work(self) -> None:
        while self._wanting:
            batcher = self._next()
            self._under_way = batcher.take()
            if self._under_way:
                await self._call(batcher, self._under_way)
                self._under_way = []  # Else the last call's model could not be unloaded until the next call.
            del self._wanting[batcher]
            if batcher.waits:
                self._wanting[batcher] = None

    def _next(self) -> Batcher:
        return min(self._wanting, key=lambda wanting: wanting.lane)

    async def _call(self, batcher: Batcher, members: list[Member]) -> None:
        started, call = time.monotonic(), self._thread.run(partial(_computed, members))
        try:
            await asyncio.wait([call], timeout=self._timeout)
            if call.done():
                self._answer(batcher, members, call.result(), started)
            else:
                self._leave_behind(batcher, members, call)
        except Exception as error:
            for member in members:
                member.fail(_told(error, batcher))

    def _answer(self, batcher: Batcher, members: list[Member], rows: list[Floats | Exception], started: float) -> None:
        ended, each = time.monotonic(), iter(rows)
        for member in members:
            some = [_told(row, batcher) if isinstance(row, Exception) else row for row in itertools.islice(each, len(member.inputs))]
            member.succeed(Computed(some, member.asked, started, ended))
        self._recovered(batcher)
        waited = [started - member.asked for member in members for _ in member.inputs]
        if failed := sum(isinstance(row, Exception) for row in rows):
            self._observer.failed(batcher.model, batcher.kind, failed)
        if failed < len(rows):
            self._observer.computed(batcher.model, batcher.kind, waited, ended - started)

    def _leave_behind(self, batcher: Batcher, members: list[Member], call: "asyncio.Future[list[Floats | Exception]]") -> None:
        log.error("%s has been at some %s for %g s; it is left to itself and the model made afresh", batcher.model, batcher.kind, self._timeout)
        self._thread.leave()
        self._thread = Thread("compute", give_way)
        call.add_done_callback(partial(self._came_late, batcher, members[0].tower))
        batcher.hang(members)
        self._ail(batcher)
        self._renew(batcher.model)

    def _came_late(self, batcher: Batcher, tower: Tower, call: "asyncio.Future[list[Floats | Exception]]") -> None:
        if not call.cancelled() and call.exception() is None and batcher.hung == tower:
            self._recovered(batcher)

    def _ended(self, worker: "asyncio.Task[None]") -> None:
        """A worker ends when nothing is wanted; where one dies otherwise, what it was at fails and another takes its place."""
        if not worker.cancelled() and worker.exception() is None:
            return
        log.error("the batching worker died; another takes its place", exc_info=None if worker.cancelled() else worker.exception())
        for member in self._under_way:
            member.fail(Unavailable("the worker died over this and is started anew; ask again in a moment", retry_after=1.0))
        for batcher in list(self._wanting):
            self._ail(batcher)
            if batcher.waits:
                self.want(batcher)

    def _ail(self, batcher: Batcher) -> None:
        self._ill.add(batcher)
        self._observer.restarted(batcher.model, batcher.kind)

    def _recovered(self, batcher: Batcher) -> None:
        batcher.hung = None
        self._ill.discard(batcher)


def bisected(tower: Tower, inputs: Floats | Ids) -> list[Floats | Exception]:
    """Each input's row, or what the tower raised for it: a call that raises is made again in halves, until those at fault stand alone."""
    try:
        return list(_checked(tower(inputs), len(inputs)))
    except Exception as error:
        if len(inputs) == 1:
            return [error]
        half = len(inputs) // 2
        return bisected(tower, inputs[:half]) + bisected(tower, inputs[half:])


def _checked(rows: Floats, count: int) -> Floats:
    if len(rows) != count or not np.isfinite(rows).all():
        raise ValueError(f"the tower made {len(rows)} rows of {count} inputs, or some that are not finite")
    return rows


def _computed(members: list[Member]) -> list[Floats | Exception]:
    inputs = members[0].inputs if len(members) == 1 else np.concatenate([member.inputs for member in members])
    return bisected(members[0].tower, inputs)


def _told(error: Exception, batcher: Batcher) -> SamekindError:
    """What a caller is told of an error; all of it is logged."""
    if isinstance(error, SamekindError):
        return error
    log.error("%s could not compute one of the %s", batcher.model, batcher.kind, exc_info=error)
    return Internal(
        f"{batcher.model} cannot compute this one of the {batcher.kind}, as the server's log tells; leave it out, the others are answered"
    )
