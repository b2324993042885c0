"""What searches are asked of: a server that holds vectors by number, each in one of a thousand buckets."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Protocol, Self

import numpy as np

import samekind
from benchmarks.indexing import DIMENSIONS
from benchmarks.servers import started
from samekind.catalogs import CatalogHandle
from samekind.filters import F
from samekind.queries import ItemView
from samekind.types import Floats, Item, Vector
from samekind_server.index.base import BUFFER

K = 10
BUCKETS = 1000
LOOK = 0.2  # Seconds between two looks whether all is done: a look counts every item.
SPACE = "bench"
IDS = ItemView(text=False, attributes=False)
NONE = np.empty((0, DIMENSIONS), np.float32)


class Contender(Protocol):
    """A server with queries that it knows by number, and where it is."""

    address: str

    def add(self, first: int, vectors: Floats) -> None:
        """Stores vectors under numbers from `first` on."""
        ...

    def settle(self) -> None:
        """Waits until all that it does behind the scenes is done."""
        ...

    def ask(self, number: int, below: int = BUCKETS) -> list[str]:
        """The ids of a query's nearest whose bucket is below."""
        ...

    def ask_many(self, numbers: Sequence[int]) -> object:
        """Several queries in one call."""
        ...


class Samekind:
    """A catalog of ready vectors, through the Python client."""

    def __init__(self, address: str, catalog: CatalogHandle, queries: Floats) -> None:
        self.address, self._catalog = address, catalog
        self._queries = [Vector(query, SPACE) for query in queries]

    @classmethod
    @contextmanager
    def started(cls, queries: Floats) -> Iterator[Self]:
        """With a server of its own."""
        with started() as address, cls.opened(address, queries) as one:
            yield one

    @classmethod
    @contextmanager
    def opened(cls, address: str, queries: Floats = NONE) -> Iterator[Self]:
        """Of a server that runs."""
        with samekind.connect(address, timeout=600.0) as sk:
            yield cls(address, sk.catalog("bench", space=SPACE, dimensions=queries.shape[1]), queries)

    def add(self, first: int, vectors: Floats) -> None:
        """See Contender."""
        self._catalog.upsert(Item(str(number), [Vector(row, SPACE)], {"bucket": number % BUCKETS}) for number, row in zip(count(first), vectors))

    def settle(self) -> None:
        """See Contender."""
        while any(index.building or index.buffered > (0 if index.graph else BUFFER) for index in self._catalog.stats().indexes):
            time.sleep(LOOK)

    def ask(self, number: int, below: int = BUCKETS) -> list[str]:
        """See Contender."""
        where = F.bucket < below if below < BUCKETS else None
        return [hit.item.id for hit in self._catalog.search(self._queries[number], where=where, limit=K, view=IDS).hits]

    def ask_many(self, numbers: Sequence[int]) -> object:
        """See Contender."""
        return self._catalog.search_many([samekind.query(self._queries[number], limit=K, view=IDS) for number in numbers])
