"""Keeps the indexes' snapshots on disk: opens from them, saves them when enough has changed and at the end, and clears those of nobody."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from weakref import WeakKeyDictionary

from samekind_server.catalog.memory import Memory, Place
from samekind_server.catalog.vectors import WINDOW
from samekind_server.index import hnsw, several
from samekind_server.index.base import Index, Opened, Shape, Step, unwatched
from samekind_server.index.costs import Costs
from samekind_server.index.tender import Tender

FOLDER = "indexes"
SHARE = 0.1  # Of an index's vectors that were added or removed since its last snapshot, from where the next is due,
FEWEST = 5_000  # where they are at least so many.
EVERY = 10.0  # Seconds between two looks.
QUIET, PATIENCE = 2.0, 600.0  # Seconds without a search that one waits for, as hnswlib holds up all of Python meanwhile, and for how long at most.
log = logging.getLogger(__name__)


class Snapshots:
    """Below `folder`, one folder for each index. `step` is told each step of a save before it is done.

    A snapshot that is due waits until nobody asks, for `patience` seconds at most.
    """

    def __init__(
        self,
        folder: Path,
        life: str,
        *,
        costs: Costs | None = None,
        graph_from: int = hnsw.GRAPH_FROM,
        step: Step = unwatched,
        patience: float = PATIENCE,
    ) -> None:
        self._folder, self._life, self._costs, self._graph_from, self._step = folder / FOLDER, life, costs, graph_from, step
        self._patience, self._due = patience, WeakKeyDictionary[Index, float]()  # Since when a snapshot waits.
        self._tender = Tender()
        self._watched: Callable[[], Collection[Memory]] = tuple
        self._ending = threading.Event()
        self._saving = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="index-snapshots", daemon=True)

    def open(self, place: Place, shape: Shape) -> Opened:
        """The index of a place, from its snapshot where that is of use; it is tended from now on."""
        folder = self._folder / str(place.catalog) / place.name
        if place.fresh:
            shutil.rmtree(folder, ignore_errors=True)
        identity, wake = _identity(self._life, place), self._tender.wake
        opened = hnsw.opened(folder, shape, identity=identity, newest=place.newest, wake=wake, costs=self._costs, graph_from=self._graph_from)
        if opened.rebuild and folder.exists():
            log.warning("the index %s of catalog %d is made anew: %s", place.name, place.catalog, opened.rebuild)
        if place.name == WINDOW:
            opened = several.opened(opened, shape)
        self._tender.add(opened.index)
        return opened

    def watch(self, memories: Callable[[], Collection[Memory]]) -> None:
        """Saves what changes from now on."""
        self._watched = memories
        self._thread.start()

    def leave(self, memory: Memory) -> None:
        """Tends a catalog's indexes no more."""
        for index in memory.indexes().values():
            self._tender.discard(index)

    def drop(self, catalog: int) -> None:
        """Removes a catalog's snapshots."""
        shutil.rmtree(self._folder / str(catalog), ignore_errors=True)

    def clear(self, alive: Collection[int]) -> None:
        """Removes the snapshots of catalogs that are no more."""
        names = {str(id) for id in alive}
        for folder in self._folder.iterdir() if self._folder.is_dir() else ():
            if folder.name not in names:
                shutil.rmtree(folder, ignore_errors=True)

    def look(self, memory: Memory) -> None:
        """Saves those of a catalog's indexes of which enough has changed, and that nobody asks just now."""
        for name, index in _indexes(memory):
            stats, now = index.stats(), time.monotonic()
            if stats.changed < max(FEWEST, SHARE * stats.live):
                self._due.pop(index, None)
            elif stats.quiet >= QUIET or now - self._due.setdefault(index, now) >= self._patience:
                self._save(memory, name)
                self._due.pop(index, None)

    def save(self, memory: Memory) -> None:
        """Saves those of a catalog's indexes that have changed."""
        for name, index in _indexes(memory):
            if index.stats().changed:
                self._save(memory, name)

    def close(self) -> None:
        """Saves what has changed, and ends."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()
        for memory in self._watched():
            self.save(memory)
        self._tender.close()

    def _save(self, memory: Memory, name: str) -> None:
        try:
            with self._saving:
                place = memory.place(name)
                folder = self._folder / str(place.catalog) / name
                memory.indexes()[name].save(folder, identity=_identity(self._life, place), change=place.newest, step=self._step)
        except OSError as error:
            log.error("the index %s of the catalog %s cannot be saved, and is made anew at the next start: %s", name, memory.catalog.name, error)

    def _run(self) -> None:
        while not self._ending.wait(EVERY):
            for memory in self._watched():
                try:
                    self.look(memory)
                except Exception:
                    log.exception("a snapshot of the catalog %s failed", memory.catalog.name)


def kept(folder: Path, life: str, place: Place, shape: Shape) -> Opened:
    """What a data folder has of an index, for whoever only looks at it."""
    opened = hnsw.opened(folder / FOLDER / str(place.catalog) / place.name, shape, identity=_identity(life, place), newest=place.newest)
    return several.opened(opened, shape) if place.name == WINDOW else opened


def _indexes(memory: Memory) -> Iterable[tuple[str, Index]]:
    """By name, once they are there."""
    return memory.indexes().items() if memory.loaded.done() and not memory.loaded.exception() else ()


def _identity(life: str, place: Place) -> str:
    return f"{life} {place.identity}"
