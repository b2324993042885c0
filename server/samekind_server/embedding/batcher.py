"""Turns many small awaits into few big calls: a Batcher for each tower of a model."""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from samekind.errors import DeadlineExceeded, SamekindError, Unavailable
from samekind.types import Floats
from samekind_server.embedding.askers import Asker, Lane
from samekind_server.embedding.base import Ids
from samekind_server.embedding.observer import Drop, Observer
from samekind_server.embedding.places import Places

Tower = Callable[[Any], Floats]
Row = Floats | SamekindError


@dataclass(frozen=True)
class Computed:
    """A row for each input, or what went wrong with it; when it was asked for, and when its call began and ended (`time.monotonic`)."""

    rows: list[Row]
    asked: float
    started: float
    ended: float


@dataclass(frozen=True)
class Queue:
    """What waits for a tower in one lane: so many rows, the oldest for `age` seconds."""

    model: str
    tower: str
    lane: Lane
    rows: int
    age: float


@dataclass(eq=False)
class Member:
    """Inputs that one caller wants computed together."""

    tower: Tower
    inputs: Floats | Ids
    asker: Asker
    answer: "asyncio.Future[Computed]"
    asked: float = field(default_factory=time.monotonic)

    def succeed(self, computed: Computed) -> None:
        """Answers where the answer is awaited, if it still is."""
        if not self.answer.done():
            self.answer.set_result(computed)

    def fail(self, error: SamekindError) -> None:
        """Raises `error` where the answer is awaited, if it still is."""
        if not self.answer.done():
            self.answer.set_exception(error)


class Batcher:
    """What waits for one tower, called `kind`, that takes `size` inputs a call. For one event loop.

    There is no timer: `want` is told that something waits, and a call goes out as soon as the slot is free, full or not.
    Twice `size` rows of each lane are under way at most, from before they are decoded; the rest wait as their callers sent them.
    """

    def __init__(self, model: str, kind: str, size: int, *, want: "Callable[[Batcher], None]", observer: Observer) -> None:
        self.model, self.kind, self.size = model, kind, size
        self.hung: Tower | None = None
        self._want, self._observer = want, observer
        self._places = {lane: Places(2 * size) for lane in Lane}
        self._waiting: dict[Lane, deque[Member]] = {lane: deque() for lane in Lane}

    @asynccontextmanager
    async def room(self, rows: int, asker: Asker) -> AsyncIterator[None]:
        """Room for so many inputs to be decoded and computed, in fair turns. Raises DeadlineExceeded where that comes too late."""
        waiting = True
        try:
            async with self._places[asker.lane].lent(rows, asker.name):
                waiting = False
                if asker.left <= 0:
                    self._observer.dropped(self.model, self.kind, Drop.DEADLINE, rows)
                    raise _too_late()
                yield
        except asyncio.CancelledError:
            if waiting:
                self._observer.dropped(self.model, self.kind, Drop.CANCELLED, rows)
            raise

    async def compute(self, tower: Tower, inputs: Floats | Ids, asker: Asker) -> Computed:
        """What `tower` makes of at most `size` inputs. Raises DeadlineExceeded, or Unavailable where it hangs."""
        if tower == self.hung:
            raise self._unavailable()
        member = Member(tower, inputs, asker, asyncio.get_running_loop().create_future())
        self._waiting[asker.lane].append(member)
        self._want(self)
        return await member.answer

    @property
    def waits(self) -> bool:
        """Whether anything waits."""
        return any(self._waiting.values())

    @property
    def lane(self) -> Lane:
        """The lane of the next call."""
        return next((lane for lane in Lane if self._waiting[lane]), Lane.BULK)

    @property
    def queues(self) -> list[Queue]:
        """What waits in each lane."""
        now = time.monotonic()
        return [
            Queue(self.model, self.kind, lane, rows_of(waiting), now - waiting[0].asked if waiting else 0.0)
            for lane, waiting in self._waiting.items()
        ]

    def take(self) -> list[Member]:
        """The members of the next call: of one lane and one tower, at most `size` rows. What is no longer wanted is dropped."""
        waiting = self._waiting[self.lane]
        taken: list[Member] = []
        while waiting and self._fits(waiting[0], taken):
            if self._is_wanted(member := waiting.popleft()):
                taken.append(member)
        return taken

    def hang(self, members: list[Member]) -> None:
        """Fails these, whose call does not end, and all that waits for their tower: it is asked no more until a call of it ends."""
        self.hung = members[0].tower
        for member in itertools.chain(members, *self._waiting.values()):
            if member.tower == self.hung:
                member.fail(self._unavailable())

    def _fits(self, member: Member, taken: list[Member]) -> bool:
        return not taken or (member.tower == taken[0].tower and rows_of(taken) + len(member.inputs) <= self.size)

    def _is_wanted(self, member: Member) -> bool:
        if member.answer.done():
            self._observer.dropped(self.model, self.kind, Drop.CANCELLED, len(member.inputs))
        elif member.asker.left <= 0:
            self._observer.dropped(self.model, self.kind, Drop.DEADLINE, len(member.inputs))
            member.fail(_too_late())
        return not member.answer.done()

    def _unavailable(self) -> Unavailable:
        return Unavailable(f"{self.model} hangs over some {self.kind} and is started anew; ask again in a moment", retry_after=1.0)


def rows_of(members: Iterable[Member]) -> int:
    """How many inputs they have together."""
    return sum(len(member.inputs) for member in members)


def _too_late() -> DeadlineExceeded:
    return DeadlineExceeded("the answer was not wanted any more when its turn came; give it more time, or ask for less at once")
