"""`python -m benchmarks.recall`: how many of the true nearest a real server finds, whatever a filter lets through, and how fast."""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import samekind
from benchmarks.machine import machine, versions
from benchmarks.servers import started
from samekind import CatalogHandle, F, Item, Vector
from samekind.filters import Filter
from samekind.types import Floats
from samekind_server.index.hnsw import GRAPH_FROM

COUNT, DIMENSIONS = 100_000, 256
SHARES = (0.0001, 0.001, 0.01, 0.1, 0.5, 1.0)
QUERIES = 100
K = 10
SPACE = "drawn"
POLES = 3  # What is asked for against the filter lies around so many places.


@dataclass(frozen=True)
class Vectors:
    """The items' vectors, queries, and how far an item is from where the queries against the filter are: 0 the farthest, 1 the nearest."""

    items: Floats
    queries: Floats
    against: Floats
    nearness: Floats


@dataclass(frozen=True)
class Cell:
    """What searches under one filter came to: of `matching` items; milliseconds as the caller sees them."""

    vectors: str
    filter: str
    share: float
    matching: int
    recall: float
    short: int
    exact: float
    p50: float
    p99: float


def main(arguments: Sequence[str]) -> int:
    """Exit code: 0 measured, 1 where less than 0.95 is found or answers are short of what matches."""
    options = _options(arguments)
    kinds = {"clustered": clustered, "even": even} | ({"like": partial(like, options.like)} if options.like else {})
    chosen = [(name, drawn(options.count)) for name, drawn in kinds.items() if not options.kinds or name in options.kinds]
    how = {"k": options.k, "search_dimensions": options.search_dimensions, "rotation": options.rotation}
    cells = [cell for name, vectors in chosen for cell in measured(name, vectors, **how)]
    _show(cells, options)
    if options.json:
        found = {"machine": machine(), "versions": versions(), "cells": [asdict(cell) for cell in cells]}
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    return 1 if any(cell.recall < 0.95 or cell.short for cell in cells) else 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.recall", description="Measures how many of the true nearest are found under filters.")
    parser.add_argument("--count", type=int, default=COUNT, help=f"items; {COUNT:,} by default")
    parser.add_argument("--k", type=int, default=K, help=f"how many of the nearest are asked for; {K} by default")
    parser.add_argument("--kinds", action="append", choices=("clustered", "even", "like"), help="only these vectors; all by default")
    parser.add_argument("--like", type=Path, metavar="FILE", help="draw more vectors between those of an .npz file, its array `vectors`")
    parser.add_argument("--search-dimensions", type=int, default=0, help="numbers that the graph goes by; 0, the default: all")
    parser.add_argument("--rotation", default="prefix", choices=("prefix", "pca"), help="which numbers these are")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number to FILE too")
    return parser.parse_args(arguments)


def clustered(count: int) -> Vectors:
    """Around a thousand centres, as embeddings of like things are."""
    chance = np.random.default_rng(0)
    centres = chance.normal(size=(1000, DIMENSIONS))
    drawn = centres[chance.integers(0, len(centres), count + QUERIES)] + 0.8 * chance.normal(size=(count + QUERIES, DIMENSIONS))
    return _with_poles(drawn, count)


def even(count: int) -> Vectors:
    """Without any clusters, along fewer and fewer directions: neighbours are hardly nearer than others."""
    return _with_poles(np.random.default_rng(0).normal(size=(count + QUERIES, DIMENSIONS)) * np.linspace(1, 0.2, DIMENSIONS), count)


def like(file: Path, count: int) -> Vectors:
    """Between three vectors of a file each."""
    with np.load(file) as told:
        given = told["vectors"].astype(np.float64)
    chance = np.random.default_rng(0)
    weights = chance.dirichlet((1, 1, 1), count + QUERIES)
    return _with_poles(np.einsum("nt,ntd->nd", weights, given[chance.integers(0, len(given), (count + QUERIES, 3))]), count)


def _with_poles(drawn: np.ndarray, count: int) -> Vectors:
    unit = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
    items, queries, chance = unit[:count], unit[count:], np.random.default_rng(1)
    poles = queries[:POLES]
    near = 0.8 * poles[chance.integers(0, POLES, QUERIES)] + 0.2 * queries
    order = np.argsort(np.argsort((items @ poles.T).max(axis=1)))
    return Vectors(items, queries, near / np.linalg.norm(near, axis=1, keepdims=True), ((order + 0.5) / count).astype(np.float32))


def measured(name: str, vectors: Vectors, *, k: int = K, search_dimensions: int = 0, rotation: str = "prefix") -> Iterator[Cell]:
    """A real server takes the vectors in, and is asked under each filter once its graph has them all."""
    with started() as address, samekind.connect(address) as sk:
        given = {"space": SPACE, "dimensions": vectors.items.shape[1], "search_dimensions": search_dimensions}
        shop = sk.catalog("drawn", comparison=samekind.Best(), rotation=rotation, **given)
        chance = np.random.default_rng(2).random(len(vectors.items))
        began = time.perf_counter()
        shop.upsert(_items(vectors, chance))
        written = time.perf_counter() - began
        _settled(shop)
        print(f"{name}: {written:.0f} s to write, {time.perf_counter() - began:.0f} s until the graph held all", file=sys.stderr, flush=True)
        for share, against in product(SHARES, (False, True)):
            if not (against and share == 1):
                yield _cell(shop, name, vectors, chance, k, share, against=against)


def _items(vectors: Vectors, chance: np.ndarray) -> Iterator[Item]:
    for number, (values, random, nearness) in enumerate(zip(vectors.items, chance, vectors.nearness, strict=True)):
        yield Item(str(number), [Vector(values, SPACE)], {"random": float(random), "nearness": float(nearness)})


def _settled(shop: CatalogHandle) -> None:
    """Waits until no graph is being made and nothing is left to be put in one."""
    while any(each.building or (each.buffered and each.live >= GRAPH_FROM) for each in shop.stats().indexes):
        time.sleep(0.5)


def _cell(shop: CatalogHandle, name: str, vectors: Vectors, chance: np.ndarray, k: int, share: float, *, against: bool) -> Cell:
    condition: Filter | None = (F.nearness < share if against else F.random < share) if share < 1 else None
    matching = np.flatnonzero((vectors.nearness.astype(np.float64) if against else chance) < share)
    queries = vectors.against if against else vectors.queries
    found, took, exact = [], [], 0
    for query in queries:
        began = time.perf_counter()
        answer = shop.search(Vector(query, SPACE), where=condition, limit=k)
        took.append(1000 * (time.perf_counter() - began))
        found.append([int(hit.item.id) for hit in answer])
        exact += bool(answer.report and answer.report.exact)
    p50, p99 = np.percentile(took, [50, 99])
    recall, short = _compared(vectors.items, queries, matching, found, k)
    told = "none" if condition is None else "against the query" if against else "independent"
    return Cell(name, told, share, len(matching), recall, short, exact / len(queries), float(p50), float(p99))


def _compared(items: Floats, queries: Floats, matching: np.ndarray, found: list[list[int]], k: int) -> tuple[float, int]:
    """The share of the true nearest that was found, and how many answers have fewer than match."""
    most, hits, among = min(k, len(matching)), 0, items[matching]
    for query, ids in zip(queries, found, strict=True):
        hits += len(set(ids) & set(matching[np.argsort(-(among @ query))[:most]].tolist()))
    return hits / (most * len(queries)) if most else 1.0, sum(len(ids) != most for ids in found)


def _show(cells: Sequence[Cell], options: argparse.Namespace) -> None:
    console = Console(width=None if sys.stdout.isatty() else 140)
    table = Table("vectors", "filter", title=f"The nearest {options.k:,} of {options.count:,}, through a server", title_justify="left")
    for column in ("matching", f"recall@{options.k}", "short", "exact", "p50 ms", "p99 ms"):
        table.add_column(column, justify="right")
    for cell in cells:
        matching = f"{cell.matching:,} ({cell.share:.2%})"
        table.add_row(
            cell.vectors, cell.filter, matching, f"{cell.recall:.4f}", str(cell.short), f"{cell.exact:.0%}", f"{cell.p50:.2f}", f"{cell.p99:.2f}"
        )
    console.print(table)
    for about in (machine(), versions()):
        console.print(", ".join(f"{name} {value}" for name, value in about.items()), style="dim", highlight=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
