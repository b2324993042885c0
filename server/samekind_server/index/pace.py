"""Learns how much fits in a step."""

SLOW = 0.8  # How much an older measure counts against a newer one.
MOST = 512


class Pace:
    """How many rows may be added in a step of so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.count = 1
        self._seconds, self._each = seconds, seconds

    def took(self, count: int, seconds: float) -> None:
        """Learns from a step; the next is at most twice as long."""
        self._each = SLOW * self._each + (1 - SLOW) * seconds / count
        self.count = max(1, min(MOST, 2 * count, int(self._seconds / self._each)))
