"""What users do with a catalog's items: recorded durably, told again, and forgotten without a trace."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from samekind.errors import BadRequest, SamekindError, Violation
from samekind.recommendations import Event, EventKind, Recorded
from samekind_server.catalog.catalogs import found
from samekind_server.catalog.definitions import EPOCH, moment
from samekind_server.store import events as rows
from samekind_server.store import pages
from samekind_server.store.base import Store, Transaction
from samekind_server.store.events import Became, Given, Place, Stored

T = TypeVar("T")

AHEAD = 300.0  # Seconds that an event may lie in the future, as clocks differ.
# Their numbers in the store: never changed.
KINDS = (EventKind.VIEW, EventKind.LIKE, EventKind.CART, EventKind.PURCHASE, EventKind.RATING, EventKind.DISLIKE, EventKind.HIDE)
NUMBERS = {kind: number for number, kind in enumerate(KINDS, 1)}
LEAST_VALUE, MOST_VALUE = -1.0, 100.0
MICROSECOND = timedelta(microseconds=1)
PAGES_EACH = 8  # Events on a page of the store, at least.


class Learning(Protocol):
    """Who learns from events."""

    def hear(self, catalog: int) -> None:
        """Events were recorded; it returns at once."""
        ...

    def forget(self, catalog: int) -> None:
        """A user was forgotten: what is being learned is dropped, and learned anew; it returns at once."""
        ...


def unheard(outcomes: Sequence[Recorded]) -> None:
    """Tells nobody."""


class Events:
    """The events of every tenant's catalogs; `heard` is told what became of each batch. For one event loop."""

    def __init__(
        self,
        store: Store,
        learning: Learning,
        *,
        heard: Callable[[Sequence[Recorded]], object] = unheard,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._learning, self._heard, self._clock = store, learning, heard, clock

    async def check(self, tenant: str, catalog: str) -> None:
        """Raises NotFound where there is no such catalog."""
        await self._read(lambda of: found(of, tenant, catalog))

    async def record(self, tenant: str, catalog: str, given: Sequence[Event | SamekindError]) -> list[Recorded]:
        """Records each event that can be, all in one transaction; one that cannot, or was not one, bears its error. Raises NotFound, Overloaded."""
        now = round(self._clock() * 1e6)
        made = [each if isinstance(each, SamekindError) else _given(each, now) for each in given]
        good = [each for each in made if isinstance(each, Given)]

        def work(to: Transaction) -> tuple[int, list[Became]]:
            head = found(to, tenant, catalog)
            return head.id, rows.record(to, head.id, good)

        id, became = await self._write(work)
        self._learning.hear(id)
        outcomes = iter(map(_recorded, good, became))
        told = [Recorded(error=each) if isinstance(each, SamekindError) else next(outcomes) for each in made]
        self._heard(told)
        return told

    async def page(self, tenant: str, catalog: str, *, user: str, item: str, after: str, most: int) -> tuple[list[Event], str]:
        """Events of a user, of an item or of both, latest first, past the place `after`; and the place of the next page, "" where there is none."""
        before = _place(after)

        def work(of: Transaction) -> list[Stored]:
            return rows.page(of, found(of, tenant, catalog).id, user, item, before, most + 1)

        listed = await self._read(work)
        more = " ".join(map(str, listed[most - 1].place)) if len(listed) > most else ""
        return [event(each) for each in listed[:most]], more

    async def forget(self, tenant: str, catalog: str, user: str) -> int:
        """Deletes all that is known of a user, also from the store's files; how many events. Raises StoreUnavailable while these are being copied."""

        def work(to: Transaction) -> tuple[int, int]:
            head = found(to, tenant, catalog)
            count = rows.forget(to, head.id, user)
            pages.give_back(to, pages.AT_ONCE + count // PAGES_EACH)
            return head.id, count

        id, count = await self._write(work)
        await asyncio.to_thread(self._learning.forget, id)
        await asyncio.wrap_future(self._store.purge())
        return count

    async def _write(self, work: Callable[[Transaction], T]) -> T:
        return await asyncio.wrap_future(self._store.write(work))

    async def _read(self, work: Callable[[Transaction], T]) -> T:
        return await asyncio.wrap_future(self._store.read(work))


def event(stored: Stored) -> Event:
    """The event of a row."""
    kind, time = KINDS[stored.kind - 1], moment(stored.time)
    return Event(stored.user, stored.item, kind, stored.value, time, stored.id, stored.attribution)


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - EPOCH) // MICROSECOND


def _given(event: Event, now: int) -> Given | SamekindError:
    """The event for the store, or what is wrong with it; without a time it is of now."""
    try:
        kind, time = EventKind(event.kind), now if event.time is None else micros(event.time)
        _check(event, kind, time, now)
    except BadRequest as error:
        return error
    value = None if event.value is None else float(event.value)
    return Given(event.user, event.item, NUMBERS[kind], time, value, event.id, event.attribution, timed=event.time is not None)


def _check(event: Event, kind: EventKind, time: int, now: int) -> None:
    if time > now + AHEAD * 1e6:
        ahead = (time - now) / 1e6
        raise _refused("time", f"the event lies {ahead:,.0f} s in the future, by this server's clock; {AHEAD:.0f} s is what clocks may differ")
    if time < 0:
        raise _refused("time", f"the event lies before 1970: {event.time}; times are those of what users did")
    if kind is EventKind.RATING and event.value is None:
        raise _refused("value", "a rating has a value: how well the user likes the item, as 4.5 of 5")
    least = LEAST_VALUE if kind is EventKind.RATING else 0.0
    if event.value is not None and not least <= event.value <= MOST_VALUE:
        raise _refused("value", f"the value of a {kind.value} is from {least:g} to {MOST_VALUE:g}, not {event.value:g}")


def _recorded(given: Given, became: Became) -> Recorded:
    if became is Became.OTHER:
        told = f"another event was recorded under the id {given.id!r:.80}; give each event an id of its own"
        return Recorded(error=_refused("id", told))
    return Recorded(known=became is Became.KNOWN)


def _place(after: str) -> Place | None:
    if not after:
        return None
    time, second, third, fourth = map(int, after.split())
    return time, second, third, fourth


def _refused(field: str, message: str) -> BadRequest:
    return BadRequest(message, violations=(Violation(field, message),))
