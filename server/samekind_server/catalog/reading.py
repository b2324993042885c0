"""Reads items from the store, and makes rows that an index found into hits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from samekind.errors import Damaged, NotFound, SamekindError
from samekind.filters import Filter
from samekind.queries import ItemView
from samekind.types import Item, Text, Value, Vector
from samekind_server.catalog import attributes, filters
from samekind_server.catalog.definitions import moment
from samekind_server.catalog.shelf import Kept, Look
from samekind_server.catalog.vectors import KINDS
from samekind_server.store import items
from samekind_server.store.base import Transaction
from samekind_server.store.items import Stored

SCANNED = 500


def read(of: Transaction, catalog: int, id: str, view: ItemView) -> Item | SamekindError:
    """An item by its id, or NotFound or Damaged."""
    if (found := items.find(of, catalog, id)) is None:
        return NotFound(f"no item {id!r:.80} in the catalog")
    try:
        return _item(of, found, items.modalities(of, [found.row]).get(found.row, ()), view)
    except SamekindError as error:
        return error


def page(of: Transaction, catalog: int, after: str, most: int, view: ItemView, where: Filter | None) -> list[Item]:
    """Items in the order of their ids' bytes that meet a condition, from the first past `after`. Raises Damaged."""
    found = list(_scanned(of, catalog, after, most, where))
    kinds = items.modalities(of, [each.row for each in found])
    return [_item(of, each, kinds.get(each.row, ()), view) for each in found]


def _item(of: Transaction, stored: Stored, kinds: tuple[str, ...], view: ItemView) -> Item:
    """The item of a row. Raises Damaged."""
    stored.checked()
    held = items.vectors(of, stored.row) if view.vectors else []
    return Item(
        stored.id,
        (Text(stored.text),) if stored.text is not None and view.text else (),
        _viewed(attributes.load(stored.attributes), view) if view.attributes else {},
        stored.version,
        kinds=_kinds(stored, kinds),
        vectors={each.modality: Vector(np.frombuffer(each.checked().data, "<f4"), each.space) for each in held},
        thumbnail=items.thumbnail(of, stored.row) if view.thumbnails else b"",
        create_time=moment(stored.created),
        update_time=moment(stored.updated),
    )


def _kinds(stored: Stored, kinds: tuple[str, ...]) -> tuple[str, ...]:
    """Raises Damaged where they cannot be: they are told by an index of the store's, which has no checksums."""
    if not kinds or not set(kinds) <= set(KINDS) or ("text" in kinds) != (stored.text is not None):
        raise Damaged(f"the kinds of contents of {stored.id!r:.60} are not what was written; write it again, or put back a copy of the store")
    return kinds


def _scanned(of: Transaction, catalog: int, after: str, most: int, where: Filter | None) -> Iterator[Stored]:
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


def told(look: Look, rows: Sequence[int], most: int, view: ItemView, where: Filter | None, of: Transaction) -> tuple[dict[int, Item], int]:
    """The first `most` items of these rows that are still there and meet the condition still, by row; and how many that was not true of."""
    found, looked = dict[int, Item](), 0
    while len(found) < most and looked < len(rows):
        some = rows[looked : looked + most - len(found)]
        looked += len(some)
        found |= {row: each for row, kept in look.told(some, of).items() if (each := _told(kept, view, where, of))}
    return found, looked - len(found)


def _told(kept: Kept, view: ItemView, where: Filter | None, of: Transaction) -> Item | None:
    try:
        whole = _item(of, kept.stored, kept.kinds, view)
    except Damaged:  # Who looks for it by its id is told.
        return None
    return whole if where is None or filters.matches(where, attributes.load(kept.stored.attributes)) else None


def _viewed(given: dict[str, Value], view: ItemView) -> dict[str, Value]:
    return {name: value for name, value in given.items() if name in view.only} if view.only else given
