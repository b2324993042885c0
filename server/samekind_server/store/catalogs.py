"""Catalogs in the store: what each one is; its items are in `items`."""

from __future__ import annotations

from dataclasses import dataclass

from samekind_server.store import events, items
from samekind_server.store.base import Transaction

COLUMNS = "id, name, version, definition, created, updated"


@dataclass(frozen=True)
class Head:
    """A catalog without its items; times are microseconds since 1970."""

    id: int
    name: str
    version: int
    definition: bytes
    created: int
    updated: int


def find(of: Transaction, tenant: str, name: str) -> Head | None:
    """A tenant's catalog by its name."""
    found = of.rows(f"SELECT {COLUMNS} FROM catalogs WHERE tenant = ? AND name = ? AND gone = 0", tenant, name)
    return Head(*found[0]) if found else None


def by_id(of: Transaction, id: int) -> Head | None:
    """A catalog by its number, unless it is gone."""
    found = of.rows(f"SELECT {COLUMNS} FROM catalogs WHERE id = ? AND gone = 0", id)
    return Head(*found[0]) if found else None


def every(of: Transaction) -> list[Head]:
    """The catalogs of all tenants."""
    return [Head(*row) for row in of.rows(f"SELECT {COLUMNS} FROM catalogs WHERE gone = 0 ORDER BY id")]


def page(of: Transaction, tenant: str, after: str, most: int) -> list[Head]:
    """A tenant's catalogs in name order, from the first past `after`."""
    sql = f"SELECT {COLUMNS} FROM catalogs WHERE tenant = ? AND gone = 0 AND name > ? ORDER BY name LIMIT ?"
    return [Head(*row) for row in of.rows(sql, tenant, after, most)]


def add(to: Transaction, tenant: str, name: str, definition: bytes, *, now: int) -> Head:
    """Makes a catalog, at version 1."""
    sql = f"""INSERT INTO catalogs (tenant, name, gone, version, change, definition, created, updated)
        VALUES (?, ?, 0, 1, 0, ?, ?, ?) RETURNING {COLUMNS}"""
    [row] = to.rows(sql, tenant, name, definition, now, now)
    return Head(*row)


def change(to: Transaction, head: Head, definition: bytes, *, now: int) -> Head:
    """Gives a catalog its next version."""
    sql = f"UPDATE catalogs SET version = version + 1, definition = ?, updated = ? WHERE id = ? RETURNING {COLUMNS}"
    [row] = to.rows(sql, definition, now, head.id)
    return Head(*row)


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
