"""Has searches that come while others are under way answered together, by the next thread that is free; none waits for others to come."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from samekind.queries import Found
from samekind_server.catalog.catalog import OpenCatalog
from samekind_server.catalog.memory import Memory
from samekind_server.search.answering import Answering

AT_ONCE = os.cpu_count() or 1  # Threads that answer at the same time: more would wait for one another.
MOST = 16  # Queries answered together. A call of more has a thread of its own, and holds up no short one.
Call: TypeAlias = Sequence[Answering]
Answers: TypeAlias = list[Found]


@dataclass(frozen=True, eq=False)
class Waiting:
    """The queries of one call that wait for a thread."""

    call: Call
    loop: asyncio.AbstractEventLoop
    told: asyncio.Future[Answers]
    since: float = field(default_factory=time.perf_counter)

    @property
    def memory(self) -> Memory:
        """What they are asked of."""
        return self.call[0].inside.memory

    def begin(self) -> None:
        """Its turn has come."""
        waited = 1000 * (time.perf_counter() - self.since)
        for each in self.call:
            each.spent.wait += waited

    def tell(self, answers: Answers | Exception) -> None:
        """For the loop's own thread."""
        if self.told.done():  # Whoever asked is gone.
            return
        if isinstance(answers, Exception):
            self.told.set_exception(answers)
        else:
            self.told.set_result(answers)


class Together:
    """`answer` is how several queries of one catalog are answered, in their order, in one thread."""

    def __init__(self, answer: Callable[[Call], Answers]) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self._line: deque[Waiting] = deque()
        self._under_way = 0

    async def answered(self, catalog: OpenCatalog, call: Call) -> Answers:
        """The answers of one call's queries, at least one, all of this catalog. Raises what was raised for these queries alone."""
        if len(call) > MOST:
            return await catalog.within(lambda _: self._answer(call))
        loop = asyncio.get_running_loop()
        waiting = Waiting(call, loop, loop.create_future())
        with self._lock:
            self._line.append(waiting)
            begins = self._under_way < AT_ONCE
            self._under_way += begins
        if begins:
            catalog.begin(lambda: self._run(catalog))
        return await waiting.told

    def _run(self, catalog: OpenCatalog) -> None:
        """Answers those who wait; others that have come since are behind whatever else waits for a thread."""
        if some := self._next():
            for waiting in some:
                waiting.begin()
            some[0].loop.call_soon_threadsafe(_tell, list(zip(some, self._answers(some), strict=True)))
        with self._lock:
            ends = not self._line
            self._under_way -= ends
        if not ends:
            catalog.begin(lambda: self._run(catalog))

    def _next(self) -> list[Waiting]:
        """The first in the line who still waits, and those behind who ask the same catalog."""
        with self._lock:
            some, count = list[Waiting](), 0
            while self._line and (not some or (self._line[0].memory is some[0].memory and count + len(self._line[0].call) <= MOST)):
                if not (waiting := self._line.popleft()).told.done():
                    some.append(waiting)
                    count += len(waiting.call)
            return some

    def _answers(self, some: Sequence[Waiting]) -> list[Answers | Exception]:
        try:
            found = iter(self._answer([each for waiting in some for each in waiting.call]))
            return [[next(found) for _ in waiting.call] for waiting in some]
        except Exception as error:
            return [error] if len(some) == 1 else [self._answers([each])[0] for each in some]  # What is wrong with one is told no other.


def _tell(answers: Iterable[tuple[Waiting, Answers | Exception]]) -> None:
    for waiting, each in answers:
        waiting.tell(each)
