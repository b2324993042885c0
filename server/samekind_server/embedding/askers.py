"""Who asks, how urgently, and until when the answer is wanted."""

import math
import time
from dataclasses import dataclass
from enum import IntEnum


class Lane(IntEnum):
    """Which work goes first: what someone waits for, then what is read in by the thousand."""

    INTERACTIVE = 0
    BULK = 1


@dataclass(frozen=True)
class Asker:
    """One who asks. Askers of different names share fairly; `deadline` is on the clock of `time.monotonic`.

    What is kept for one tenant is not found by another, who could else learn by the time it takes what was asked before.
    One who `waits` asks again where there is too much work, and so is not counted as refused.
    """

    name: str = ""
    lane: Lane = Lane.INTERACTIVE
    deadline: float = math.inf
    tenant: str = ""
    waits: bool = False

    @property
    def left(self) -> float:
        """Seconds until the answer is no longer wanted."""
        return self.deadline - time.monotonic()


ANYONE = Asker()
