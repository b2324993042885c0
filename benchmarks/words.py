"""`python -m benchmarks.words`: what words cost an item in the store, and a search through a server, alone and beside a vector."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import samekind
from benchmarks.machine import machine, versions
from benchmarks.servers import started
from samekind import CatalogHandle, Item, Vector
from samekind_server.index.hnsw import GRAPH_FROM
from samekind_server.store import catalogs, words
from samekind_server.store.base import Transaction
from samekind_server.store.sqlite import SqliteStore

COUNT, DIMENSIONS, EACH, BATCH = 100_000, 64, 20, 500
SPACE = "drawn"
ATTRIBUTES = ["title", "sku"]
QUERIES = 40
# Words are drawn as in a language: the first is in nearly every title, the hundredth in one of a hundred.
ASKED = {"a code": ["AB-{n}/X"], "a rare word": ["w2000"], "two words": ["w100", "w200"], "a common one": ["w3"], "ten as they come": []}


def main(arguments: Sequence[str]) -> int:
    """Exit code: 0 measured."""
    parser = argparse.ArgumentParser("python -m benchmarks.words", description="Measures what words cost.")
    parser.add_argument("--count", type=int, default=COUNT, help=f"items; {COUNT:,} by default")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number to FILE too")
    options = parser.parse_args(arguments)
    chance = np.random.default_rng(0)
    titles = [" ".join(drawn(chance, EACH)) for _ in range(options.count)]
    kept, searched = stored(titles), {name: median for name, median in asked(titles, chance)}
    _show(kept, searched, options.count)
    if options.json:
        found = {"machine": machine(), "versions": versions(), "store": kept, "milliseconds": searched}
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


def drawn(chance: np.random.Generator, count: int) -> list[str]:
    """Words by a power law, whose rank is in them."""
    return [f"w{rank}" for rank in np.minimum(chance.pareto(0.7, count) + 1, 1e9).astype(np.int64)]


def stored(titles: Sequence[str]) -> dict[str, float]:
    """Bytes of the index and microseconds of processor time for each item's words, added and removed."""
    attributes = [_attributes(number, title) for number, title in enumerate(titles)]
    with tempfile.TemporaryDirectory(prefix="samekind-bench-") as folder:
        store = SqliteStore(Path(folder))
        store.write(lambda to: catalogs.add(to, "", "drawn", b"{}", now=0)).result()
        added = sum(store.write(_timed(words.add, attributes, first)).result() for first in range(0, len(titles), BATCH))
        [[size]] = store.read(lambda of: of.rows("SELECT sum(length(block)) FROM words_data")).result()
        removed = store.write(_timed(words.remove, attributes, 0)).result()
        store.close()
    told = sum(map(len, attributes)) / len(titles)
    return {"given": told, "bytes": size / len(titles), "add": 1e6 * added / len(titles), "remove": 1e6 * removed / min(BATCH, len(titles))}


def _attributes(number: int, title: str) -> bytes:
    return json.dumps({"title": title, "sku": f"AB-{number}/X"}).encode()


def _timed(work: Callable[[Transaction, int, int, None, bytes], None], attributes: Sequence[bytes], first: int) -> Callable[[Transaction], float]:
    def timed(to: Transaction) -> float:
        began = time.thread_time()
        for row, told in enumerate(attributes[first : first + BATCH], first + 1):
            work(to, 1, row, None, told)
        return time.thread_time() - began

    return timed


def asked(titles: Sequence[str], chance: np.random.Generator) -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Median milliseconds of a query's vector alone, its words alone, and both, as the caller sees them, in turns."""
    with started() as address, samekind.connect(address) as sk:
        shop = sk.catalog("drawn", space=SPACE, dimensions=DIMENSIONS)
        vectors = chance.normal(size=(len(titles), DIMENSIONS)).astype(np.float32)
        shop.upsert(
            Item(str(number), [Vector(vectors[number], SPACE)], {"title": title, "sku": f"AB-{number}/X"}) for number, title in enumerate(titles)
        )
        while any(each.building or (each.buffered and each.live >= GRAPH_FROM) for each in shop.stats().indexes):
            time.sleep(0.5)
        for name, given in ASKED.items():
            yield name, _medians(shop, given, len(titles), chance)


def _medians(shop: CatalogHandle, given: Sequence[str], count: int, chance: np.random.Generator) -> tuple[float, float, float]:
    took: list[list[float]] = []
    for _ in range(QUERIES):
        told = " ".join(given or drawn(chance, 10)).format(n=chance.integers(count))
        vector = Vector(chance.normal(size=DIMENSIONS).astype(np.float32), SPACE)
        ways = ((vector, ""), ((), told), (vector, told))
        took.append([_took(shop, what, words) for what, words in ways])
    vector_alone, words_alone, both = np.median(took, axis=0)
    return float(vector_alone), float(words_alone), float(both)


def _took(shop: CatalogHandle, what: Vector | tuple[()], given: str) -> float:
    began = time.perf_counter()
    shop.search(what, words=given, word_attributes=ATTRIBUTES if given else [])
    return 1000 * (time.perf_counter() - began)


def _show(kept: dict[str, float], searched: dict[str, tuple[float, float, float]], count: int) -> None:
    console = Console(width=None if sys.stdout.isatty() else 140)
    cost = f"{kept['bytes']:.0f} bytes of index, {kept['add']:.0f} µs to add, {kept['remove']:.0f} µs to remove"
    console.print(f"Of {kept['given']:.0f} bytes of attributes an item: {cost}")
    table = Table("words", title=f"Milliseconds (median) among {count:,} items, through a server", title_justify="left")
    for column in ("a vector alone", "words alone", "both"):
        table.add_column(column, justify="right")
    for name, medians in searched.items():
        table.add_row(name, *(f"{each:.2f}" for each in medians))
    console.print(table)
    for about in (machine(), versions()):
        console.print(", ".join(f"{name} {value}" for name, value in about.items()), style="dim", highlight=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
