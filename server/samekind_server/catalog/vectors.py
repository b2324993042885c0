"""A catalog's vectors: ready ones checked and brought into its space, and those of one item made one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from samekind.errors import BadVector, SpaceMismatch
from samekind.types import Catalog, Comparison, Floats, Fused, Metric, Vector
from samekind_server.embedding import spaces
from samekind_server.store.items import Embedded

KINDS = ("text", "image", "vector")
FUSED = "fused"
WINDOW = "window"  # The index of the windows of long texts, fused with what else their items have where that is so.
UNIT = 1e-6  # So far from 1 a unit vector's squared length may be; it is left as it is, to the last bit.
LONGEST = 1e37  # The most that a vector's squared length may be, so that no score overflows.


def ready(given: Vector, catalog: Catalog) -> Floats:
    """The vector in the catalog's space, unit for the cosine. Raises SpaceMismatch or BadVector."""
    row = _cut(given, catalog)
    if len(row) != catalog.dimensions:
        raise BadVector(f"the vector has {len(row)} numbers, but the catalog's space {catalog.space!r} has {catalog.dimensions}")
    square = float(np.square(row.astype(np.float64)).sum())
    if not np.isfinite(square) or square > LONGEST:
        raise BadVector(f"the vector is {'too long' if np.isfinite(square) else 'not finite'}, so nothing can be near it; send a shorter, finite one")
    if catalog.metric is not Metric.COSINE or abs(square - 1) < UNIT:
        return row
    if square == 0:
        raise BadVector("the vector is zero, so it points nowhere; send one other than zero")
    unit: Floats = (row / np.sqrt(square)).astype(np.float32)
    return unit


def compared(held: Mapping[str, Floats], comparison: Comparison, metric: Metric) -> dict[str, Floats]:
    """The vectors by which an item of these vectors is found, by the name of the index each is in: that of its kind, or that of fused ones."""
    return {FUSED: _fused(held, comparison, metric)} if isinstance(comparison, Fused) and len(held) > 1 else dict(held)


def names(comparison: Comparison) -> tuple[str, ...]:
    """The indexes that a catalog has, each of vectors of one kind."""
    return (*KINDS, FUSED, WINDOW) if isinstance(comparison, Fused) else (*KINDS, WINDOW)


def of_item(name: str, given: Sequence[Embedded], catalog: Catalog) -> list[Floats]:
    """The vectors that the index of a name has of an item; what is damaged, or of another space, is in none."""
    good = [each for each in given if each.sound and each.space == catalog.space]
    held = {each.modality: np.frombuffer(each.data, "<f4") for each in good}
    if name != WINDOW:
        found = compared(held, catalog.comparison, catalog.metric) if held else {}
        return [found[name]] if name in found else []
    parts = [part for each in good if each.windows for part in np.frombuffer(each.windows.data, "<f4").reshape(-1, catalog.dimensions)]
    each_fused = (compared({**held, "text": part}, catalog.comparison, catalog.metric) for part in parts)
    return [one[FUSED if FUSED in one else "text"] for one in each_fused]


def _fused(held: Mapping[str, Floats], weights: Fused, metric: Metric) -> Floats:
    """The weighted mean; where that is none, as for opposite vectors or weights of 0, the plain one, or else the first."""
    rows = np.stack([held[name] for name in sorted(held)]).astype(np.float64)
    given = np.array([getattr(weights, name) for name in sorted(held)])
    for some in (given, np.ones(len(rows)), np.eye(len(rows))[0]):
        mean = some @ rows / max(some.sum(), 1e-9)
        length = float(np.linalg.norm(mean))
        if some.any() and (metric is not Metric.COSINE or length > 1e-6):
            fused: Floats = (mean / length if metric is Metric.COSINE else mean).astype(np.float32)
            return fused
    raise AssertionError("one of these is not zero")


def _cut(given: Vector, catalog: Catalog) -> Floats:
    row = np.asarray(given.values, np.float32)
    if given.space == catalog.space:
        return row
    if spaces.truncated(given.space, catalog.dimensions) == catalog.space and len(row) > catalog.dimensions:
        return row[: catalog.dimensions]
    told = f"the vector is of space {given.space!r:.140}, but the catalog {catalog.name!r} is of {catalog.space!r}"
    raise SpaceMismatch(f"{told}; embed the content with {catalog.model or 'the model that made its vectors'}")
