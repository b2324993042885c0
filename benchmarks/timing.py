"""Times several ways of doing one thing in turns, so that whatever disturbs the machine disturbs them alike."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Contenders = Mapping[str, Callable[[], object]]
Clock = Callable[[], float]
PAUSE = 0.02  # seconds: worker threads of the contender before spin for a while, and would take a core from the next
FEWEST = 3


@dataclass(frozen=True)
class Ratio:
    """How many times faster than the one compared with: the ratio of medians, and where 80 % of the rounds' own ratios lie."""

    of_medians: float
    low: float
    high: float


@dataclass(frozen=True)
class Timings:
    """Seconds of each contender, one number a round; the last named is the one the others are compared with."""

    seconds: Mapping[str, Sequence[float]]

    @property
    def against(self) -> str:
        """The one the others are compared with."""
        return list(self.seconds)[-1]

    def median(self, name: str) -> float:
        """Half of its rounds took longer."""
        return float(np.median(self.seconds[name]))

    def p90(self, name: str) -> float:
        """A tenth of its rounds took longer."""
        return float(np.percentile(self.seconds[name], 90))

    def ratio(self, name: str) -> Ratio:
        """How many times faster it is than the one compared with."""
        each = np.divide(self.seconds[self.against], self.seconds[name])
        low, high = np.percentile(each, [10, 90])
        return Ratio(self.median(self.against) / self.median(name), float(low), float(high))

    def as_json(self) -> dict[str, Any]:
        """Every number, and what they amount to."""
        contenders = {
            name: {"median_s": self.median(name), "p90_s": self.p90(name), "times_faster": vars(self.ratio(name)), "seconds": list(seconds)}
            for name, seconds in self.seconds.items()
        }
        return {"against": self.against, "contenders": contenders}


def interleaved(
    contenders: Contenders,
    rounds: int,
    *,
    seconds: float = 10.0,
    clock: Clock = time.perf_counter,
    pause: Callable[[], object] = lambda: time.sleep(PAUSE),
) -> Timings:
    """Runs A, B, A, B, … after a round that does not count: `rounds` rounds, or fewer, but three, once `seconds` are over."""
    _round(contenders, clock, pause)
    began, taken = clock(), list[list[float]]()
    while len(taken) < rounds and (len(taken) < FEWEST or clock() - began < seconds):
        taken.append(_round(contenders, clock, pause))
    return Timings(dict(zip(contenders, zip(*taken, strict=True), strict=True)))


def _round(contenders: Contenders, clock: Clock, pause: Callable[[], object]) -> list[float]:
    taken = []
    for run in contenders.values():
        pause()
        taken.append(_timed(run, clock))
    return taken


def _timed(run: Callable[[], object], clock: Clock) -> float:
    started = clock()
    run()
    return clock() - started
