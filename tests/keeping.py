"""Keeps catalogs in a folder for the tests, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from samekind.queries import Hit, ItemView
from samekind.types import Catalog, Floats, Item, Vector
from samekind_server.catalog import vectors
from samekind_server.catalog.candidates import Ranked
from samekind_server.catalog.catalog import OpenCatalog
from samekind_server.catalog.catalogs import Catalogs
from samekind_server.catalog.memory import Indexes, Memory, Place
from samekind_server.catalog.reading import told
from samekind_server.catalog.shelf import Shelf
from samekind_server.catalog.vectors import WINDOW
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.images import ImageLimits
from samekind_server.embedding.registry import Registry
from samekind_server.index import several
from samekind_server.index.base import Opened, Shape
from samekind_server.index.exact import Exact
from samekind_server.store.sqlite import SqliteStore
from tests.stores import Factory

T = TypeVar("T")
SPACE = "0123456789abcdef-4"


class Keeper:
    """A store with its catalogs, and a loop to ask them in."""

    def __init__(self, folder: Path, engine: Engine, *, indexes: Indexes | None = None, store: Factory = SqliteStore) -> None:
        self._runner = asyncio.Runner()
        self.store = store(folder)
        self.catalogs = Catalogs(self.store, engine, indexes or Twins())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What it answers."""
        return self._runner.run(work)

    def make(self, name: str = "shop", tenant: str = "", **more: Any) -> Catalog:
        """A new catalog, of ready vectors unless a model is named."""
        given = more if "model" in more else {"space": SPACE, "dimensions": 4} | more
        return self.run(self.catalogs.create(tenant, Catalog(name, **given)))

    def ask(self, method: str, *arguments: Any, of: str = "shop", tenant: str = "", **more: Any) -> Any:
        """What a method of an open catalog answers, or `nearest`."""

        async def asked() -> Any:
            catalog = await self.catalogs.open(tenant, of)
            work = partial(nearest, catalog) if method == "nearest" else getattr(catalog, method)
            return await work(*arguments, **more)

        return self.run(asked())

    def close(self) -> None:
        """Closes all."""
        self.catalogs.close()
        self.store.close()
        self._runner.close()


async def nearest(catalog: OpenCatalog, queries: Floats, k: int, **more: Any) -> list[list[Hit]]:
    """The k items nearest to each query, (n, dimensions), whatever is written meanwhile; `more` as for `candidates`."""
    found = await catalog.candidates(dict.fromkeys(vectors.names(catalog.catalog.comparison), queries), k, **more)
    return [await _hits(catalog, each.ranked(), k) for each in found]


async def _hits(catalog: OpenCatalog, ranked: Ranked, k: int) -> list[Hit]:
    items, _ = await catalog.read(partial(told, Shelf().look(), ranked.rows.tolist(), k, ItemView(), None))
    scores = dict(zip(ranked.rows.tolist(), ranked.scores.tolist(), strict=True))
    return [Hit(item, scores[row]) for row, item in items.items()]


class Twins:
    """As in Indexes: each compares all, and keeps nothing."""

    def open(self, place: Place, shape: Shape) -> Opened:
        opened = Opened(Exact(shape), rebuild="it keeps no snapshot")
        return several.opened(opened, shape) if place.name == WINDOW else opened

    def leave(self, memory: Memory) -> None: ...

    def watch(self, memories: Callable[[], Collection[Memory]]) -> None: ...

    def drop(self, catalog: int) -> None: ...

    def clear(self, alive: Collection[int]) -> None: ...

    def close(self) -> None: ...


@contextmanager
def modelless(folder: Path) -> Iterator[Engine]:
    """An engine whose model nobody asks."""
    engine = Engine(Registry(("mini",), offline=True, precision=None, cache_dir=folder, threads=1), ImageLimits())
    yield engine
    engine.close()


def item(id: str, *values: float, **attributes: Any) -> Item:
    """An item of one ready vector."""
    return Item(id, (Vector(np.array(values or (1, 0, 0, 0), np.float32), SPACE),), attributes)
