"""Chooses among ranked rows: those similar enough, the best of each group, and those that differ from one another."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from samekind_server.catalog.candidates import Ranked


def without(ranked: Ranked, rows: Collection[int]) -> Ranked:
    """All but these rows."""
    return ranked.at(~np.isin(ranked.rows, list(rows))) if rows else ranked


def similar(ranked: Ranked, least: float | None) -> Ranked:
    """Those whose similarity is at least so much."""
    return ranked if least is None else ranked.at(ranked.similarities >= np.float32(least))
