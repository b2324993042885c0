"""A catalog as one thread sees it: what is in memory of it, and what the store holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from samekind.types import Catalog
from samekind_server.catalog.memory import Memory
from samekind_server.store.base import Store, Transaction

T = TypeVar("T")


@dataclass(frozen=True)
class Inside:
    """For one piece of work in one thread: a search that went from thread to thread would wait for each."""

    memory: Memory
    store: Store

    @property
    def id(self) -> int:
        """The number of it; no other catalog ever has it."""
        return self.memory.head.id

    @property
    def catalog(self) -> Catalog:
        """What it is."""
        return self.memory.catalog

    def read(self, work: Callable[[Transaction], T]) -> T:
        """What the store holds, of one moment."""
        return self.store.read_here(work)
