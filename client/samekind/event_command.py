"""`samekind record` and `samekind forget`: what users did with the items of a catalog."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from samekind import event_calls, event_files, item_files, show
from samekind.command import Asking, asking, check_there, kept, say, stop, tell_failures, why
from samekind.errors import SamekindError
from samekind.recommendations import Event, Recording

Name = Annotated[str, typer.Argument(help="The catalog's name.", show_default=False)]


class Placed(Iterator[Event]):
    """The events of tables, and how many there are, 0 where nobody knows. Where each stands waits in `places`, in the order of the answers."""

    def __init__(self, tables: list[Path], count: int) -> None:
        self.places = deque[str]()
        self._events, self._count = chain.from_iterable(map(event_files.read, tables)), count

    def __next__(self) -> Event:
        place, event = next(self._events)
        self.places.append(place)
        return event

    def __length_hint__(self) -> int:
        return self._count


@asking
def record(
    asks: Asking,
    catalog: Name,
    tables: Annotated[
        list[Path],
        typer.Argument(
            help="Tables of events, .csv, .jsonl or .parquet, with columns user, item, kind, and perhaps value, time, id; - is JSON lines.",
            show_default=False,
        ),
    ],
) -> None:
    """Record what users did with a catalog's items. Begun again after a break, it records nothing twice."""
    check_there(tables)
    seen = sys.stderr.isatty() and not asks.as_json
    tally, failed = event_calls.Tally(), list[tuple[str, SamekindError]]()
    try:
        total = sum(1 for table in tables for _ in item_files.rows(table)) if seen and Path("-") not in tables else 0
        events = Placed(tables, total)
        with asks.client() as sk, kept(lambda: _so_far(catalog, tally.total)):
            for recorded in event_calls.record(catalog, events, progress=seen).asked.by(sk):
                tally.add(recorded)
                place = events.places.popleft()
                if recorded.error:
                    failed.append((place, recorded.error))
    except (OSError, ValueError) as error:
        stop(why(error), 2)
    _tell(catalog, tally.total, tables, failed, asks.as_json)


@asking
def forget(
    asks: Asking,
    catalog: Name,
    user: Annotated[str, typer.Argument(help="The user's id, as the events have it.", show_default=False)],
) -> None:
    """Delete all that is known of a user. Copies of the store that were made before keep it."""
    with asks.client() as sk:
        count = event_calls.forget(catalog, user).by(sk)
    told = {"catalog": catalog, "user": user, "events": count}
    said = f"{user} is forgotten, with {count:,} events" if count else f"nothing was known of {user}"
    say(show.told_json(told) if asks.as_json else f"{catalog}: {said}\n")


def _so_far(catalog: str, done: Recording) -> str:
    told = f"{catalog}: {done.count:,} recorded so far; the same command again records what has a time or an id only once"
    return told if done.count else ""


def _tell(catalog: str, done: Recording, tables: Sequence[Path], failed: Sequence[tuple[str, SamekindError]], as_json: bool) -> None:
    if as_json:
        failures = [{"place": place, "row": row, **show.error_json(error)} for place, (row, error) in zip(done.failures, failed, strict=True)]
        say(show.told_json({"catalog": catalog, "recorded": done.count, "known": done.known, "failed": len(failures), "failures": failures}))
    elif not (done.count or failed):
        say(f"{catalog}: nothing to record; there are no rows in {', '.join(map(str, tables))}\n")
    else:
        say(f"{catalog}: {done.count:,} events recorded, {done.known:,} of them known before; {len(failed):,} failed\n")
    tell_failures(failed, as_json=as_json)
