"""What is done to a catalog's items in one transaction, and what of it the indexes and columns have to be told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from samekind.errors import AlreadyExists, BadRequest, Damaged, EtagMismatch, NotFound, SamekindError
from samekind.types import Value, WriteMode, Written
from samekind_server.catalog import attributes
from samekind_server.store import catalogs, items
from samekind_server.store.base import Transaction
from samekind_server.store.items import Embedded, Given, Stored


@dataclass(frozen=True)
class Draft:
    """An item ready to be written; a vector without data is the one that is stored, where it is of the same content."""

    id: str
    version: int
    attributes: Mapping[str, Value]
    told: bytes
    text: str | None
    vectors: tuple[Embedded, ...]
    thumbnail: bytes = b""
    truncated: bool = False


@dataclass(frozen=True)
class Update:
    """A change of an item's attributes: these set, those taken away, or, `replace`, all others too."""

    id: str
    attributes: Mapping[str, Value]
    remove: Sequence[str] = ()
    replace: bool = False
    version: int = 0


@dataclass(frozen=True)
class Added:
    """A new row."""

    row: int
    attributes: Mapping[str, Value]
    vectors: tuple[Embedded, ...]


@dataclass
class Changes:
    """What a transaction changed; `last` is the number of the catalog's last change."""

    catalog: int
    last: int = 0
    added: list[Added] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    described: list[tuple[int, Mapping[str, Value]]] = field(default_factory=list)
    outcomes: list[Written] = field(default_factory=list)
    stale: list[int] = field(default_factory=list)  # Places of drafts whose stored vectors are not there any more.
    deleted: int = 0


class Stale(Exception):
    """What a draft took to be stored is not."""


@dataclass(frozen=True)
class Writing:
    """Work on one catalog's items, at one time."""

    to: Transaction
    changes: Changes
    now: int

    def upsert(self, drafts: Sequence[Draft], mode: WriteMode, among: Callable[[Sequence[Draft]], Iterable[Draft]] = iter) -> None:
        """Writes each that can be, as it comes from `among`; the others' outcomes bear their errors."""
        version = self._versions(len(drafts))
        for place, draft in enumerate(among(drafts)):
            try:
                outcome = self._upsert(draft, mode, version + place)
            except Stale:
                self.changes.stale.append(place)
                outcome = Written(draft.id)
            except SamekindError as error:
                outcome = Written(draft.id, error=error)
            self.changes.outcomes.append(outcome)

    def update(self, updates: Sequence[Update]) -> None:
        """Changes each that can be; the others' outcomes bear their errors."""
        version = self._versions(len(updates))
        for place, update in enumerate(updates):
            try:
                outcome = self._update(update, version + place)
            except SamekindError as error:
                outcome = Written(update.id, error=error)
            self.changes.outcomes.append(outcome)

    def delete(self, found: Iterable[Stored]) -> None:
        """Deletes items."""
        for item in found:
            items.remove(self.to, item)
            self.changes.removed.append(item.row)
            self.changes.deleted += 1
        self._versions(self.changes.deleted)

    def _versions(self, count: int) -> int:
        """Takes numbers for so many changes; the first of them."""
        self.changes.last = catalogs.changes(self.to, self.changes.catalog, count)
        return self.changes.last - count + 1

    def _upsert(self, draft: Draft, mode: WriteMode, version: int) -> Written:
        before = items.find(self.to, self.changes.catalog, draft.id)
        _expect(before, draft.id, draft.version, mode)
        held = {each.modality: each for each in items.vectors(self.to, before.row)} if before else {}
        vectors = tuple(each if each.data else _kept(each, held) for each in draft.vectors)
        outcome = Written(draft.id, version, created=before is None, changed=True, truncated=draft.truncated)
        if before is None or not before.sound or not _same(vectors, held):
            self._replace(before, draft, vectors, version)
        elif before.attributes != draft.told:
            self._describe(before, draft.attributes, draft.told, version)
        else:
            return replace(outcome, version=before.version, changed=False)
        return outcome

    def _replace(self, before: Stored | None, draft: Draft, vectors: tuple[Embedded, ...], version: int) -> None:
        thumbnail = draft.thumbnail
        if before:
            thumbnail = thumbnail or self._kept_thumbnail(before, vectors)
            items.remove(self.to, before)
            self.changes.removed.append(before.row)
        given = Given(draft.id, draft.told, draft.text, vectors, thumbnail)
        row = items.add(self.to, self.changes.catalog, given, version=version, created=before.created if before else self.now, now=self.now)
        self.changes.added.append(Added(row, draft.attributes, vectors))

    def _kept_thumbnail(self, before: Stored, vectors: tuple[Embedded, ...]) -> bytes:
        """The picture of an image that stays while something else changes."""
        held = {each.content for each in items.vectors(self.to, before.row) if each.modality == "image"}
        if not any(each.content in held for each in vectors if each.modality == "image"):
            return b""
        with suppress(Damaged):
            return items.thumbnail(self.to, before.row)
        return b""

    def _update(self, update: Update, version: int) -> Written:
        found = items.find(self.to, self.changes.catalog, update.id)
        if found is None:
            raise _missing(update.id)
        _expect(found, update.id, update.version, WriteMode.UPDATE)
        kept = {} if update.replace else attributes.load(found.checked().attributes)
        merged = {name: value for name, value in {**kept, **update.attributes}.items() if name not in update.remove}
        told = attributes.dump(merged)
        if told == found.attributes:
            return Written(update.id, found.version)
        self._describe(found, merged, told, version)
        return Written(update.id, version, changed=True)

    def _describe(self, before: Stored, given: Mapping[str, Value], told: bytes, version: int) -> None:
        items.describe(self.to, before, told, version=version, now=self.now)
        self.changes.described.append((before.row, given))


def _expect(before: Stored | None, id: str, version: int, mode: WriteMode) -> None:
    if before is None and (version or mode is WriteMode.UPDATE):
        raise _missing(id)
    if before is not None and mode is WriteMode.INSERT:
        raise AlreadyExists(f"there is an item {id!r:.80} already; upsert it, or give this one another id")
    if before is not None and version and before.version != version:
        stands = f"the item {id!r:.80} has been changed since it was read: it is at version {before.version}, not {version}"
        raise EtagMismatch(f"{stands}; read it again and decide anew", metadata={"version": str(before.version)})


def _missing(id: str) -> NotFound:
    return NotFound(f"no item {id!r:.80} in the catalog")


def _kept(wanted: Embedded, held: Mapping[str, Embedded]) -> Embedded:
    kept = held.get(wanted.modality)
    if kept is None or not kept.sound or (kept.content, kept.space) != (wanted.content, wanted.space):
        raise Stale
    return kept


def _same(vectors: Sequence[Embedded], held: Mapping[str, Embedded]) -> bool:
    theirs = {(each.modality, each.content, each.space) for each in held.values() if each.sound}
    return len(held) == len(theirs) and {(each.modality, each.content, each.space) for each in vectors} == theirs


def duplicates(ids: Sequence[str]) -> dict[int, BadRequest]:
    """An error for each place whose id stands at an earlier one too."""
    first: dict[str, int] = {}
    twice = {place: id for place, id in enumerate(ids) if first.setdefault(id, place) != place}
    told = "the id {id!r:.80} stands twice in the batch, first at {first}; give each item once"
    return {place: BadRequest(told.format(id=id, first=first[id])) for place, id in twice.items()}
