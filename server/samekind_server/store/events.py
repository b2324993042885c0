"""Events in the store: what users did with items, by user and by item; both go by numbers, as their names are long and many events have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from samekind_server.store.base import Row, Transaction

AT_ONCE = 500  # Names looked up by one statement.
# What comes next in the order of either page: after the time, what the index goes on with.
BY_USER, BY_ITEM = "events.time, events.item, events.kind, events.copy", "events.time, events.user, events.kind, events.copy"
Place = tuple[int, int, int, int]


@dataclass(frozen=True)
class Given:
    """An event to be recorded; its time, microseconds since 1970, is the recorder's own where it is not `timed`."""

    user: str
    item: str
    kind: int
    time: int
    value: float | None = None
    id: str = ""
    attribution: str = ""
    timed: bool = True


@dataclass(frozen=True)
class Stored:
    """An event that is recorded, and its place in the order it was listed in."""

    user: str
    item: str
    kind: int
    time: int
    value: float | None
    id: str
    attribution: str
    place: Place


class Became(Enum):
    """What became of an event: it is new, was there before, or there is another under its id."""

    NEW = "new"
    KNOWN = "known"
    OTHER = "other"


@dataclass(frozen=True)
class Totals:
    """How many events of a catalog there are, were ever recorded, and how often a user was forgotten."""

    events: int
    recorded: int
    forgotten: int


def record(to: Transaction, catalog: int, given: Sequence[Given]) -> list[Became]:
    """Records each event that is not there yet."""
    users = _numbers(to, "event_users", catalog, {each.user for each in given})
    items = _numbers(to, "event_items", catalog, {each.item for each in given})
    became = [_record(to, catalog, users[each.user], items[each.item], each) for each in given]
    _count(to, catalog, events=became.count(Became.NEW), recorded=became.count(Became.NEW))
    return became


def page(of: Transaction, catalog: int, user: str, item: str, before: Place | None, most: int) -> list[Stored]:
    """Events of a user, of an item or of both, latest first, from the first past the place `before`."""
    order = BY_USER if user else BY_ITEM
    named = [(name, value) for name, value in (("users.name", user), ("items.name", item)) if value]
    where = "".join(f" AND {name} = ?" for name, _ in named) + (f" AND ({order}) < (?, ?, ?, ?)" if before else "")
    sql = f"""SELECT users.name, items.name, kind, time, value, events.id, attribution, {order}
        FROM events JOIN event_users AS users ON users.id = user JOIN event_items AS items ON items.id = item
        WHERE users.catalog = ? AND items.catalog = ?{where} ORDER BY {order.replace(",", " DESC,")} DESC LIMIT ?"""
    found = of.rows(sql, catalog, catalog, *(value for _, value in named), *(before or ()), most)
    return [_stored(*row) for row in found]


def users(of: Transaction, catalog: int, after: str, most: int) -> list[tuple[int, str]]:
    """The numbers and names of users in the order of their names, from the first past `after`."""
    sql = "SELECT id, name FROM event_users WHERE catalog = ? AND name > ? ORDER BY name LIMIT ?"
    return [(int(id), str(name)) for id, name in of.rows(sql, catalog, after, most)]


def of_users(of: Transaction, numbers: Iterable[int]) -> Iterator[Row]:
    """User, item, kind, value and time of all that these users did, each user's by time."""
    for number in numbers:
        yield from of.rows("SELECT user, item, kind, value, time FROM events WHERE user = ? ORDER BY time", number)


def items(of: Transaction, catalog: int, after: str, most: int) -> list[tuple[int, str, int | None]]:
    """The numbers and names of items with events, and the rows of those that are there, in the order of names, from the first past `after`."""
    sql = """SELECT event_items.id, name, row FROM event_items LEFT JOIN items ON items.catalog = event_items.catalog AND items.id = name
        WHERE event_items.catalog = ? AND name > ? ORDER BY name LIMIT ?"""
    return [(int(number), str(name), row) for number, name, row in of.rows(sql, catalog, after, most)]


def totals(of: Transaction, catalog: int) -> Totals:
    """How many there are."""
    found = of.rows("SELECT events, recorded, forgotten FROM event_totals WHERE catalog = ?", catalog)
    return Totals(*found[0]) if found else Totals(0, 0, 0)


def count_users(of: Transaction, catalog: int) -> int:
    """How many users have events."""
    [[count]] = of.rows("SELECT count(*) FROM event_users WHERE catalog = ?", catalog)
    return int(count)


def forget(to: Transaction, catalog: int, user: str) -> int:
    """Deletes a user with all events, and the names of items that nobody else has events with; how many events there were."""
    found = to.rows("SELECT id FROM event_users WHERE catalog = ? AND name = ?", catalog, user)
    if not found:
        return 0
    [[number]] = found
    gone = to.rows("DELETE FROM events WHERE user = ? RETURNING item", number)
    for item in {item for (item,) in gone}:
        to.rows("DELETE FROM event_items WHERE id = ? AND NOT EXISTS (SELECT 1 FROM events WHERE item = event_items.id)", item)
    to.rows("DELETE FROM event_users WHERE id = ?", number)
    _count(to, catalog, events=-len(gone), forgotten=1)
    return len(gone)


def free(to: Transaction, catalog: int, most: int) -> bool:
    """Deletes so many events, users and items of a catalog that is gone; whether all are."""
    for number, _ in users(to, catalog, "", most):
        few = "SELECT time, item, kind, copy FROM events WHERE user = ? LIMIT ?"
        gone = to.rows(f"DELETE FROM events WHERE user = ? AND (time, item, kind, copy) IN ({few}) RETURNING 1", number, number, most)
        if (most := most - len(gone)) <= 0:
            return False
        to.rows("DELETE FROM event_users WHERE id = ?", number)
        most -= 1
    few = "SELECT id FROM event_items WHERE catalog = ? LIMIT ?"
    return most > 0 and len(to.rows(f"DELETE FROM event_items WHERE id IN ({few}) RETURNING 1", catalog, most)) < most


def _record(to: Transaction, catalog: int, user: int, item: int, given: Given) -> Became:
    if given.id and (before := _of_id(to, catalog, given)):
        told = (user, item, given.kind, given.value, given.attribution or None, *([given.time] if given.timed else ()))
        return Became.KNOWN if before == told else Became.OTHER
    if _inserted(to, user, given.time, item, given.kind, 0, catalog, given):
        return Became.NEW
    if not given.id:
        return Became.KNOWN
    last = "SELECT max(copy) FROM events WHERE (user, time, item, kind) = (?, ?, ?, ?)"
    [[copy]] = to.rows(last, user, given.time, item, given.kind)
    _inserted(to, user, given.time, item, given.kind, copy + 1, catalog, given)
    return Became.NEW


def _inserted(to: Transaction, user: int, time: int, item: int, kind: int, copy: int, catalog: int, given: Given) -> bool:
    """Whether it was not there. RETURNING would tell, too, and takes twice the time."""
    sql = """INSERT INTO events (user, time, item, kind, copy, catalog, value, id, attribution) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (user, time, item, kind, copy) DO NOTHING"""
    to.rows(sql, user, time, item, kind, copy, catalog, given.value, given.id or None, given.attribution or None)
    return to.rows("SELECT changes()") == [(1,)]


def _stored(user: str, item: str, kind: int, time: int, value: float | None, id: str | None, attribution: str | None, *place: int) -> Stored:
    first, second, third, fourth = place
    return Stored(user, item, kind, time, value, id or "", attribution or "", (first, second, third, fourth))


def _of_id(of: Transaction, catalog: int, given: Given) -> Row | None:
    """What is recorded under an event's id, its time only where the event told one."""
    time = ", time" if given.timed else ""
    found = of.rows(f"SELECT user, item, kind, value, attribution{time} FROM events WHERE catalog = ? AND id = ?", catalog, given.id)
    return found[0] if found else None


def _numbers(to: Transaction, table: str, catalog: int, names: set[str]) -> dict[str, int]:
    """The numbers of names, new ones for those that have none."""
    asked, known = sorted(names), dict[str, int]()
    for start in range(0, len(asked), AT_ONCE):
        some = asked[start : start + AT_ONCE]
        sql = f"SELECT name, id FROM {table} WHERE catalog = ? AND name IN ({', '.join('?' * len(some))})"
        known.update((str(name), int(id)) for name, id in to.rows(sql, catalog, *some))
    fresh = [name for name in asked if name not in known]
    for start in range(0, len(fresh), AT_ONCE):
        some = fresh[start : start + AT_ONCE]
        cells = [cell for name in some for cell in (catalog, name)]
        sql = f"INSERT INTO {table} (catalog, name) VALUES {', '.join(['(?, ?)'] * len(some))} RETURNING name, id"
        known.update((str(name), int(id)) for name, id in to.rows(sql, *cells))
    return known


def _count(to: Transaction, catalog: int, *, events: int, recorded: int = 0, forgotten: int = 0) -> None:
    sql = """INSERT INTO event_totals (catalog, events, recorded, forgotten) VALUES (?, ?, ?, ?) ON CONFLICT (catalog) DO UPDATE SET
        events = events + excluded.events, recorded = recorded + excluded.recorded, forgotten = forgotten + excluded.forgotten"""
    to.rows(sql, catalog, events, recorded, forgotten)
