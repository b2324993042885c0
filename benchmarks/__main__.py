"""`python -m benchmarks`: measures speed, as ratios of things timed in turns in one run."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine, versions
from benchmarks.rows import ROWS, Measured, measured


def main(arguments: Sequence[str]) -> int:
    """Exit code: 0 measured, 2 wrong usage."""
    options = _options(arguments)
    chosen = [row for row in ROWS if not options.rows or any(word in row.name for word in options.rows)]
    if not chosen:
        print(f"no row is like {', '.join(options.rows)}; there are {', '.join(row.name for row in ROWS)}", file=sys.stderr)
        return 2
    found: dict[str, Any] = {"machine": machine(), "versions": versions()}
    results = []
    for row in chosen:
        print(f"measuring {row.name} …", file=sys.stderr, flush=True)
        results.append(measured(row))
    _show(found, results)
    if options.json:
        options.json.write_text(json.dumps({**found, "rows": [result.as_json() for result in results]}, indent=2) + "\n")
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description="Measures speed; rows are timed in turns, so that their ratios hold.")
    parser.add_argument("--rows", action="append", metavar="WORD", help=f"only rows with WORD in their name: {', '.join(row.name for row in ROWS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number to FILE too")
    return parser.parse_args(arguments)


def _show(found: dict[str, Any], results: Sequence[Measured]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 140)
    table = Table("what", "how", title="Speed", title_justify="left")
    for column in ("median ms", "p90 ms", "items/s", "times faster", "80 % of rounds"):
        table.add_column(column, justify="right")
    for result in results:
        for cells in _cells(result):
            table.add_row(*cells)
        table.add_section()
    console.print(table)
    for about in found.values():
        console.print(", ".join(f"{name} {value}" for name, value in about.items()), style="dim", highlight=False)


def _cells(result: Measured) -> Iterator[tuple[str, ...]]:
    row, timings = result.row, result.timings
    if timings is None:
        yield row.what, f"not measured: {result.skipped}", *("",) * 5
        return
    for number, name in enumerate(timings.seconds):
        median, ratio = timings.median(name), timings.ratio(name)
        faster = (f"{ratio.of_medians:.2f}", f"{ratio.low:.2f} - {ratio.high:.2f}") if name != timings.against else ("1", "")
        yield "" if number else row.what, name, f"{1000 * median:.2f}", f"{1000 * timings.p90(name):.2f}", f"{row.items / median:,.1f}", *faster


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
