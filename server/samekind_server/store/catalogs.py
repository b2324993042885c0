"""Catalogs in the store: what each one is; its items are in `items`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from samekind.errors import Damaged
from samekind_server.store import events, items
from samekind_server.store.base import Transaction
from samekind_server.store.checksum import checksum

COLUMNS = "id, name, version, definition, created, updated, tenant, checksum"


@dataclass(frozen=True)
class Head:
    """A catalog without its items; times are microseconds since 1970."""

    id: int
    name: str
    version: int
    definition: bytes
    created: int
    updated: int
    sound: bool = True

    @property
    def damaged(self) -> Damaged:
        """What is said where it is not as it was written."""
        told = f"the definition of the catalog {self.name!r} is not what was written there"
        return Damaged(f"{told}; put back a copy of the store, or delete the catalog and make it again")

    def checked(self) -> Head:
        """This one. Raises Damaged."""
        if not self.sound:
            raise self.damaged
        return self


def find(of: Transaction, tenant: str, name: str) -> Head | None:
    """A tenant's catalog by its name."""
    found = of.rows(f"SELECT {COLUMNS} FROM catalogs WHERE tenant = ? AND name = ? AND gone = 0", tenant, name)
    return _head(*found[0]) if found else None


def by_id(of: Transaction, id: int) -> Head | None:
    """A catalog by its number, unless it is gone."""
    found = of.rows(f"SELECT {COLUMNS} FROM catalogs WHERE id = ? AND gone = 0", id)
    return _head(*found[0]) if found else None


def every(of: Transaction) -> list[Head]:
    """The catalogs of all tenants."""
    return [_head(*row) for row in of.rows(f"SELECT {COLUMNS} FROM catalogs WHERE gone = 0 ORDER BY id")]


def page(of: Transaction, tenant: str, after: str, most: int) -> list[Head]:
    """A tenant's catalogs in name order, from the first past `after`."""
    sql = f"SELECT {COLUMNS} FROM catalogs WHERE tenant = ? AND gone = 0 AND name > ? ORDER BY name LIMIT ?"
    return [_head(*row) for row in of.rows(sql, tenant, after, most)]


def add(to: Transaction, tenant: str, name: str, definition: bytes, *, now: int) -> Head:
    """Makes a catalog, at version 1."""
    sql = """INSERT INTO catalogs (tenant, name, gone, version, change, definition, created, updated)
        VALUES (?, ?, 0, 1, 0, ?, ?, ?) RETURNING id"""
    [[id]] = to.rows(sql, tenant, name, definition, now, now)
    return _sealed(to, id)


def change(to: Transaction, head: Head, definition: bytes, *, now: int) -> Head:
    """Gives a catalog its next version."""
    to.rows("UPDATE catalogs SET version = version + 1, definition = ?, updated = ? WHERE id = ?", definition, now, head.id)
    return _sealed(to, head.id)


def seal(to: Transaction) -> None:
    """Gives every catalog its checksum: of a store that is older than these are."""
    for (id,) in to.rows("SELECT id FROM catalogs"):
        _sealed(to, id)


def hide(to: Transaction, head: Head) -> None:
    """Removes a catalog from sight; `free` then takes what it held."""
    to.rows("UPDATE catalogs SET gone = 1 WHERE id = ?", head.id)


def hidden(of: Transaction) -> list[int]:
    """The numbers of those removed from sight, some of which is still held."""
    return [id for (id,) in of.rows("SELECT id FROM catalogs WHERE gone = 1")]


def free(to: Transaction, id: int, most: int) -> bool:
    """Deletes so many items, and so many events, of a hidden catalog, and then itself; whether all is gone."""
    if items.remove_some(to, id, most) == most:
        return False
    if not events.free(to, id, most):
        return False
    to.rows("DELETE FROM catalogs WHERE id = ?", id)
    return True


def changes(to: Transaction, id: int, count: int) -> int:
    """Takes so many numbers of changes, which rise for ever; the last of them."""
    [[last]] = to.rows("UPDATE catalogs SET change = change + ? WHERE id = ? RETURNING change", count, id)
    return int(last)


def life(of: Transaction) -> str:
    """The name of this store's life."""
    [[name]] = of.rows("SELECT name FROM life")
    return bytes(name).hex()


def newest(of: Transaction, id: int) -> int:
    """The number of a catalog's last change."""
    [[change]] = of.rows("SELECT change FROM catalogs WHERE id = ?", id)
    return int(change)


def _sealed(to: Transaction, id: int) -> Head:
    """A catalog's row, with the checksum of what it is now."""
    [cells] = to.rows(f"SELECT {COLUMNS} FROM catalogs WHERE id = ?", id)
    to.rows("UPDATE catalogs SET checksum = ? WHERE id = ?", checksum(*cells[:-1]), id)
    return Head(*cells[:-2])


def _head(*cells: Any) -> Head:
    return replace(Head(*cells[:-2]), sound=checksum(*cells[:-1]) == cells[-1])
