"""Reads items from the store, and makes rows that an index found into hits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from samekind.errors import Damaged, NotFound, SamekindError
from samekind.filters import Filter
from samekind.queries import ItemView
from samekind.types import Item, Text, Vector
from samekind_server.catalog import attributes, filters
from samekind_server.catalog.definitions import moment
from samekind_server.catalog.vectors import KINDS
from samekind_server.store import items
from samekind_server.store.base import Transaction
from samekind_server.store.items import Stored

SCANNED = 500


@dataclass(frozen=True)
class View:
    """What of an item is told beside its text and attributes."""

    vectors: bool = False
    thumbnails: bool = False


def read(of: Transaction, catalog: int, id: str, view: View) -> Item | SamekindError:
    """An item by its id, or NotFound or Damaged."""
    if (found := items.find(of, catalog, id)) is None:
        return NotFound(f"no item {id!r:.80} in the catalog")
    try:
        return item(of, found, view)
    except SamekindError as error:
        return error


def item(of: Transaction, stored: Stored, view: View) -> Item:
    """The item of a row. Raises Damaged."""
    stored.checked()
    held = items.vectors(of, stored.row) if view.vectors else []
    return Item(
        stored.id,
        () if stored.text is None else (Text(stored.text),),
        attributes.load(stored.attributes),
        stored.version,
        kinds=_kinds(of, stored),
        vectors={each.modality: Vector(np.frombuffer(each.checked().data, "<f4"), each.space) for each in held},
        thumbnail=items.thumbnail(of, stored.row) if view.thumbnails else b"",
        create_time=moment(stored.created),
        update_time=moment(stored.updated),
    )


def _kinds(of: Transaction, stored: Stored) -> tuple[str, ...]:
    """Raises Damaged where they cannot be: they are told by an index of the store's, which has no checksums."""
    kinds = items.modalities(of, stored.row)
    if not kinds or not set(kinds) <= set(KINDS) or ("text" in kinds) != (stored.text is not None):
        raise Damaged(f"the kinds of contents of {stored.id!r:.60} are not what was written; write it again, or put back a copy of the store")
    return kinds


def scanned(of: Transaction, catalog: int, after: str, most: int, where: Filter | None) -> Iterator[Stored]:
    """Rows in the order of their ids' bytes that meet a condition, from the first past `after`. Raises Damaged."""
    if where is None:
        yield from items.page(of, catalog, after, most)
        return
    while most and (some := items.page(of, catalog, after, SCANNED)):
        for each in some:
            if most and filters.matches(where, attributes.load(each.checked().attributes)):
                yield each
                most -= 1
        after = some[-1].id


def matched(of: Transaction, rows: Sequence[int], where: Filter) -> list[Stored]:
    """Those of these rows that are still there and still meet a condition."""
    return [each for each in items.by_rows(of, rows) if each.sound and filters.matches(where, attributes.load(each.attributes))]


def told(rows: Sequence[int], most: int, view: ItemView, where: Filter | None, of: Transaction) -> tuple[dict[int, Item], int]:
    """The first `most` items of these rows that are still there and meet the condition still, by row; and how many that was not true of."""
    found, gone = dict[int, Item](), 0
    for row in rows:
        if len(found) == most:
            break
        if each := _told(row, view, where, of):
            found[row] = each
        else:
            gone += 1
    return found, gone


def _told(row: int, view: ItemView, where: Filter | None, of: Transaction) -> Item | None:
    if not (stored := items.by_rows(of, [row])):
        return None
    try:
        whole = item(of, stored[0], View(view.vectors, view.thumbnails))
    except Damaged:  # Who looks for it by its id is told.
        return None
    if where is not None and not filters.matches(where, whole.attributes):
        return None
    named = {name: value for name, value in whole.attributes.items() if not view.only or name in view.only}
    return replace(whole, contents=whole.contents if view.text else (), attributes=named if view.attributes else {})
