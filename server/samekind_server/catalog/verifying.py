"""Compares what the kept indexes hold with the store that they are derived from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from samekind.types import Catalog, Floats, Metric
from samekind_server.catalog import definitions, vectors
from samekind_server.catalog.memory import Place, identity, shape_of
from samekind_server.catalog.snapshots import kept
from samekind_server.index import several
from samekind_server.store import catalogs, copies, items
from samekind_server.store.base import Transaction
from samekind_server.store.catalogs import Head
from samekind_server.store.items import Embedded

NEAR = 1e-4


def faults(of: Transaction, folder: Path) -> Iterator[str]:
    """What a kept index holds that the store does not say; one that is damaged or of another life is made anew and is no fault."""
    life = catalogs.life(of)
    for head in filter(lambda head: head.sound, catalogs.every(of)):
        for name in vectors.names(definitions.catalog(head).comparison):
            yield from _faults(of, head, name, folder, life)


def _faults(of: Transaction, head: Head, name: str, folder: Path, life: str) -> Iterator[str]:
    catalog = definitions.catalog(head)
    place = Place(head.id, name, identity(head, name), catalogs.newest(of, head.id))
    opened = kept(folder, life, place, shape_of(catalog))
    known = set(opened.index.rows().tolist())
    for stored in copies.rows(of, head):
        given = [each for each in items.vectors(of, stored.row) if stored.row in known and each.sound]
        if not given:
            continue
        wanted = _wanted(given, catalog, name)
        if wanted is None or not _same(opened.index.vectors(np.array([stored.row]))[0], wanted, catalog.metric):
            yield f"catalog {head.name!r}: the index {name} has another vector of {stored.id!r:.60} than the store; remove the folder of indexes"


def _wanted(given: Sequence[Embedded], catalog: Catalog, name: str) -> Floats | None:
    """The vector that an index should have of an item; of windows their mean."""
    found = vectors.of_item(name, given, catalog)
    if name == vectors.WINDOW and found:
        return several.mean(np.stack(found), catalog.metric)
    return found[0] if found else None


def _same(found: Floats, wanted: Floats, metric: Metric) -> bool:
    unit = wanted / np.linalg.norm(wanted) if metric is Metric.COSINE else wanted
    return bool(np.allclose(found, unit, rtol=NEAR, atol=NEAR))
