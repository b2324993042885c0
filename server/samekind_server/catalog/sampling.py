"""Takes some of the vectors that a catalog's index is of straight from the store."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from samekind.types import Floats
from samekind_server.catalog import definitions, vectors
from samekind_server.store import items
from samekind_server.store.base import Transaction
from samekind_server.store.catalogs import Head


def sampled(of: Transaction, head: Head, name: str, most: int) -> Floats:
    """The vectors of so many items, any of them, that the index of this name has, at most as many; (n, dimensions)."""
    rows = np.array(items.numbers(of, head.id), np.int64)
    some = np.sort(np.random.default_rng(len(rows)).permutation(rows)[:most])
    found = [*_found(of, head, name, some.tolist())]
    return np.stack(found[:most]) if found else np.empty((0, definitions.catalog(head).dimensions), np.float32)


def _found(of: Transaction, head: Head, name: str, rows: list[int]) -> Iterator[Floats]:
    catalog = definitions.catalog(head)
    for row in rows:
        yield from vectors.of_item(name, items.vectors(of, row), catalog)
