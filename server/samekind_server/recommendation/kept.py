"""Keeps what was learned of each catalog in a file, under a name that tells of how many events it is."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from samekind_server.durable import sync
from samekind_server.recommendation.model import DamagedModel, Model
from samekind_server.store.events import Totals

FOLDER = "recommendation"
NEW = "new.model"
NAME = re.compile(r"(\d+)-(\d+)-(\d+)\.model", re.ASCII)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """A model, the totals that it was learned at, and the seconds that took."""

    model: Model
    recorded: int
    forgotten: int
    seconds: float


class Files:
    """The models below `folder`, of one life of the store: those of others are of other events."""

    def __init__(self, folder: Path, life: str) -> None:
        self._above, self._folder = folder / FOLDER, folder / FOLDER / life

    def new(self, catalog: int) -> Path:
        """Where a model is written that is not kept yet. Raises OSError."""
        folder = self._folder / str(catalog)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in folder.glob(f"{NEW}*"):
            left.unlink()
        return folder / NEW

    def keep(self, catalog: int, totals: Totals, seconds: float) -> Kept:
        """The new model, in the place of what was kept. Raises OSError or DamagedModel, and leaves that."""
        model, folder = Model.load(self._folder / str(catalog) / NEW), self._folder / str(catalog)
        file = folder / f"{totals.recorded}-{totals.forgotten}-{round(seconds * 1e3)}.model"
        (folder / NEW).replace(file)
        sync(folder)
        for other in folder.iterdir():
            if other != file:
                other.unlink()
        return Kept(model, totals.recorded, totals.forgotten, seconds)

    def kept(self, catalog: int) -> Kept | None:
        """What is kept of a catalog; what cannot be read is gone from then on."""
        folder = self._folder / str(catalog)
        named = {file: found for file in folder.glob("*.model") if (found := NAME.fullmatch(file.name))}
        for file, found in sorted(named.items(), key=lambda each: int(each[1][1]), reverse=True):
            recorded, forgotten, millis = map(int, found.groups())
            try:
                return Kept(Model.load(file), recorded, forgotten, millis / 1e3)
            except (DamagedModel, OSError) as error:
                log.warning("what was learned of catalog %d is learned anew: %s", catalog, error)
                with suppress(OSError):
                    file.unlink()
        return None

    def drop(self, catalog: int) -> None:
        """Nothing has to be kept of a catalog."""
        shutil.rmtree(self._folder / str(catalog), ignore_errors=True)

    def clear(self, alive: Collection[int]) -> None:
        """Nothing has to be kept of catalogs but these, nor of other lives."""
        names = {str(id) for id in alive}
        for other in self._above.iterdir() if self._above.is_dir() else ():
            if other != self._folder:
                shutil.rmtree(other, ignore_errors=True)
        for other in self._folder.iterdir() if self._folder.is_dir() else ():
            if other.name not in names:
                shutil.rmtree(other, ignore_errors=True)
