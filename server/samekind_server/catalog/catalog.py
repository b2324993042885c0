"""One catalog's items: store and index in step, so that what was acknowledged is durable and found."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import TypeVar

from samekind.errors import DeadlineExceeded, NotFound, SamekindError
from samekind.filters import Filter
from samekind.queries import ItemView
from samekind.types import Catalog, CatalogStats, Deleted, Floats, IndexStats, Item, LongText, WriteMode, Written
from samekind_server.catalog import filters, outcomes
from samekind_server.catalog.candidates import Candidates
from samekind_server.catalog.drafts import Drafting, Held, Sketch, stored
from samekind_server.catalog.inside import Inside
from samekind_server.catalog.memory import Memory
from samekind_server.catalog.precedence import Precedence
from samekind_server.catalog.reading import matched, page, read
from samekind_server.catalog.shelf import Shelf
from samekind_server.catalog.writing import Changes, Draft, Update, Writing, duplicates
from samekind_server.embedding.askers import ANYONE, Asker
from samekind_server.store import catalogs, items, packing, pages, requests
from samekind_server.store.base import Store, Transaction
from samekind_server.store.requests import Request

T = TypeVar("T")
Turn = Callable[[], Awaitable[None]]

DELETED = 500  # Items found by a filter that are deleted in one transaction.
PAGES_EACH = 4  # That a deleted item may leave free.
PATIENCE = 0.02  # Seconds after which who waits for room looks again. A thread for each that waits would leave none for others.


async def at_once() -> None:
    """Waits for nothing."""


class OpenCatalog:
    """A catalog that is there. For one event loop; after it was deleted its methods raise NotFound."""

    def __init__(
        self,
        store: Store,
        memory: Callable[[], Memory],
        drafting: Drafting,
        applied: Callable[[Changes], None],
        *,
        looking: Executor,
        shelf: Shelf,
        precedence: Precedence,
        clock: Callable[[], float],
    ) -> None:
        self._store, self._now, self._drafting, self._applied, self._looking, self._clock = store, memory, drafting, applied, looking, clock
        self._shelf, self._precedence = shelf, precedence
        self.id = memory().head.id  # No other catalog ever has it.

    @property
    def catalog(self) -> Catalog:
        """What it is."""
        return self._memory.catalog

    @property
    def _memory(self) -> Memory:
        """What is in memory of it now: another once the catalog has changed."""
        return self._now()

    async def upsert(
        self,
        given: Sequence[Item | SamekindError],
        *,
        mode: WriteMode = WriteMode.UPSERT,
        asker: Asker = ANYONE,
        long_text: LongText | None = None,
        request: Request | None = None,
        turn: Turn = at_once,
    ) -> list[Written]:
        """Writes each item that can be, all in one transaction; one that cannot, or was not one, bears its error. Raises Overloaded.

        The same `request` again is answered as the first time, unless something failed then that may pass. It is embedded at once, and
        written when it is its `turn`. Without `long_text` the catalog's counts.
        """
        long_text = long_text or self.catalog.long_text
        ids = [each.id if isinstance(each, Item) else "" for each in given]
        try:
            written = await self._upsert(given, mode, asker, long_text, request, turn)
            return [each if each.id == id else replace(each, id=id) for each, id in zip(written, ids, strict=True)]
        except Known as known:
            return outcomes.load(known.result, ids)

    async def _upsert(
        self, given: Sequence[Item | SamekindError], mode: WriteMode, asker: Asker, long_text: LongText, request: Request | None, turn: Turn
    ) -> list[Written]:
        await self._check_unknown(request)
        sketches = await self._drafting.sketches(given, self.catalog, long_text)
        held = await self.read(partial(stored, self.id, sketches))
        made = await self._written(sketches, held, mode, asker, long_text, request, turn)
        if stale := [place for place, outcome in enumerate(made) if outcome is None]:
            again = [sketches[place] if place in set(stale) else NotFound("left out") for place in range(len(sketches))]
            for place, outcome in enumerate(await self._written(again, {}, mode, asker, long_text, None, at_once)):
                made[place] = outcome if place in stale else made[place]
        return [outcome for outcome in made if outcome]

    async def taken(self, given: Iterable[T]) -> list[T]:
        """All that is to be written, where it is read one by one: in a thread for bulk work, which lets searches go first."""
        return await self._drafting.read(given)

    async def update(self, updates: Sequence[Update], *, request: Request | None = None) -> list[Written]:
        """Changes the attributes of each item that can be; nothing is embedded. One that cannot bears its error."""
        ids = [update.id for update in updates]
        twice = duplicates(ids)
        good = [update for place, update in enumerate(updates) if place not in twice]
        try:
            changes = await self._write(
                lambda writing: writing.update(good), request, lambda changes: outcomes.dump(outcomes.placed(changes.outcomes, ids, twice))
            )
        except Known as known:
            return outcomes.load(known.result, ids)
        return outcomes.placed(changes.outcomes, ids, twice)

    async def delete(self, ids: Sequence[str], *, request: Request | None = None) -> Deleted:
        """Deletes items by their ids."""
        missing: list[str] = []

        def work(writing: Writing) -> None:
            found = {id: items.find(writing.to, self.id, id) for id in dict.fromkeys(ids)}
            missing[:] = [id for id, each in found.items() if each is None]
            writing.delete([each for each in found.values() if each])

        try:
            changes = await self._write(work, request, lambda changes: outcomes.dump_deleted(Deleted(changes.deleted, tuple(missing))))
        except Known as known:
            return outcomes.load_deleted(known.result)
        return Deleted(changes.deleted, tuple(missing))

    async def delete_matching(self, given: Filter, *, request: Request | None = None) -> Deleted:
        """Deletes the items that meet a condition, a few hundred in each transaction; those written meanwhile may stay."""
        filters.check(given)
        try:
            await self._check_unknown(request)
            count = 0
            for some in await self._matching(given):
                changes = await self._write(partial(_delete, some, given))
                count += changes.deleted
            await self._write(lambda writing: None, request, lambda _: outcomes.dump_deleted(Deleted(count)))
        except Known as known:
            return outcomes.load_deleted(known.result)
        return Deleted(count)

    async def get(self, ids: Sequence[str], view: ItemView) -> list[Item | SamekindError]:
        """Each item, or NotFound or Damaged in its place."""
        return await self.read(lambda of: [read(of, self.id, id, view) for id in ids])

    async def page(self, after: str, most: int, view: ItemView, where: Filter | None = None) -> list[Item]:
        """Items in the order of their ids' bytes, from the first past `after`. Raises Damaged."""
        if where is not None:
            filters.check(where)
        return await self.read(lambda of: page(of, self.id, after, most, view, where))

    async def candidates(
        self, queries: Mapping[str, Floats], k: int, *, where: Filter | None = None, exact: bool = False, effort: int = 0
    ) -> list[Candidates]:
        """The rows nearest to each query, as in Memory; nothing is read of their items."""
        return await self.look(lambda memory: memory.candidates(queries, k, where=where, exact=exact, effort=effort))

    async def look(self, at: Callable[[Memory], T]) -> T:
        """What is seen in memory, in a thread that waits for no write."""
        return await self.within(lambda inside: at(inside.memory))

    async def within(self, work: Callable[[Inside], T]) -> T:
        """What is made of memory and store in one thread, which waits for no write."""
        return await asyncio.get_running_loop().run_in_executor(self._looking, work, await self.inside())

    async def inside(self) -> Inside:
        """What there is to be seen, for a thread of `begin`."""
        await self.ready()
        self._precedence.searched()
        return Inside(self._memory, self._store, self._shelf)

    def begin(self, work: Callable[[], object]) -> None:
        """Has something done in a thread that waits for no write; nobody is told what it raises."""
        self._looking.submit(work)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """What the store holds, of one moment."""
        return await asyncio.wrap_future(self._store.read(work))

    async def stats(self) -> CatalogStats:
        """How much there is, and in what state."""
        await self.ready()
        id = self.id
        count, size = await self.read(lambda of: (items.count(of, id), items.size(of, id)))
        known = [(name, each) for name, each in self._memory.stats().items() if each.live or each.removed]
        indexes = tuple(IndexStats(name, of.live, of.removed, of.buffered, of.graph, of.building, of.memory_bytes) for name, of in known)
        return CatalogStats(count, size, self._memory.nbytes + sum(each.memory_bytes for each in indexes), indexes)

    async def _written(
        self,
        sketches: Sequence[Sketch | SamekindError],
        held: Held,
        mode: WriteMode,
        asker: Asker,
        long_text: LongText,
        request: Request | None,
        turn: Turn,
    ) -> list[Written | None]:
        """What became of each; None of one whose stored vectors are not there any more."""
        drafts = await self._drafting.drafts(sketches, self.catalog, held, asker=asker, long_text=long_text)
        good = [draft for draft in drafts if isinstance(draft, Draft)]
        await self._room(sum(map(_rooms, good)), asker)
        await turn()

        def placed(changes: Changes) -> list[Written | None]:
            made = iter([None if place in changes.stale else outcome for place, outcome in enumerate(changes.outcomes)])
            return [next(made) if isinstance(draft, Draft) else Written("", error=draft) for draft in drafts]

        def told(changes: Changes) -> bytes | None:
            whole = [each for each in placed(changes) if each]
            return outcomes.dump(whole) if len(whole) == len(drafts) and outcomes.lasting(whole) else None

        return placed(await self._write(lambda writing: writing.upsert(good, mode, self._precedence.among), request, told))

    async def _write(
        self, work: Callable[[Writing], None], request: Request | None = None, told: Callable[[Changes], bytes | None] = lambda _: None
    ) -> Changes:
        """One transaction, then the indexes; what `told` makes of it is kept with the request."""
        now, id, name = self._clock(), self.id, self.catalog.name

        def transaction(to: Transaction) -> Changes:
            if catalogs.by_id(to, id) is None:
                raise NotFound(f"no catalog {name!r}; it was deleted just now")
            _check(to, request, now)
            changes = Changes(id)
            work(Writing(to, changes, round(now * 1e6)))
            if (result := told(changes)) is not None:
                requests.once(to, request, lambda: result, now=now)
            if changes.removed:
                packing.note(to, len(changes.removed))
            if changes.deleted:
                pages.give_back(to, pages.AT_ONCE + PAGES_EACH * changes.deleted)
            return changes

        return await asyncio.wrap_future(self._store.write(transaction, self._applied))

    async def _check_unknown(self, request: Request | None) -> None:
        """Raises Known before anything is embedded in vain."""
        if request and request.id:
            await self.read(lambda of: _check(of, request, self._clock()))

    async def _matching(self, given: Filter) -> list[list[int]]:
        """The rows that meet a condition, a few hundred each."""
        rows = (await self.look(lambda memory: memory.matching(given))).tolist()
        return [rows[start : start + DELETED] for start in range(0, len(rows), DELETED)]

    async def _room(self, count: int, asker: Asker) -> None:
        """Waits until so many fit beside the graph. Raises DeadlineExceeded."""
        await self.ready()
        while not self._memory.room(count, 0):
            if asker.left <= 0:
                told = f"the catalog {self.catalog.name!r} takes in items more slowly than they come"
                raise DeadlineExceeded(f"{told}; give it more time, or send fewer")
            await asyncio.sleep(PATIENCE)

    async def ready(self) -> None:
        """Waits until it is in memory."""
        if not (memory := self._memory).ready:
            await asyncio.shield(asyncio.wrap_future(memory.loaded))


class Known(Exception):
    """The same was asked before, and answered so."""

    def __init__(self, result: bytes) -> None:
        super().__init__("the same request was done before")
        self.result = result


def _check(of: Transaction, request: Request | None, now: float) -> None:
    if request and request.id and (result := requests.done(of, request, now=now)) is not None:
        raise Known(result)


def _rooms(draft: Draft) -> int:
    """How many vectors an index may get of an item, about."""
    return max([1, *(len(each.windows.places) // 8 for each in draft.vectors if each.windows)])


def _delete(rows: Sequence[int], where: Filter, writing: Writing) -> None:
    writing.delete(matched(writing.to, rows, where))
