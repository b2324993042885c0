"""`samekind classify --output`: a run over any number of inputs, told to people and programs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import typer

import samekind
from samekind import bulk, show
from samekind.bulk import Tally
from samekind.command import say, stop
from samekind.errors import SamekindError
from samekind.inputs import Given
from samekind.outputs import Unfit


def run(
    sk: samekind.Client,
    path: Path,
    inputs: Callable[[], Iterator[tuple[str, Given]]],
    *,
    sets: Sequence[str],
    resume: bool,
    strict: bool,
    as_json: bool,
    asked: dict[str, Any],
) -> None:
    """Classifies into the file and tells of it on standard error, or `as_json`; `strict` exits with 1 where an input failed."""
    seen, started = sys.stderr.isatty(), time.perf_counter()
    try:
        with closing(bulk.opened(path, sets, resume=resume)) as output:
            total = sum(1 for _ in inputs()) if seen else 0
            with _told_where(path):
                tally = bulk.classify(sk, inputs(), output, total=total, progress=seen, **asked)
    except Unfit as error:
        stop(str(error), 2)
    except OSError as error:
        stop(f"cannot write {path}: {error.strerror}; its rows so far are good, go on with --resume", 2)
    _tell(path, tally, time.perf_counter() - started)
    if as_json:
        say(show.told_json(_told(path, tally)))
    if strict and (tally.failed or tally.failed_before):
        raise typer.Exit(1)


def failures(first: Sequence[tuple[str, SamekindError]], count: int) -> None:
    """Tells people which inputs failed, and why: the first ones by name, and how many there are."""
    for name, error in first:
        _print(f"{name}: {error.reason}: {error.message}")
    if more := count - len(first):
        _print(f"… and {more:,} more, each told in its row")


@contextmanager
def _told_where(path: Path) -> Iterator[None]:
    """Tells who is stopped where the rows are."""
    try:
        yield
    except (KeyboardInterrupt, SamekindError):
        _print(f"what was answered so far is kept for {path}; go on with --resume")
        raise


def _told(path: Path, tally: Tally) -> dict[str, Any]:
    failed = tally.failed + tally.failed_before
    return {"output": str(path), "rows": tally.before + tally.rows, "new": tally.rows, "failed": failed, "unanswered": tally.unanswered}


def _tell(path: Path, tally: Tally, seconds: float) -> None:
    """The failures, and what was done."""
    for label in tally.cut_labels:
        _print(f"longer than the model reads, so its end was cut: label {label:.60}")
    failures(tally.first, tally.failed)
    before = f" beside {tally.before:,} from before" if tally.before else ""
    failed = f", {tally.failed:,} of them failed" if tally.failed else ""
    _print(f"{tally.rows:,} rows{before} in {path}{failed}; {tally.rows / seconds:,.0f} a second")
    if tally.unanswered:
        _print(f"{tally.unanswered:,} inputs have no answer yet and no row; ask again with --resume")


def _print(line: str) -> None:
    print(f"samekind: {line}", file=sys.stderr)
