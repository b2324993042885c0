"""`python -m benchmarks.search`: searches and ingest through servers, samekind's and Chroma's, with the same vectors, in turns."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import chroma, writing
from benchmarks.contenders import BUCKETS, Contender, K, Samekind
from benchmarks.indexing import vectors
from benchmarks.machine import machine, versions
from samekind.types import Floats

QUERIES = 1000
CALLERS = 16
TURNS = 5
BATCH = 32
APART = 1_000_000  # Between the numbers of items written in one turn and the next.
BEFORE, MEANWHILE = "1 caller, just before it takes in items", "1 caller, while it takes in items"
CHECKED = 200  # Queries whose answers are compared with all vectors.


@dataclass
class Lap:
    """The seconds of each call, and how long all took together."""

    seconds: list[float] = field(default_factory=list)
    took: float = 0.0

    def as_json(self, queries: int) -> dict[str, float]:
        """Queries a second, and milliseconds of a call."""
        p50, p99 = np.quantile(self.seconds, (0.5, 0.99))
        return {"per_second": len(self.seconds) * queries / self.took, "p50_ms": 1000 * float(p50), "p99_ms": 1000 * float(p99)}


Ask = Callable[[Contender, int], object]
ROWS: dict[str, tuple[Ask, int, int]] = {  # What is asked, by how many callers, and queries in one call.
    "1 caller": (lambda one, number: one.ask(number), 1, 1),
    f"{CALLERS} callers": (lambda one, number: one.ask(number), CALLERS, 1),
    f"{BATCH} queries in a call": (lambda one, number: one.ask_many([(number + each) % QUERIES for each in range(BATCH)]), 1, BATCH),
    "a tenth allowed": (lambda one, number: one.ask(number, below=BUCKETS // 10), 1, 1),
    "a hundredth allowed": (lambda one, number: one.ask(number, below=BUCKETS // 100), 1, 1),
}


def main(arguments: Sequence[str]) -> int:
    """Exit code: 0 measured."""
    options = _options(arguments)
    found: dict[str, Any] = {"machine": machine(), "versions": versions() | {"chromadb": chroma.version()}, "sizes": {}}
    for size in options.items:
        found["sizes"][size] = measured(size, options.seconds)
        _show(size, found["sizes"][size])
    for about in (found["machine"], found["versions"]):
        Console().print(", ".join(f"{name} {value}" for name, value in about.items()), style="dim", highlight=False)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


def measured(size: int, seconds: float) -> dict[str, Any]:
    """Every row of every contender."""
    with ExitStack() as stack:
        stored, queries = vectors(size), vectors(QUERIES, seed=1)
        contenders, skipped = _contenders(stack, queries)
        found: dict[str, Any] = {"skipped": skipped, "filling": {name: _filled(one, stored) for name, one in contenders.items()}}
        found["recall"] = {name: recall(one, stored, queries) for name, one in contenders.items()}
        for one, number in product(contenders.values(), range(QUERIES)):
            one.ask(number)  # So that what answers need has been read from the disk: a million's is not in memory by chance.
        rows = {row: _in_turns(contenders, ask, callers, each, seconds) for row, (ask, callers, each) in ROWS.items()}
        return found | {"rows": rows | _beside(contenders, seconds, size)}


def recall(one: Contender, stored: Floats, queries: Floats) -> float:
    """The share of the nearest that it finds."""
    nearest = [np.argpartition(stored @ query, -K)[-K:].tolist() for query in queries[:CHECKED]]
    return float(np.mean([len(set(one.ask(number)) & set(map(str, truth))) / K for number, truth in enumerate(nearest)]))


def _contenders(stack: ExitStack, queries: Floats) -> tuple[dict[str, Contender], str]:
    ours: dict[str, Contender] = {"samekind": stack.enter_context(Samekind.started(queries))}
    try:
        return ours | {"chroma": stack.enter_context(chroma.started(queries))}, ""
    except chroma.Missing as missing:
        return ours, str(missing)


def _filled(one: Contender, stored: Floats) -> dict[str, float]:
    """Adds all, and waits until a search is no quicker than the one before."""
    began = time.perf_counter()
    one.add(0, stored)
    added = time.perf_counter() - began
    one.settle()
    return {"per_second": len(stored) / added, "settled_s": time.perf_counter() - began}


def _in_turns(contenders: dict[str, Contender], ask: Ask, callers: int, queries: int, seconds: float) -> dict[str, dict[str, float]]:
    """Each asked in its turn."""
    laps = {name: Lap() for name in contenders}
    for _, (name, one) in product(range(TURNS), contenders.items()):
        _lap(laps[name], partial(ask, one), callers, seconds / TURNS)
    return {name: lap.as_json(queries) for name, lap in laps.items()}


def _beside(contenders: dict[str, Contender], seconds: float, first: int) -> dict[str, dict[str, dict[str, float]]]:
    """One caller at rest and, right after it, beside items that are written, numbered from `first` on."""
    laps = {row: {name: Lap() for name in contenders} for row in (BEFORE, MEANWHILE)}
    for turn, (name, one) in product(range(TURNS), contenders.items()):
        _lap(laps[BEFORE][name], one.ask, 1, seconds / TURNS)
        with writing.written(one, first + turn * APART):
            _lap(laps[MEANWHILE][name], one.ask, 1, seconds / TURNS)
        one.settle()  # What it still has to do is not to be in the other's turn.
    return {row: {name: lap.as_json(1) for name, lap in by_name.items()} for row, by_name in laps.items()}


def _lap(lap: Lap, ask: Callable[[int], object], callers: int, seconds: float) -> None:
    began = time.perf_counter()

    def caller(first: int) -> list[float]:
        times, number = [], first
        while (now := time.perf_counter()) - began < seconds:
            ask(number % QUERIES)
            times.append(time.perf_counter() - now)
            number += callers
        return times

    with ThreadPoolExecutor(callers) as threads:
        lap.seconds += [each for times in threads.map(caller, range(callers)) for each in times]
    lap.took += time.perf_counter() - began


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.search", description="Measures searches through servers, beside Chroma's.")
    parser.add_argument("--items", type=int, nargs="+", default=[10_000, 100_000], help="how many vectors there are")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each contender is asked for each row")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number to FILE too")
    return parser.parse_args(arguments)


def _show(size: int, found: dict[str, Any]) -> None:
    table = Table("", "of", title=f"Search among {size:,} vectors", title_justify="left")
    for column in ("queries/s", "p50 ms", "p99 ms"):
        table.add_column(column, justify="right")
    for row, by_name in found["rows"].items():
        for name, numbers in by_name.items():
            table.add_row(row, name, *(f"{numbers[key]:,.2f}" for key in ("per_second", "p50_ms", "p99_ms")))
        table.add_section()
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    for name, rest in found["rows"][BEFORE].items():
        times = found["rows"][MEANWHILE][name]["p99_ms"] / rest["p99_ms"]
        console.print(f"{name}: the p99 of one caller while it takes in items is {times:.1f} times that at rest", highlight=False)
    for name, filling in found["filling"].items():
        told = f"{filling['per_second']:,.0f} vectors a second added, settled after {filling['settled_s']:.1f} s"
        console.print(f"{name}: {told}, recall@{K} {found['recall'][name]:.3f}", highlight=False)
    if found["skipped"]:
        console.print(found["skipped"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
