"""`samekind record` and `samekind forget`: what users did with the items of a catalog."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from samekind import event_calls, event_files, show
from samekind.command import Asking, asking, check_there, say, stop, tell_failures
from samekind.recommendations import Event, Recording

Name = Annotated[str, typer.Argument(help="The catalog's name.", show_default=False)]


@asking
def record(
    asks: Asking,
    catalog: Name,
    tables: Annotated[
        list[Path],
        typer.Argument(help="Tables of events, .csv, .jsonl or .parquet: user, item, kind, value, time, id; - is JSON lines.", show_default=False),
    ],
) -> None:
    """Record what users did with a catalog's items. Begun again after a break, it records nothing twice."""
    check_there(tables)
    try:
        with asks.client() as sk:
            call = event_calls.record(catalog, _events(tables), progress=sys.stderr.isatty() and not asks.as_json)
            _tell(catalog, call.by(sk), asks.as_json)
    except (OSError, ValueError) as error:
        stop(str(error), 2)


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
    say(show.told_json(told) if asks.as_json else f"{catalog}: {user} is forgotten, with {count:,} events\n")


def _events(tables: list[Path]) -> Iterator[Event]:
    for table in tables:
        yield from event_files.read(table)


def _tell(catalog: str, done: Recording, as_json: bool) -> None:
    if as_json:
        failures = [{"place": place, **show.error_json(error)} for place, error in done.failures.items()]
        say(show.told_json({"catalog": catalog, "recorded": done.count, "known": done.known, "failed": len(failures), "failures": failures}))
    else:
        say(f"{catalog}: {done.count:,} events recorded, {done.known:,} of them known before; {len(done.failures):,} failed\n")
    tell_failures([(f"event {place + 1:,}", error) for place, error in done.failures.items()], as_json=as_json)
