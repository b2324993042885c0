"""Keeps the indexes' snapshots on disk: opens from them, saves them when enough has changed and at the end, and clears those of nobody."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Collection
from pathlib import Path

from samekind_server.catalog.memory import Memory, Place
from samekind_server.catalog.vectors import WINDOW
from samekind_server.index import hnsw, several
from samekind_server.index.base import Opened, Shape, Step, unwatched
from samekind_server.index.costs import Costs
from samekind_server.index.tender import Tender

FOLDER = "indexes"
SHARE = 0.1  # Of an index's vectors that were added or removed since its last snapshot, from where the next is due,
FEWEST = 5_000  # where they are at least so many.
EVERY = 10.0  # Seconds between two looks.
log = logging.getLogger(__name__)


class Snapshots:
    """Below `folder`, one folder for each index. `step` is told each step of a save before it is done."""

    def __init__(self, folder: Path, life: str, *, costs: Costs | None = None, graph_from: int = hnsw.GRAPH_FROM, step: Step = unwatched) -> None:
        self._folder, self._life, self._costs, self._graph_from, self._step = folder / FOLDER, life, costs, graph_from, step
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

    def save(self, memory: Memory, *, least: int = 1, share: float = 0.0) -> None:
        """Saves those of a catalog's indexes of which so much has changed."""
        if not memory.loaded.done() or memory.loaded.exception():
            return
        for name, index in memory.indexes().items():
            stats = index.stats()
            if stats.changed >= max(least, share * stats.live):
                with self._saving:
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
        place = memory.place(name)
        folder = self._folder / str(place.catalog) / name
        try:
            memory.indexes()[name].save(folder, identity=_identity(self._life, place), change=place.newest, step=self._step)
        except OSError as error:
            log.error("the index %s of the catalog %s cannot be saved, and is made anew at the next start: %s", name, memory.catalog.name, error)

    def _run(self) -> None:
        while not self._ending.wait(EVERY):
            for memory in self._watched():
                try:
                    self.save(memory, least=FEWEST, share=SHARE)
                except Exception:
                    log.exception("a snapshot of the catalog %s failed", memory.catalog.name)


def kept(folder: Path, life: str, place: Place, shape: Shape) -> Opened:
    """What a data folder has of an index, for whoever only looks at it."""
    opened = hnsw.opened(folder / FOLDER / str(place.catalog) / place.name, shape, identity=_identity(life, place), newest=place.newest)
    return several.opened(opened, shape) if place.name == WINDOW else opened


def _identity(life: str, place: Place) -> str:
    return f"{life} {place.identity}"
