"""Tells of items with long texts which passage answers a query."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from samekind.queries import Passage
from samekind.types import Catalog, Floats, Metric
from samekind_server.catalog import vectors
from samekind_server.catalog.candidates import Candidates
from samekind_server.catalog.inside import Inside
from samekind_server.store import items
from samekind_server.store.base import Transaction


def found(inside: Inside, among: Candidates, query: Floats | None, rows: Sequence[int]) -> dict[int, Passage]:
    """By row, the passage whose window is nearest to a query; of those items alone that have windows."""
    windows = among.found.get(vectors.WINDOW)
    if query is None or windows is None or not len(windows.rows):
        return {}
    return inside.read(partial(_found, inside.catalog, query, rows))


def _found(catalog: Catalog, query: Floats, rows: Sequence[int], of: Transaction) -> dict[int, Passage]:
    passages = {stored.row: _passage(catalog, query, stored.text or "", items.vectors(of, stored.row)) for stored in items.by_rows(of, rows)}
    return {row: passage for row, passage in passages.items() if passage}


def _passage(catalog: Catalog, query: Floats, text: str, given: Sequence[items.Embedded]) -> Passage | None:
    windows = next((each.windows for each in given if each.windows and each.sound and each.space == catalog.space), None)
    if windows is None:
        return None
    compared = np.stack(vectors.of_item(vectors.WINDOW, given, catalog))
    nearness = -np.linalg.norm(compared - query, axis=1) if catalog.metric is Metric.EUCLIDEAN else compared @ query
    start, end = np.frombuffer(windows.places, "<u4").reshape(-1, 2)[int(nearness.argmax())].tolist()
    return Passage(start, end, text[start:end])
