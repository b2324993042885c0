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
    """One who asks. Askers of different names share fairly; `deadline` is on the clock of `time.monotonic`."""

    name: str = ""
    lane: Lane = Lane.INTERACTIVE
    deadline: float = math.inf

    @property
    def left(self) -> float:
        """Seconds until the answer is no longer wanted."""
        return self.deadline - time.monotonic()


ANYONE = Asker()
