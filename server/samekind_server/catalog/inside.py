"""A catalog as one thread sees it: what is in memory of it, and what the store holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from samekind.filters import Filter
from samekind.queries import ItemView
from samekind.types import Catalog, Item
from samekind_server.catalog.memory import Memory
from samekind_server.catalog.reading import told
from samekind_server.catalog.shelf import Shelf
from samekind_server.store.base import Store, Transaction

T = TypeVar("T")


@dataclass(frozen=True)
class Inside:
    """For one piece of work in one thread: a search that went from thread to thread would wait for each."""

    memory: Memory
    store: Store
    shelf: Shelf

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

    def told(self, rows: Sequence[int], most: int, view: ItemView, where: Filter | None) -> tuple[dict[int, Item], int]:
        """The first `most` items of these rows that are still there and meet the condition still, by row; and how many that was not true of."""
        # What is read beside items is to be of the same moment as they are.
        shelf = Shelf(0) if view.vectors or view.thumbnails else self.shelf
        return self.read(partial(told, shelf.look(), rows, most, view, where))
