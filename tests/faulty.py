"""A life on a disk that becomes full, read-only or broken, and well again; `python -m tests.faulty FOLDER FAULT` tells it in a line of JSON.

It runs under `disk.cpp`, and writes what the disk fails with to the file FAULT.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from samekind.errors import SamekindError
from samekind.filters import F
from samekind.queries import ItemView
from samekind.types import Item, Vector
from samekind_server.catalog.snapshots import Snapshots
from samekind_server.store import catalogs
from samekind_server.store.sqlite import SqliteStore
from tests.keeping import Keeper, modelless

SPACE, DIMENSIONS, BATCH = "x-64", 64, 200
FAULTS = {"full": errno.ENOSPC, "read-only": errno.EROFS, "broken": errno.EIO}


def fail(fault: Path, name: str = "") -> None:
    """What the disk does from now on; a process looks at the file all the time, so it is never cut."""
    with fault.open("r+b") as opened:
        opened.write(FAULTS.get(name, 0).to_bytes(4, "little"))


def some(number: int) -> list[Item]:
    """A batch."""
    made = np.random.default_rng(number).standard_normal((BATCH, DIMENSIONS)).astype(np.float32)
    return [Item(f"{number:03}-{n:03}", (Vector(each, SPACE),), {"batch": number, "n": n}) for n, each in enumerate(made)]


class Life:
    """What is done, and what is acknowledged."""

    def __init__(self, folder: Path, fault: Path) -> None:
        self._fault, self.acknowledged, self._next = fault, set[str](), 0
        store = SqliteStore(folder)
        life = store.read(catalogs.life).result()
        store.close()
        self.snapshots = Snapshots(folder, life, graph_from=300)
        engine = modelless(folder)
        self.keeper = Keeper(folder, engine.__enter__(), indexes=self.snapshots)
        self.keeper.run(self.keeper.catalogs.start())
        self.keeper.make(space=SPACE, dimensions=DIMENSIONS)

    def fail(self, name: str = "") -> None:
        """What the disk does from now on."""
        fail(self._fault, name)

    def upsert(self) -> str:
        """Writes a batch; what was told instead."""
        items, self._next = some(self._next), self._next + 1
        try:
            outcomes = self.keeper.ask("upsert", items)
        except SamekindError as error:
            return f"{error.code} {error.reason} {error.message}"
        assert not any(each.error for each in outcomes)
        self.acknowledged |= {each.id for each in items}
        return ""

    def until_refused(self) -> str:
        """A full disk takes what fits in files that are there."""
        while not (told := self.upsert()):
            pass
        return told

    def delete(self) -> str:
        """Deletes every other item, here and there, or is told that it cannot be."""
        try:
            self.keeper.ask("delete_matching", F.n < BATCH // 2)
        except SamekindError as error:
            return error.reason
        self.acknowledged = {id for id in self.acknowledged if int(id[4:]) >= BATCH // 2}
        return ""

    def whole(self) -> bool:
        """Whether all that was acknowledged, and nothing else, is got, listed, filtered and found, each way of searching."""
        ids, size = sorted(self.acknowledged), len(self.acknowledged) + 10
        got = self.keeper.ask("get", ids, ItemView(vectors=True))
        listed = self.keeper.ask("page", "", size, ItemView())
        query = np.ones((1, DIMENSIONS), np.float32)
        found = [self.keeper.ask("nearest", query, size, **more)[0] for more in ({}, {"exact": True}, {"where": F.n >= 0})]
        return all([each.id for each in one] == ids for one in (got, listed)) and all({hit.item.id for hit in one} == set(ids) for one in found)

    def save(self) -> None:
        """Snapshots, and packing: what fails of them is done another time."""
        for memory in self.keeper.catalogs._held():
            self.snapshots.save(memory)
        self.keeper.catalogs._freeing.submit(int).result()


def lived(folder: Path, fault: Path) -> dict[str, Any]:
    """What each fault led to."""
    life, told = Life(folder, fault), dict[str, Any]()
    for name in FAULTS:
        assert [life.upsert() for _ in range(3)] == ["", "", ""]
        life.fail(name)
        refused, before = life.until_refused(), life.whole()
        life.save()
        deleted = life.delete()
        after = life.whole()
        life.fail()
        again = life.upsert() or life.delete()
        life.save()
        told[name] = {"refused": refused, "deleted": deleted, "whole": [before, after, life.whole()], "again": again}
    return told | {"acknowledged": sorted(life.acknowledged)}


if __name__ == "__main__":
    print(json.dumps(lived(Path(sys.argv[1]), Path(sys.argv[2]))), flush=True)
    os._exit(0)  # As a crash would end it.
