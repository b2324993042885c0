"""Packs the store's pages once a tenth of the rows went, a few at a time so that other writes go between."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from typing import TypeVar

from samekind.errors import SamekindError
from samekind_server.store import catalogs, packing, pages, words
from samekind_server.store.base import Store, Transaction

At = TypeVar("At", int, str)

SOME = 500  # Items in one transaction, and pages that it may leave free.
SPARSE = 0.1  # Removed rows, as a share of those that are there, from which pages are packed.
log = logging.getLogger(__name__)


class Packing:
    """Works in `pool` until `ending`. How many rows went is kept in the store, so that a restart forgets none of them."""

    def __init__(self, store: Store, pool: Executor, ending: threading.Event, *, least: int) -> None:
        self._store, self._pool, self._ending, self._least = store, pool, ending, least
        self._gone, self._due, self._busy = 0, float(least), False
        self._gate = threading.Lock()

    def start(self) -> None:
        """Packs what the last server left to be packed."""
        self.gone(self._store.read(packing.noted).result())

    def gone(self, count: int) -> None:
        """Told of rows that went."""
        with self._gate:
            self._gone += count
            if self._gone <= self._due or self._busy or self._ending.is_set():
                return
            self._busy = True
        with suppress(RuntimeError):  # The server is closing.
            self._pool.submit(self._run)

    def _run(self) -> None:
        try:
            while (gone := self._sparse()) and not self._ending.is_set():
                self._pack(gone)
        except SamekindError as error:
            log.warning("the store's pages are packed another time, as that cannot be done now: %s", error)
        finally:
            self._busy = False

    def _sparse(self) -> int:
        """How many rows went, where that is enough."""
        gone, there = self._store.read(lambda of: (packing.noted(of), packing.count(of))).result()
        with self._gate:
            self._gone, self._due = gone, max(self._least, SPARSE * there)
        return gone if gone > self._due else 0

    def _pack(self, gone: int) -> None:
        self._through(0, partial(_by_row, self._store.read(packing.last_row).result()))
        for head in self._store.read(catalogs.every).result():
            self._through("", partial(_by_id, head.id))
        if not self._ending.is_set():
            self._store.write(partial(_done, gone)).result()

    def _through(self, at: At, some: Callable[[At, Transaction], At | None]) -> None:
        after: At | None = at
        while after is not None and not self._ending.is_set():
            after = self._store.write(partial(some, after)).result()


def _by_row(until: int, after: int, to: Transaction) -> int | None:
    last = packing.by_row(to, after, until, SOME)
    pages.give_back(to, SOME)
    return last


def _by_id(catalog: int, after: str, to: Transaction) -> str | None:
    last = packing.by_id(to, catalog, after, SOME)
    pages.give_back(to, SOME)
    return last


def _done(gone: int, to: Transaction) -> None:
    packing.note(to, -gone)
    words.merge(to)
    pages.give_back(to, SOME)
