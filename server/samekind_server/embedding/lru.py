"""Keeps what was used last, within so many bytes."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Lru(Generic[K, V]):
    """Values by key; beyond `capacity` bytes those used longest ago are dropped. For one thread."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.size = 0

    def get(self, key: K) -> V | None:
        """The value, used just now."""
        if not (found := self._kept.get(key)):
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, size: int) -> None:
        """Keeps a value that takes `size` bytes, unless it alone is more than fits."""
        self.size += size - self._kept.get(key, (None, 0))[1]
        self._kept[key] = (value, size)
        self._kept.move_to_end(key)
        while self.size > self._capacity:
            self.size -= self._kept.popitem(last=False)[1][1]

    def drop(self, key: K) -> None:
        """Keeps it no more."""
        self.size -= self._kept.pop(key, (None, 0))[1]

    def clear(self) -> None:
        """Keeps none of them any more."""
        self._kept.clear()
        self.size = 0
