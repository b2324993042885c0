"""Every store of record there is, and what their tests share. A second one is added here, by one factory: its suite is then run for it too.

`test_store_conformance.py` holds what a store and its tables have to do, `test_catalog_laws.py` what catalogs in it have to do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from samekind_server.store import label_sets
from samekind_server.store.base import Store, Transaction
from samekind_server.store.sqlite import SqliteStore


class Factory(Protocol):
    """Opens the store of a folder, as it was left, or makes it; of a database elsewhere, one whose name is made of the folder's."""

    def __call__(self, folder: Path, *, clock: Callable[[], float] = ..., waiting: int = ...) -> Store: ...


STORES: Mapping[str, Factory] = {"sqlite": SqliteStore}


def added(name: str, tenant: str = "") -> object:
    """Work that adds a label set."""
    return lambda to: label_sets.add(to, tenant, name, label_sets.Definition("", 1, name.encode()), now=0).name


def names(store: Store, tenant: str = "") -> list[str]:
    return [head.name for head in store.read(lambda of: label_sets.page(of, tenant, "", 10_000)).result()]


class Held:
    """Work that holds the writer until it is let go."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, to: Transaction) -> None:
        self.begun.set()
        assert self.go.wait(60)
