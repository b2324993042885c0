"""A bounded amount that is lent to callers, and the pace at which it comes back."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from samekind_server.embedding.askers import Asker, Lane

Clock = Callable[[], float]
MOST = 0.25  # A request counts as this share of a room at most, so that a larger one gets in too where there is little else.
WINDOW, FEWEST = 0.5, 8  # Seconds in which something was held, and times that some came back, over which the pace is measured.


class Room:
    """So much of something. A caller may hold as much of it as is left free: alone half, beside another a third each, and so on.

    So there is always some for one who holds none: they are the dynamic thresholds of Choudhury and Hahne (1998).
    """

    def __init__(self, capacity: int, *, clock: Clock = time.monotonic) -> None:
        self._capacity, self._clock = capacity, clock
        self._by_asker: Counter[str] = Counter()
        self._by_lane: Counter[Lane] = Counter()
        self._pace = 0.0
        self._came_back, self._times, self._took, self._since = 0, 0, 0.0, 0.0

    @property
    def held(self) -> int:
        """How much is lent."""
        return self._by_lane.total()

    def lacking(self, asker: Asker, some: int) -> int:
        """How much has to come back before the caller may have so much more; 0 where it may at once."""
        return max(0, self._by_asker[asker.name] + self._counted(some) - (self._capacity - self.held))

    def seconds(self, some: int) -> float | None:
        """How long so much takes to come back; None where the pace is not known yet."""
        return some / self._pace if self._pace else None

    def wait(self, lane: Lane) -> float | None:
        """How long all that goes before a newcomer in this lane takes to come back; None where the pace is not known yet."""
        return self.seconds(sum(self._by_lane[before] for before in Lane if before <= lane))

    @contextmanager
    def lent(self, asker: Asker, some: int) -> "Iterator[Loan]":
        """Holds so much for the caller until it is given back, at the latest at the end of the `with`."""
        if not self.held:
            self._since = self._clock()
        loan = Loan(self, asker, self._counted(some))
        self.hold(asker, loan.left)
        try:
            yield loan
            loan.give_back(1.0)
        finally:
            loan.drop()

    def hold(self, asker: Asker, some: int) -> None:
        """Counts so much more, or less, as the caller's."""
        self._by_lane[asker.lane] += some
        self._by_asker[asker.name] += some
        if not self._by_asker[asker.name]:
            del self._by_asker[asker.name]

    def measure(self, came_back: int) -> None:
        """Counts what came back towards the pace; who held nothing says nothing of it."""
        if not came_back:
            return
        now = self._clock()
        self._came_back, self._times = self._came_back + came_back, self._times + 1
        self._took, self._since = self._took + now - self._since, now
        if self._took >= WINDOW and self._times >= FEWEST:
            pace = self._came_back / self._took
            self._pace = (self._pace + pace) / 2 if self._pace else pace
            self._came_back, self._times, self._took = 0, 0, 0.0

    def _counted(self, some: int) -> int:
        return min(some, int(MOST * self._capacity))


class Loan:
    """What one request holds of a room."""

    def __init__(self, room: Room, asker: Asker, some: int) -> None:
        self.left = self._whole = some
        self._room, self._asker = room, asker

    def give_back(self, share: float) -> None:
        """Gives back that share of the whole, or what is left of it, as done."""
        some = min(self.left, round(share * self._whole))
        self._lower(some)
        self._room.measure(some)

    def drop(self) -> None:
        """Gives back what is left, undone: it says nothing of the pace."""
        self._lower(self.left)

    def _lower(self, some: int) -> None:
        self.left -= some
        self._room.hold(self._asker, -some)
