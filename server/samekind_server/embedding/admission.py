"""Lets in the work that can be done in time and refuses the rest, before anything is done for it."""

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from samekind.errors import Overloaded, SamekindError
from samekind.types import Content, Image, Text
from samekind_server.embedding.askers import Asker
from samekind_server.embedding.observer import Observer, Shed, Unobserved
from samekind_server.embedding.room import Clock, Loan, Room
from samekind_server.embedding.sizes import declared_pixels

MIB = 1 << 20
LEAST_PIXELS = 50_000  # What a text or a thumbnail counts: a model takes as long over one as over a picture of its own size.
SOON, LATE = 0.1, 60.0  # Seconds; the least and the most that anyone is told to wait.
UNKNOWN = 1.0  # Seconds told while the pace is not known.


@dataclass(frozen=True)
class Load:
    """What a request asks of the server: bytes to hold, and pixels to decode and look at; by default the least there is."""

    bytes: int = 1
    pixels: int = LEAST_PIXELS


class Admission:
    """Bounds the bytes and the declared pixels under way, and the seconds that they wait. For one event loop."""

    def __init__(
        self,
        *,
        max_bytes: int = 512 * MIB,
        max_pixels: int = 4_000_000_000,
        max_wait: float = 4.0,
        observer: Observer | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._bytes, self._pixels = Room(max_bytes, clock=clock), Room(max_pixels, clock=clock)
        self._max_wait, self._clock = max_wait, clock
        self._ended = float("-inf")
        self._observer = observer or Unobserved()

    @property
    def held(self) -> Load:
        """What is under way."""
        return Load(self._bytes.held, self._pixels.held)

    @property
    def ended(self) -> float:
        """When the last of what was let in ended, by the clock; infinity while some is under way, and -infinity before there was any."""
        return float("inf") if self.held.pixels or self.held.bytes else self._ended

    @contextmanager
    def admitted(self, contents: Sequence[Content | SamekindError], asker: Asker) -> Iterator[Loan]:
        """Holds what the contents ask for; the loan is given back as they are done. Raises Overloaded."""
        load = _load(contents)
        self.check(asker, load)
        with self._bytes.lent(asker, load.bytes), self._pixels.lent(asker, load.pixels) as loan:
            try:
                yield loan
            finally:
                self._ended = self._clock()

    def check(self, asker: Asker, load: Load = Load()) -> None:
        """Raises Overloaded where so much more is not let in; without `load`, where not even one more text is."""
        for room, some, why in ((self._bytes, load.bytes, Shed.BYTES), (self._pixels, load.pixels, Shed.PIXELS)):
            if lacking := room.lacking(asker, some):
                raise self._refused(asker, why, f"{room.held:,} {why.value} are under way, as many as are taken", room.seconds(lacking))
        wait = self._pixels.wait(asker.lane)
        if wait and wait > (limit := min(self._max_wait, asker.left)):
            raise self._refused(asker, Shed.WAIT, f"{wait:.1f} seconds of work wait already, more than the {limit:.1f} that may", wait - limit)

    def _refused(self, asker: Asker, why: Shed, told: str, seconds: float | None) -> Overloaded:
        if not asker.waits:
            self._observer.shed(why)
        # Spread, so that those refused together do not come back together.
        retry_after = min(max(UNKNOWN if seconds is None else seconds, SOON), LATE) * random.uniform(1, 1.5)
        return Overloaded(f"{told}; ask again in {retry_after:.1f} seconds", retry_after=retry_after)


def _load(contents: Sequence[Content | SamekindError]) -> Load:
    loads = [_one(content) for content in contents]
    return Load(sum(load.bytes for load in loads), sum(load.pixels for load in loads))


def _one(content: Content | SamekindError) -> Load:
    match content:
        case Image(bytes(data)):
            return Load(len(data), max(LEAST_PIXELS, declared_pixels(data)))
        case Text(text):
            return Load(len(text))
        case _:
            return Load(0, 0)
