"""Reads items from the store, and makes rows that an index found into hits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from samekind.errors import Damaged, NotFound, SamekindError
from samekind.filters import Filter
from samekind.queries import ItemView
from samekind.types import Item, Value, Vector
from samekind_server.catalog import attributes, filters
from samekind_server.catalog.shelf import Look, whole
from samekind_server.store import items
from samekind_server.store.base import Transaction
from samekind_server.store.items import Stored

SCANNED = 500
WHOLE = ItemView()


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
    return _seen(whole(stored, kinds), stored.row, view, of)


def _seen(item: Item, row: int, view: ItemView, of: Transaction) -> Item:
    """What a view tells of an item. Raises Damaged."""
    if view == WHOLE:
        return item
    held = items.vectors(of, row) if view.vectors else []
    return Item(
        item.id,
        item.contents if view.text else (),
        _viewed(item.attributes, view) if view.attributes else {},
        item.version,
        kinds=item.kinds,
        vectors={each.modality: Vector(np.frombuffer(each.checked().data, "<f4"), each.space) for each in held},
        thumbnail=items.thumbnail(of, row) if view.thumbnails else b"",
        create_time=item.create_time,
        update_time=item.update_time,
    )


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
        found |= {row: each for row, item in look.told(some, of).items() if (each := _told(item, row, view, where, of))}
    return found, looked - len(found)


def _told(item: Item, row: int, view: ItemView, where: Filter | None, of: Transaction) -> Item | None:
    if where is not None and not filters.matches(where, item.attributes):
        return None
    try:
        return _seen(item, row, view, of)
    except Damaged:  # Who looks for it by its id is told.
        return None


def _viewed(given: Mapping[str, Value], view: ItemView) -> Mapping[str, Value]:
    return {name: value for name, value in given.items() if name in view.only} if view.only else given
