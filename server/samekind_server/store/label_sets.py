"""Label sets in the store: a row for each set, and one for each of its last versions."""

from __future__ import annotations

from dataclasses import dataclass

from samekind_server.store.base import Transaction

VERSIONS = 10  # Versions kept of each set.
COLUMNS = "label_sets.id, name, kept.version, model, label_count, label_sets.time, kept.time"
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
    return Head(*found[0]) if found else None


def versions(of: Transaction, tenant: str, name: str) -> list[int]:
    """The versions kept of a set, oldest first; none where there is no such set."""
    return [version for _, _, version, *_ in of.rows(f"{JOINED} WHERE tenant = ? AND name = ? ORDER BY kept.version", tenant, name)]


def page(of: Transaction, tenant: str, after: str, most: int) -> list[Head]:
    """Sets as they are now, in name order, from the first past `after`."""
    now = f"{JOINED} WHERE tenant = ? AND name > ? AND kept.version = label_sets.version ORDER BY name LIMIT ?"
    return [Head(*row) for row in of.rows(now, tenant, after, most)]


def definition(of: Transaction, head: Head) -> bytes:
    """What a version holds."""
    [[data]] = of.rows("SELECT definition FROM label_set_versions WHERE label_set = ? AND version = ?", head.id, head.version)
    return bytes(data)


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


def _keep(to: Transaction, head: Head, given: Definition) -> None:
    sql = "INSERT INTO label_set_versions (label_set, version, model, label_count, definition, time) VALUES (?, ?, ?, ?, ?, ?)"
    to.rows(sql, head.id, head.version, given.model, given.label_count, given.data, head.updated)
