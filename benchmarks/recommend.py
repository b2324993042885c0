"""`python -m benchmarks.recommend`: recommendations through a server beside searches, in turns: at rest, while events come and while is learned."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
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
from benchmarks.machine import GIB, machine, versions
from benchmarks.servers import Server, resumed
from samekind import Event
from samekind.catalogs import CatalogHandle
from samekind.types import Item, Vector
from samekind_server.index.base import BUFFER

EACH = 20  # Events of a user, on average.
QUERIES = 1000
PAUSE = 0.5  # Seconds between two looks whether all is learned.
WRITTEN, MOMENT = 100, 0.1  # Events recorded at a time, and the seconds between.
NEVER = "1000000000"  # Seconds from one learning to the next, while all is written.
LOOKED = 50  # Rounds after which is looked whether it still goes on.
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
    _show(options, found["rows"], found["learning"])
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


def measured(crowd: Crowd, seconds: float) -> dict[str, Any]:
    """Milliseconds of each row, at rest, while is learned and while events come, and what learning from all events took."""
    with tempfile.TemporaryDirectory(prefix="samekind-bench-") as data:
        with resumed(Path(data), "--learn-every", NEVER) as server, samekind.connect(server.address, timeout=600.0) as sk:
            _fill(sk.catalog("bench", space=SPACE, dimensions=DIMENSIONS), crowd)
        with resumed(Path(data), "--learn-every", "0") as server, samekind.connect(server.address, timeout=600.0) as sk:
            catalog = sk.catalog("bench")
            learning = Learning(server.pid)
            while (model := catalog.recommendation_model()).learning or model.events < crowd.events:
                learning.look()
                time.sleep(PAUSE)
            rows = {"at rest": _laps(catalog, crowd, seconds)}
            with _recording(catalog, crowd):
                rows["while events come"] = _laps(catalog, crowd, seconds)
            while not catalog.recommendation_model().learning:  # Those that came may not have been enough to learn anew.
                catalog.record(crowd.did(max(WRITTEN, crowd.events // 20), seed=2))
            rows["while is learned"] = _laps(catalog, crowd, seconds, lambda: catalog.recommendation_model().learning)
    return {"rows": rows, "learning": {"seconds": model.learn_seconds, **learning.took()}}


def _fill(catalog: CatalogHandle, crowd: Crowd) -> None:
    catalog.upsert(Item(str(number), [Vector(row, SPACE)]) for number, row in zip(count(), vectors(crowd.items)))
    catalog.record(crowd.did(crowd.events))
    while any(index.building or index.buffered > (0 if index.graph else BUFFER) for index in catalog.stats().indexes):
        time.sleep(PAUSE)


class Learning:
    """Looks at the process of a server that learns."""

    def __init__(self, server: int) -> None:
        self._server, self._seen = server, dict[int, tuple[float, int]]()

    def look(self) -> None:
        """Takes down what it has used by now."""
        for children in Path(f"/proc/{self._server}/task").glob("*/children"):
            for child in map(int, children.read_text().split()):
                with suppress(OSError, StopIteration):  # It has ended.
                    status = Path(f"/proc/{child}/status").read_text().splitlines()
                    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
                    self._seen[child] = Server("", child, "").cpu_seconds(), peak << 10

    def took(self) -> dict[str, float]:
        """Seconds of processor time, and the most memory it had."""
        return {"cpu_seconds": max(cpu for cpu, _ in self._seen.values()), "peak_bytes": max(peak for _, peak in self._seen.values())}


def _asks(crowd: Crowd) -> dict[str, Ask]:
    queries = [Vector(row, SPACE) for row in vectors(QUERIES, seed=1)]
    return {
        "search by vector": lambda catalog, number: catalog.search(queries[number % QUERIES], limit=K, view=IDS),
        "recommend to a user": lambda catalog, number: catalog.recommend(user=f"user-{number * 7 % crowd.users}", limit=K, view=IDS),
        "recommend to who is new": lambda catalog, number: catalog.recommend(recent=[str(number % crowd.items)], limit=K, view=IDS),
        "recommend like a vector": lambda catalog, number: catalog.recommend(like=queries[number % QUERIES], limit=K, view=IDS),
    }


def _laps(catalog: CatalogHandle, crowd: Crowd, seconds: float, going: Callable[[], bool] = lambda: True) -> dict[str, dict[str, float]]:
    """One caller asks each in turns, after a round that does not count, for as long as that which it is measured beside is `going` on."""
    asks, began, number = _asks(crowd), time.perf_counter(), 0
    taken: dict[str, list[float]] = {name: [] for name in asks}
    while number < 3 or (time.perf_counter() - began < seconds * len(asks) and (number % LOOKED or going())):
        for name, ask in asks.items():
            start = time.perf_counter()
            ask(catalog, number)
            taken[name].append(1000 * (time.perf_counter() - start))
        number += 1
    return {name: dict(zip(("p50_ms", "p99_ms"), map(float, np.quantile(times[1:], (0.5, 0.99))), strict=True)) for name, times in taken.items()}


@contextmanager
def _recording(catalog: CatalogHandle, crowd: Crowd) -> Iterator[None]:
    """Events come, some each moment."""
    end = Flag()

    def record() -> None:
        for seed in count(3):
            if end.wait(MOMENT):
                return
            catalog.record(crowd.did(WRITTEN, seed))

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


def _show(options: argparse.Namespace, rows: dict[str, dict[str, dict[str, float]]], learning: dict[str, float]) -> None:
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
    told = f"{learning['seconds']:.1f} s, {learning['cpu_seconds']:.1f} s of them one processor's, and {learning['peak_bytes'] / GIB:.1f} GiB"
    console.print(f"learning from all events took {told}", highlight=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
