"""Keeps label sets: who may change what, which version is asked, and what of it is remembered between questions."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Collection
from dataclasses import astuple, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

from samekind.errors import AlreadyExists, BadRequest, EtagMismatch, NotFound, Violation
from samekind.types import Labels, LabelSet
from samekind_server.classification import definitions
from samekind_server.classification.prepared import Prepared, check, prepare
from samekind_server.embedding.lru import Lru
from samekind_server.store import label_sets as rows
from samekind_server.store.base import Store, Transaction
from samekind_server.store.label_sets import Definition, Head
from samekind_server.store.requests import Request, once

T = TypeVar("T")

PATHS = ("labels", "template_set", "templates", "model")
FIELD = "label_set."
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PER_LABEL = 1000  # About what a label of a set that is remembered takes, in bytes, beside its own texts.


class LabelSets:
    """The label sets of every tenant, each seen by its own alone. For one event loop."""

    def __init__(self, store: Store, *, capacity: int = 64 << 20, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock
        self._remembered: Lru[tuple[int, int], Prepared] = Lru(capacity)

    async def create(self, tenant: str, given: LabelSet, request: Request | None = None) -> LabelSet:
        """Makes a set. Raises AlreadyExists, or BadRequest for labels that cannot be."""
        check(given.labels, field=FIELD)

        def work(to: Transaction, now: int) -> bytes:
            if rows.find(to, tenant, given.name):
                raise AlreadyExists(f"there is a label set {given.name!r} already; update it, or give this one another name")
            return _add(to, tenant, given, now)

        return await self._write(request, work)

    async def update(
        self, tenant: str, given: LabelSet, paths: Collection[str] = PATHS, *, allow_missing: bool = False, request: Request | None = None
    ) -> LabelSet:
        """Changes what `paths` name to what is given. Raises NotFound, EtagMismatch, or BadRequest for what cannot be.

        What changes nothing makes no version.
        """
        _check_paths(paths)

        def work(to: Transaction, now: int) -> bytes:
            if before := rows.find(to, tenant, given.name):
                return _change(to, before, given, paths, now)
            if not allow_missing or given.etag:
                raise _missing(to, tenant, given.name)
            check(given.labels, field=FIELD)
            return _add(to, tenant, given, now)

        return await self._write(request, work)

    async def delete(self, tenant: str, name: str, *, etag: str = "", allow_missing: bool = False, request: Request | None = None) -> None:
        """Deletes a set with all its versions. Raises NotFound or EtagMismatch."""

        def work(to: Transaction, now: int) -> bytes:
            if before := rows.find(to, tenant, name):
                _compare(etag, before)
                rows.remove(to, before)
            elif not allow_missing:
                raise _missing(to, tenant, name)
            return b""

        await self._written(request, work)

    async def get(self, tenant: str, reference: str) -> LabelSet:
        """A set by its name, or a version of it by name@version. Raises NotFound."""

        def work(of: Transaction) -> LabelSet:
            head = _found(of, tenant, reference)
            return _label_set(head, definitions.load(rows.definition(of, head)))

        return await self._read(work)

    async def page(self, tenant: str, after: str, most: int) -> list[LabelSet]:
        """Sets in name order, from the first past `after`, without their labels."""
        heads = await self._read(lambda of: rows.page(of, tenant, after, most))
        return [_label_set(head, Labels(())) for head in heads]

    async def prepared(self, tenant: str, reference: str) -> Prepared:
        """A set's labels, ready to be asked. Raises NotFound."""
        head = await self._read(lambda of: _found(of, tenant, reference))
        known = self._remembered.get((head.id, head.version)) or await self._remember(tenant, reference)
        return replace(known, label_set=reference)

    async def _remember(self, tenant: str, reference: str) -> Prepared:
        def work(of: Transaction) -> tuple[Head, Prepared, int]:
            head = _found(of, tenant, reference)
            data = rows.definition(of, head)
            return head, prepare(definitions.load(data), model=head.model, version=head.version, set_id=head.id), len(data)

        head, known, size = await self._read(work)
        self._remembered.put((head.id, head.version), known, PER_LABEL * head.label_count + 4 * size)
        return known

    async def _read(self, work: Callable[[Transaction], T]) -> T:
        return await asyncio.wrap_future(self._store.read(work))

    async def _write(self, request: Request | None, work: Callable[[Transaction, int], bytes]) -> LabelSet:
        return await asyncio.to_thread(_unpacked, await self._written(request, work))

    async def _written(self, request: Request | None, work: Callable[[Transaction, int], bytes]) -> bytes:
        now = self._clock()
        micros = round(now * 1e6)
        return await asyncio.wrap_future(self._store.write(lambda to: once(to, request, partial(work, to, micros), now=now)))


def _add(to: Transaction, tenant: str, given: LabelSet, now: int) -> bytes:
    defined = Definition(given.model, len(given.labels.labels), definitions.dump(given.labels))
    return definitions.pack(astuple(rows.add(to, tenant, given.name, defined, now=now)), defined.data)


def _change(to: Transaction, before: Head, given: LabelSet, paths: Collection[str], now: int) -> bytes:
    _compare(given.etag, before)
    data = rows.definition(to, before)
    labels = _merged(definitions.load(data), given.labels, paths)
    check(labels, field=FIELD)
    defined = Definition(given.model if "model" in paths else before.model, len(labels.labels), definitions.dump(labels))
    same = (defined.model, defined.data) == (before.model, data)
    return definitions.pack(astuple(before if same else rows.change(to, before, defined, now=now)), defined.data)


def _merged(before: Labels, given: Labels, paths: Collection[str]) -> Labels:
    """A set's own templates stand above a set of templates by name, so naming one does away with them."""
    labels = given.labels if "labels" in paths else before.labels
    if "templates" in paths and given.templates:
        return Labels(labels, templates=given.templates)
    if "template_set" in paths:
        return Labels(labels, given.template_set)
    return Labels(labels, before.template_set, () if "templates" in paths else before.templates)


def _check_paths(paths: Collection[str]) -> None:
    for path in paths:
        if path not in PATHS:
            message = f"the update mask's path {path!r} cannot be changed; there are {', '.join(PATHS)}, or * for all of them"
            raise BadRequest(message, violations=(Violation("update_mask", message),))


def _compare(etag: str, head: Head) -> None:
    if etag and etag != _etag(head):
        changed = f"the label set {head.name!r} has been changed since it was read: it is at version {head.version}"
        raise EtagMismatch(f"{changed}; read it again and decide anew", metadata={"version": str(head.version)})


def _found(of: Transaction, tenant: str, reference: str) -> Head:
    name, _, version = reference.partition("@")
    return rows.find(of, tenant, name, int(version or 0)) or _raise(_missing(of, tenant, name, version))


def _missing(of: Transaction, tenant: str, name: str, version: str = "") -> NotFound:
    if version and (kept := rows.versions(of, tenant, name)):
        return NotFound(f"the label set {name!r} has no version {version} any more, or not yet; kept are {kept[0]} to {kept[-1]}")
    there = [head.name for head in rows.page(of, tenant, "", 6)]
    told = f"there are {', '.join(there[:5])}{', …' if len(there) > 5 else ''}" if there else "there is none yet"
    return NotFound(f"no label set {name!r}; {told}")


def _raise(error: Exception) -> Head:
    raise error


def _etag(head: Head) -> str:
    return hashlib.sha256(f"{head.id} {head.version}".encode()).hexdigest()[:16]


def _unpacked(packed: bytes) -> LabelSet:
    told, data = definitions.unpack(packed)
    return _label_set(Head(*told), definitions.load(data))


def _label_set(head: Head, labels: Labels) -> LabelSet:
    created, updated = (EPOCH + timedelta(microseconds=micros) for micros in (head.created, head.updated))
    return LabelSet(head.name, labels, head.model, head.version, _etag(head), head.label_count, created, updated)
