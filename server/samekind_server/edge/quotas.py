"""Holds each key to its requests and bytes per second."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from samekind.errors import QuotaExceeded
from samekind_server.edge.keys import Key


@dataclass
class Bucket:
    """Fills at `rate` a second up to one second's worth, and up to 1 at least. What is taken may leave it in debt."""

    rate: float
    level: float
    at: float

    def seconds(self, now: float, least: float) -> float:
        """Seconds until it holds `least`."""
        self.level = min(max(1.0, self.rate), self.level + (now - self.at) * self.rate)
        self.at = now
        return max(0.0, (least - self.level) / self.rate)


class Quotas:
    """One bucket for each quota of a key: no more of them than keys. For one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[tuple[Key, str], Bucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def request(self, key: Key) -> None:
        """Takes one request. Raises QuotaExceeded, before anything of the request is read, where there is none or bytes are owed."""
        self._owed(key)
        if bucket := self._bucket(key, "requests", key.requests_per_second):
            if wait := bucket.seconds(self._clock(), 1.0):
                raise _refused(key, f"{key.requests_per_second:g} requests", wait)
            bucket.level -= 1.0

    def arrived(self, key: Key, size: int) -> None:
        """Takes a message's bytes, however many; they are paid for before the next. Raises QuotaExceeded while others are owed."""
        self._owed(key)
        if bucket := self._bucket(key, "bytes", key.bytes_per_second):
            bucket.level -= size

    def keep(self, keys: Collection[Key]) -> None:
        """Forgets all but these keys."""
        kept = set(keys)
        self._buckets = {(key, what): bucket for (key, what), bucket in self._buckets.items() if key in kept}

    def _owed(self, key: Key) -> None:
        bucket = self._bucket(key, "bytes", key.bytes_per_second)
        if bucket and (wait := bucket.seconds(self._clock(), 0.0)):
            raise _refused(key, f"{key.bytes_per_second:,.0f} bytes", wait)

    def _bucket(self, key: Key, what: str, rate: float) -> Bucket | None:
        if not rate:
            return None
        return self._buckets.get((key, what)) or self._buckets.setdefault((key, what), Bucket(rate, max(1.0, rate), self._clock()))


def _refused(key: Key, quota: str, wait: float) -> QuotaExceeded:
    return QuotaExceeded(f"the key {key.name!r} has {quota} per second and has used them; ask again in {wait:.2g} s", retry_after=wait)
