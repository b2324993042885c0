"""Keeps catalogs: who may change which, what of each is in memory, and how the room of a deleted one comes back."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from samekind.errors import AlreadyExists, NotFound, SamekindError
from samekind.types import Catalog
from samekind_server.catalog import definitions
from samekind_server.catalog.catalog import OpenCatalog
from samekind_server.catalog.drafts import Drafting
from samekind_server.catalog.memory import Indexes, Memory
from samekind_server.catalog.packing import Packing
from samekind_server.catalog.precedence import Precedence
from samekind_server.catalog.shelf import Shelf
from samekind_server.catalog.writing import Changes
from samekind_server.embedding.engine import Engine
from samekind_server.store import catalogs as rows
from samekind_server.store import packing, pages
from samekind_server.store.base import Store, Transaction
from samekind_server.store.catalogs import Head
from samekind_server.store.requests import Request, once

T = TypeVar("T")

LOOKING = max(4, os.cpu_count() or 1)  # Threads: some, so that a long look holds up no short one.
FREED = 500  # Items of a deleted catalog that go in one transaction.
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Totals:
    """Of all catalogs read into memory."""

    catalogs: int
    items: int
    memory_bytes: int
    buffered: int


class Catalogs:
    """The catalogs of every tenant, each seen by its own alone. For one event loop; `close` it before the store."""

    def __init__(self, store: Store, engine: Engine, indexes: Indexes, *, clock: Callable[[], float] = time.time, pack_from: int = 100) -> None:
        self._store, self._engine, self._indexes, self._clock = store, engine, indexes, clock
        self._precedence = Precedence()
        self._drafting, self._shelf = Drafting(engine, self._precedence), Shelf()
        self._memories: dict[int, Memory] = {}
        self._named: dict[tuple[str, str], Head] = {}  # As they were when they were asked for first; their numbers stay.
        self._gone: set[int] = set()
        self._gate = threading.Lock()
        self._looking = ThreadPoolExecutor(LOOKING, "catalog-look")
        self._loading = ThreadPoolExecutor(1, "catalog-load")
        self._freeing = ThreadPoolExecutor(1, "catalog-free")
        self._ending = threading.Event()
        self._packing = Packing(store, self._freeing, self._ending, least=pack_from)

    async def start(self) -> None:
        """Reads what there is into memory behind the scenes, and goes on with what was to be freed."""
        heads, hidden = await self._read(lambda of: (rows.every(of), rows.hidden(of)))
        self._indexes.clear([head.id for head in heads])
        self._indexes.watch(self._held)
        for head in heads:
            if head.sound:
                self._memory(head)
            else:
                log.error("%s", head.damaged)
        for id in hidden:
            self._free(id)
        self._freeing.submit(self._packing.start)

    def close(self) -> None:
        """Ends its threads."""
        self._ending.set()
        for memory in self._held():
            if not memory.loaded.done():
                memory.leave()
        self._drafting.close()
        for pool in (self._looking, self._loading, self._freeing):
            pool.shutdown(cancel_futures=True)
        self._indexes.close()

    @property
    def totals(self) -> Totals:
        """How much there is in memory."""
        memories = self._held()
        indexes = [stats for memory in memories for stats in memory.stats().values()]
        held = sum(each.memory_bytes for each in indexes) + sum(memory.nbytes for memory in memories)
        return Totals(len(memories), sum(memory.items for memory in memories), held, sum(each.buffered for each in indexes))

    async def create(self, tenant: str, given: Catalog, request: Request | None = None) -> Catalog:
        """Makes a catalog. Raises AlreadyExists, BadRequest or SpaceMismatch."""
        with_model = given.model or not given.space
        model = (await self._engine.encoder(given.model)).model if with_model else None
        definition = definitions.dump(definitions.completed(given, model))

        def work(to: Transaction, now: int) -> bytes:
            if rows.find(to, tenant, given.name):
                raise AlreadyExists(f"there is a catalog {given.name!r} already; update it, or give this one another name")
            return definitions.pack(rows.add(to, tenant, given.name, definition, now=now))

        return definitions.catalog(definitions.unpack(await self._written(request, work)))

    async def update(self, tenant: str, given: Catalog, paths: Collection[str], request: Request | None = None) -> Catalog:
        """Changes what `paths` name to what is given. Raises NotFound, EtagMismatch, or BadRequest for what cannot be changed."""
        model = (await self._engine.encoder(given.model)).model if given.model and "model" in paths else None

        def work(to: Transaction, now: int) -> bytes:
            before = found(to, tenant, given.name)
            definitions.compare(given.etag, before)
            after = definitions.changed(definitions.catalog(before), given, paths)
            definition = definitions.dump(definitions.completed(after, model) if model else after)
            return definitions.pack(before if definition == before.definition else rows.change(to, before, definition, now=now))

        return definitions.catalog(definitions.unpack(await self._written(request, work, self._renew)))

    async def delete(self, tenant: str, name: str, *, etag: str = "", allow_missing: bool = False, request: Request | None = None) -> None:
        """Deletes a catalog with all its items: it is gone at once, and its room comes back little by little. Raises NotFound or EtagMismatch."""

        def work(to: Transaction, now: int) -> bytes:
            before = rows.find(to, tenant, name)
            if before is None and allow_missing:
                return b""
            before = before or found(to, tenant, name)
            definitions.compare(etag, before)
            rows.hide(to, before)
            return str(before.id).encode()

        if id := await self._written(request, work, self._forget):
            self._free(int(id))

    async def get(self, tenant: str, name: str) -> Catalog:
        """A catalog by its name. Raises NotFound."""
        return definitions.catalog(await self._read(lambda of: found(of, tenant, name)))

    async def page(self, tenant: str, after: str, most: int) -> list[Catalog]:
        """Catalogs in name order, from the first past `after`."""
        return [definitions.catalog(head) for head in await self._read(lambda of: rows.page(of, tenant, after, most))]

    async def open(self, tenant: str, name: str) -> OpenCatalog:
        """A catalog's items. Raises NotFound."""
        head = self._named.get((tenant, name))
        if head is None or head.id not in self._memories:
            head = self._named[tenant, name] = await self._read(lambda of: found(of, tenant, name))
        memory = partial(self._memory, head)
        return OpenCatalog(
            self._store,
            memory,
            self._drafting,
            self._applied,
            looking=self._looking,
            shelf=self._shelf,
            precedence=self._precedence,
            clock=self._clock,
        )

    def _memory(self, head: Head) -> Memory:
        """What is in memory of a catalog: read anew where that failed. Raises NotFound once it was deleted."""
        if (there := self._memories.get(head.id)) and there.ready:
            return there
        with self._gate:
            if head.id in self._gone:
                raise NotFound(f"no catalog {head.name!r}; it was deleted just now")
            memory = self._memories.get(head.id)
            if memory is None or (memory.loaded.done() and memory.loaded.exception()):
                memory = self._memories[head.id] = Memory(self._store, head, self._indexes)
                self._loading.submit(memory.load)
        return memory

    def _applied(self, changes: Changes) -> None:
        """Told by the writer of what was committed; who reads a catalog only now reads that too."""
        with self._gate:
            memory = self._memories.get(changes.catalog)
        self._shelf.forget([*changes.removed, *(row for row, _ in changes.described)])
        self._packing.gone(len(changes.removed))
        try:
            if memory is not None:
                memory.apply(changes)
        except Exception:
            # What is durable is acknowledged; what is derived from it is made anew.
            log.exception("the indexes of catalog %d lost step with the store, and are read anew", changes.catalog)
            with self._gate:
                self._memories.pop(changes.catalog, None)
            if memory is not None:
                memory.leave()

    def _renew(self, packed: bytes) -> None:
        """Told by the writer of a catalog that was changed: it is read anew where its indexes are others now."""
        head = definitions.unpack(packed)
        with self._gate:
            before = self._memories.get(head.id)
            if before is None or before.head == head:
                return
            if not before.change(head):
                before.leave()
                self._memories[head.id] = Memory(self._store, head, self._indexes)
                self._loading.submit(self._memories[head.id].load)

    def _forget(self, id: bytes) -> None:
        """Told by the writer of a catalog that was deleted."""
        if not id:
            return
        with self._gate:
            self._gone.add(int(id))
            memory = self._memories.pop(int(id), None)
            self._named = {name: head for name, head in self._named.items() if head.id != int(id)}
        self._shelf.clear()
        if memory is not None:
            memory.leave()

    def _held(self) -> list[Memory]:
        with self._gate:
            return list(self._memories.values())

    def _free(self, id: int) -> None:
        self._freeing.submit(self._freed, id)

    def _freed(self, id: int) -> None:
        """Takes what a deleted catalog held, a little at a time so that other writes go between."""
        self._indexes.drop(id)
        try:
            while not self._ending.is_set() and not self._store.write(partial(_free, id)).result():
                self._packing.gone(FREED)
        except SamekindError as error:
            log.warning("what a deleted catalog held is freed at the next start, as that cannot be done now: %s", error)

    async def _read(self, work: Callable[[Transaction], T]) -> T:
        return await asyncio.wrap_future(self._store.read(work))

    async def _written(
        self, request: Request | None, work: Callable[[Transaction, int], bytes], then: Callable[[bytes], None] | None = None
    ) -> bytes:
        now = self._clock()
        micros = round(now * 1e6)
        return await asyncio.wrap_future(self._store.write(lambda to: once(to, request, partial(work, to, micros), now=now), then))


def found(of: Transaction, tenant: str, name: str) -> Head:
    """A tenant's catalog. Raises NotFound or Damaged."""
    if head := rows.find(of, tenant, name):
        return head.checked()
    there = [head.name for head in rows.page(of, tenant, "", 6)]
    told = f"there are {', '.join(there[:5])}{', …' if len(there) > 5 else ''}" if there else "there is none yet"
    raise NotFound(f"no catalog {name!r}; {told}")


def _free(id: int, to: Transaction) -> bool:
    done = rows.free(to, id, FREED)
    packing.note(to, FREED)
    pages.give_back(to)
    return done
