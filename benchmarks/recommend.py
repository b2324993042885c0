"""`python -m benchmarks.recommend`: recommendations through a server beside searches by vector, in turns, at rest and while is learned."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import samekind
from benchmarks.contenders import IDS, SPACE, K
from benchmarks.indexing import DIMENSIONS, vectors
from benchmarks.machine import machine, versions
from benchmarks.servers import started
from samekind import Event
from samekind.catalogs import CatalogHandle
from samekind.types import Item, Vector
from samekind_server.index.base import BUFFER

EACH = 20  # Events of a user, on average.
QUERIES = 1000
PAUSE = 0.5  # Seconds between two looks whether all is learned.
WRITTEN = 500  # Events recorded at a time while is learned.
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = ("view", "view", "view", "like", "cart", "purchase", "dislike")

Ask = Callable[[CatalogHandle, int], object]


@dataclass(frozen=True)
class Crowd:
    """So many items, and users who did so many things with them; the first items are known best."""

    items: int
    events: int

    @property
    def users(self) -> int:
        """How many."""
        return max(1, self.events // EACH)

    def did(self, number: int, seed: int = 0) -> Iterator[Event]:
        """So many events."""
        chance = np.random.default_rng(seed)
        users, kinds = chance.integers(0, self.users, number).tolist(), chance.integers(0, len(KINDS), number).tolist()
        items = (self.items * chance.random(number) ** 2).astype(int).tolist()
        for place, (user, item, kind) in enumerate(zip(users, items, kinds, strict=True)):
            yield Event(f"user-{user}", str(item), KINDS[kind], time=BEGAN + timedelta(seconds=place, microseconds=seed))


def main(arguments: Sequence[str]) -> int:
    """Exit code: 0 measured."""
    options = _options(arguments)
    found: dict[str, Any] = {"machine": machine(), "versions": versions()}
    found |= measured(Crowd(options.items, options.events), options.seconds)
    _show(options, found["rows"], found["learn_seconds"])
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


def measured(crowd: Crowd, seconds: float) -> dict[str, Any]:
    """Milliseconds of each row, at rest and while is learned, and the seconds that learning took."""
    with started("--learn-every", "0") as address, samekind.connect(address, timeout=600.0) as sk:
        catalog = sk.catalog("bench", space=SPACE, dimensions=DIMENSIONS)
        catalog.upsert(Item(str(number), [Vector(row, SPACE)]) for number, row in zip(count(), vectors(crowd.items)))
        catalog.record(crowd.did(crowd.events))
        while _settling(catalog, crowd):
            time.sleep(PAUSE)
        rows = {"at rest": _laps(catalog, crowd, seconds)}
        learned = catalog.recommendation_model().learn_seconds
        with _recording(catalog, crowd):
            rows["while is learned"] = _laps(catalog, crowd, seconds)
    return {"rows": rows, "learn_seconds": learned}


def _asks(crowd: Crowd) -> dict[str, Ask]:
    queries = [Vector(row, SPACE) for row in vectors(QUERIES, seed=1)]
    return {
        "search by vector": lambda catalog, number: catalog.search(queries[number % QUERIES], limit=K, view=IDS),
        "recommend to a user": lambda catalog, number: catalog.recommend(user=f"user-{number * 7 % crowd.users}", limit=K, view=IDS),
        "recommend to who is new": lambda catalog, number: catalog.recommend(recent=[str(number % crowd.items)], limit=K, view=IDS),
        "recommend like a vector": lambda catalog, number: catalog.recommend(like=queries[number % QUERIES], limit=K, view=IDS),
    }


def _laps(catalog: CatalogHandle, crowd: Crowd, seconds: float) -> dict[str, dict[str, float]]:
    """One caller asks each in turns, after a round that does not count."""
    asks, began, number = _asks(crowd), time.perf_counter(), 0
    taken: dict[str, list[float]] = {name: [] for name in asks}
    while number < 3 or time.perf_counter() - began < seconds * len(asks):
        for name, ask in asks.items():
            start = time.perf_counter()
            ask(catalog, number)
            taken[name].append(1000 * (time.perf_counter() - start))
        number += 1
    return {name: dict(zip(("p50_ms", "p99_ms"), map(float, np.quantile(times[1:], (0.5, 0.99))), strict=True)) for name, times in taken.items()}


def _settling(catalog: CatalogHandle, crowd: Crowd) -> bool:
    """Whether graphs are still being made, or is still learned."""
    building = any(index.building or index.buffered > (0 if index.graph else BUFFER) for index in catalog.stats().indexes)
    model = catalog.recommendation_model()
    return building or model.learning or model.events < 0.9 * crowd.events


@contextmanager
def _recording(catalog: CatalogHandle, crowd: Crowd) -> Iterator[None]:
    """Events come, one batch after another, and are learned from again and again."""
    end = Flag()

    def record() -> None:
        for seed in count(1):
            if end.is_set():
                return
            catalog.record(crowd.did(max(WRITTEN, crowd.events // 20), seed))

    thread = Thread(target=record)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.recommend", description="Measures recommendations through a server, beside searches.")
    parser.add_argument("--items", type=int, default=10_000, help="how many vectors there are")
    parser.add_argument("--events", type=int, default=100_000, help="how many events there are")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each row is asked")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number to FILE too")
    return parser.parse_args(arguments)


def _show(options: argparse.Namespace, rows: dict[str, dict[str, dict[str, float]]], learned: float) -> None:
    table = Table("", "when", title=f"Recommendations of {options.items:,} items after {options.events:,} events", title_justify="left")
    for column in ("p50 ms", "p99 ms", "times a search"):
        table.add_column(column, justify="right")
    for when, laps in rows.items():
        against = laps["search by vector"]["p50_ms"]
        for name, lap in laps.items():
            table.add_row(name, when, f"{lap['p50_ms']:.2f}", f"{lap['p99_ms']:.2f}", f"{lap['p50_ms'] / against:.1f}")
        table.add_section()
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    console.print(f"learned in {learned:.1f} s", highlight=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
