"""Counts the values of attributes over all items that meet a condition."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import Any

from samekind.filters import Filter
from samekind.queries import Facet
from samekind_server.catalog.column import Key, value
from samekind_server.catalog.memory import Memory

MOST = 100


def counted(names: Sequence[str], where: Filter | None, memory: Memory) -> dict[str, Facet]:
    """Each attribute's most frequent values, of the same count the lower one first."""
    return {name: _facet(name, *memory.counted(name, where)) for name in dict.fromkeys(names)}


def _facet(name: str, counts: Mapping[Key, int], items: int) -> Facet:
    most = heapq.nsmallest(MOST, counts.items(), key=lambda each: (-each[1], _place(each[0])))
    return Facet(name, tuple((value(key), many) for key, many in most), items, len(counts))


def _place(key: Key) -> tuple[str, Any]:
    """By kind, and within it by value; lists by how they are written."""
    kind, held = key
    return kind, repr(held) if kind == "list" else held
