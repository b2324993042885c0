"""Label sets in the store: a row for each set, and one for each of its last versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from samekind.errors import Damaged
from samekind_server.store.base import Transaction
from samekind_server.store.checksum import checksum

VERSIONS = 10  # Versions kept of each set.
COLUMNS = "label_sets.id, name, kept.version, model, label_count, label_sets.time, kept.time, tenant, told"
JOINED = f"SELECT {COLUMNS} FROM label_sets JOIN label_set_versions AS kept ON kept.label_set = label_sets.id"


@dataclass(frozen=True)
class Head:
    """One version of a label set, without its labels; times are microseconds since 1970."""

    id: int
    name: str
    version: int
    model: str
    label_count: int
    created: int
    updated: int


@dataclass(frozen=True)
class Definition:
    """What a version holds, and what of it is told without reading it."""

    model: str
    label_count: int
    data: bytes


def find(of: Transaction, tenant: str, name: str, version: int = 0) -> Head | None:
    """A set at a version, 0: as it is now."""
    wanted, values = ("?", (version,)) if version else ("label_sets.version", ())
    found = of.rows(f"{JOINED} WHERE tenant = ? AND name = ? AND kept.version = {wanted}", tenant, name, *values)
    return _head(*found[0]) if found else None


def versions(of: Transaction, tenant: str, name: str) -> list[int]:
    """The versions kept of a set, oldest first; none where there is no such set."""
    return [version for _, _, version, *_ in of.rows(f"{JOINED} WHERE tenant = ? AND name = ? ORDER BY kept.version", tenant, name)]


def page(of: Transaction, tenant: str, after: str, most: int) -> list[Head]:
    """Sets as they are now, in name order, from the first past `after`."""
    now = f"{JOINED} WHERE tenant = ? AND name > ? AND kept.version = label_sets.version ORDER BY name LIMIT ?"
    return [_head(*row) for row in of.rows(now, tenant, after, most)]


def definition(of: Transaction, head: Head) -> bytes:
    """What a version holds. Raises Damaged."""
    sql = "SELECT definition, checksum FROM label_set_versions WHERE label_set = ? AND version = ?"
    [[data, kept]] = of.rows(sql, head.id, head.version)
    if checksum(head.id, head.version, data) != kept:
        raise _damaged(head)
    return bytes(data)


def faults(of: Transaction) -> Iterator[str]:
    """What of all sets is not as it was written, each version named."""
    for cells in of.rows(JOINED):
        head = Head(*cells[:-2])
        try:
            definition(of, _head(*cells))
        except Damaged as damaged:
            yield f"label set {head.name!r}: {damaged.message}"
    for (name,) in of.rows("SELECT name FROM label_sets WHERE version <> (SELECT max(version) FROM label_set_versions WHERE label_set = id)"):
        yield f"label set {name!r}: its newest version is not the one that was written; put back a copy of the store"


def add(to: Transaction, tenant: str, name: str, given: Definition, *, now: int) -> Head:
    """Makes a set, at version 1."""
    [[id]] = to.rows("INSERT INTO label_sets (tenant, name, version, time) VALUES (?, ?, 1, ?) RETURNING id", tenant, name, now)
    head = Head(id, name, 1, given.model, given.label_count, now, now)
    _keep(to, head, given)
    return head


def change(to: Transaction, before: Head, given: Definition, *, now: int) -> Head:
    """Gives a set its next version; those past the last ten go."""
    head = Head(before.id, before.name, before.version + 1, given.model, given.label_count, before.created, now)
    to.rows("UPDATE label_sets SET version = ? WHERE id = ?", head.version, head.id)
    _keep(to, head, given)
    to.rows("DELETE FROM label_set_versions WHERE label_set = ? AND version <= ?", head.id, head.version - VERSIONS)
    return head


def remove(to: Transaction, head: Head) -> None:
    """Deletes a set with all its versions."""
    to.rows("DELETE FROM label_sets WHERE id = ?", head.id)


def seal(to: Transaction) -> None:
    """Gives every version its checksums: of a store that is older than these are."""
    for id, _, version, *_ in to.rows(JOINED):
        _sealed(to, id, version)


def _keep(to: Transaction, head: Head, given: Definition) -> None:
    sql = "INSERT INTO label_set_versions (label_set, version, model, label_count, definition, time) VALUES (?, ?, ?, ?, ?, ?)"
    to.rows(sql, head.id, head.version, given.model, given.label_count, given.data, head.updated)
    _sealed(to, head.id, head.version)


def _sealed(to: Transaction, id: int, version: int) -> None:
    """A version gets the checksums of what it is now."""
    [[*told, _]] = to.rows(f"{JOINED} WHERE label_sets.id = ? AND kept.version = ?", id, version)
    [[data]] = to.rows("SELECT definition FROM label_set_versions WHERE label_set = ? AND version = ?", id, version)
    sql = "UPDATE label_set_versions SET told = ?, checksum = ? WHERE label_set = ? AND version = ?"
    to.rows(sql, checksum(*told), checksum(id, version, data), id, version)


def _head(*cells: Any) -> Head:
    """Raises Damaged."""
    head = Head(*cells[:-2])
    if checksum(*cells[:-1]) != cells[-1]:
        raise _damaged(head)
    return head


def _damaged(head: Head) -> Damaged:
    told = f"version {head.version} of the label set {head.name!r} is not what was written there"
    return Damaged(f"{told}; put back a copy of the store")
