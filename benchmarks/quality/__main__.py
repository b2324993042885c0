"""`python -m benchmarks.quality`: measures what a server's answers are worth."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import samekind
from benchmarks.machine import machine, versions
from benchmarks.quality import cones, scores, search, tasks
from benchmarks.quality.scores import Score
from benchmarks.servers import started

DATA = Path("../shared/data")
LIMIT = 1000
COLUMNS = ("n", "classes", "templates", "measure", "value", "95 % interval", "chance", "commonest", "top-5", "ECE", "mean probability")


def main(arguments: Sequence[str]) -> int:
    """Exit code: 0 measured, 2 wrong usage."""
    options = _options(arguments)
    with ExitStack() as stack:
        address = options.server or stack.enter_context(started("--model", options.model, *(("--offline",) if options.offline else ())))
        sk = stack.enter_context(samekind.connect(address))
        model, measured = sk.model(), list(_measured(sk, options.data, options.limit))
    absent = [kept.name for kept in tasks.KEPT if not tasks.there(options.data, kept)]
    _show(model, measured, absent)
    if options.json:
        told = {"name": model.name, "space": model.space, "runtime": model.runtime, "precision": model.precision.value}
        found = {"machine": machine(), "versions": versions(), "model": told, "limit": options.limit, "absent": absent}
        options.json.write_text(json.dumps({**found, "scores": [score.as_json() for score in measured]}, indent=2) + "\n")
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.quality", description="Measures quality on pictures that nothing was trained or tuned on.")
    served = parser.add_mutually_exclusive_group()
    served.add_argument("--model", default="mini", metavar="NAME", help="model to serve and measure (default: mini)")
    served.add_argument("--server", metavar="ADDRESS", help="measure the first model of a server that runs already")
    parser.add_argument("--offline", action="store_true", help="never fetch the model")
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR", help=f"folder of the photographs (default: {DATA})")
    parser.add_argument("--limit", type=int, default=LIMIT, metavar="N", help=f"most pictures of a set, 0 for all (default: {LIMIT})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number to FILE too")
    return parser.parse_args(arguments)


def _measured(sk: samekind.Client, data: Path, limit: int) -> Iterator[Score]:
    _say("the drawn shop")
    drawn = tasks.products(limit)
    yield from scores.classification(sk, tasks.of_things(drawn))
    yield scores.title_to_picture(sk, drawn)
    yield from scores.colours_and_patterns(sk, drawn)
    for kept in tasks.KEPT:
        if tasks.there(data, kept):
            _say(kept.name)
            yield from scores.classification(sk, tasks.photos(data, kept, limit))
    _say("search")
    yield from search.gap(sk, data, limit)
    yield from cones.put_in(sk, data, limit)
    yield from search.cut(sk, search.kept_apart(data, limit))


def _say(name: str) -> None:
    print(f"measuring {name} …", file=sys.stderr, flush=True)


def _show(model: samekind.Model, measured: Sequence[Score], absent: Sequence[str]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 160)
    table = Table("data", title=f"Quality of {model.name}, {model.precision.value} on {model.runtime}", title_justify="left")
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in ("templates", "measure") else "right")
    for score in measured:
        table.add_row(*_cells(score))
    for name in absent:
        table.add_row(name, *("",) * 3, "not measured: its files are not in the data folder")
    console.print(table)


def _cells(score: Score) -> Iterator[str]:
    yield from (score.data, str(score.n), str(score.classes), score.templates, score.measure, _share(score.value))
    yield f"{_share(score.low)} - {_share(score.high)}" if score.low is not None else ""
    for value in (score.chance, score.commonest, score.top_5, score.calibration_error, score.mean_probability):
        yield _share(value)


def _share(value: Any) -> str:
    return "" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
