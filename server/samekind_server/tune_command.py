"""`samekind tune [CATALOG …]`: measures this machine for its server, or shows what graphs by fewer numbers would do for a catalog."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from samekind.errors import SamekindError, SettingError
from samekind_server import settings, tuned
from samekind_server.catalog import definitions, vectors
from samekind_server.catalog.catalogs import found
from samekind_server.catalog.memory import shape_of
from samekind_server.catalog.sampling import sampled
from samekind_server.data_dir import held
from samekind_server.index import calibration, sizes
from samekind_server.index.base import Shape
from samekind_server.index.costs import Costs
from samekind_server.index.sizes import Size
from samekind_server.store import copies, items
from samekind_server.store.base import Transaction
from samekind_server.store.catalogs import Head

FEWEST = 1000  # Vectors of which there is something to tell.
SHOWN = Shape(256)


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Exit code: 0 done, 1 no such catalog, 2 wrong usage or a folder that cannot be read or written."""
    try:
        given = parser().parse_args(arguments)
        own = [f"--{name}={value}" for name in ("data", "config") if (value := getattr(given, name)) is not None]
        folder = settings.read(own, environment).folder(environment)
        _tune_catalogs(given, folder) if given.catalogs else _tune_machine(given, folder)
    except SamekindError as error:
        print(f"samekind tune: {error.message}", file=sys.stderr)
        return 2 if isinstance(error, SettingError) else 1
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingError(f"{message}; `samekind tune --help` tells more")


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    top = _Parser(
        "samekind tune",
        allow_abbrev=False,
        description="Measures what comparing vectors and asking a graph cost on this machine, for its server to go by from its next start on. "
        "With catalogs, shows for each how much of the nearest 10 graphs by fewer numbers find, how fast, and in how much memory.",
    )
    top.add_argument("catalogs", nargs="*", metavar="CATALOG", help="a catalog to look at, while its server runs or not; nothing is changed")
    top.add_argument("--tenant", default="", help="whose catalogs; without one, those of the server without keys")
    top.add_argument("--sample", type=int, default=20_000, help="most vectors that are looked at; 20,000 by default")
    top.add_argument("--data", metavar="DIR", help="folder of the server, as for `samekind serve`")
    top.add_argument("--config", metavar="FILE", help="TOML file of the server's settings, as for `samekind serve`")
    top.add_argument("--json", action="store_true", help="print JSON for programs instead of a table")
    return top


def _tune_machine(given: argparse.Namespace, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    costs = calibration.measured()
    file = tuned.keep(folder, costs)
    if given.json:
        print(json.dumps({"machine": tuned.machine(), "costs": asdict(costs)}))
        return
    for line in _told(costs):
        print(line)
    print(f"{file} has this of {tuned.machine()}; a server of this folder goes by it from its next start on.", file=sys.stderr)


def _told(costs: Costs) -> Iterator[str]:
    yield "microseconds for one query, vectors of 256 numbers"
    yield f"  10,000 vectors compared                     {costs.exact(10_000, 256, picked=False):8,.0f}"
    yield f"  10,000 vectors that a filter picks compared {costs.exact(10_000, 256, picked=True):8,.0f}"
    yield f"  a graph asked for 100                       {costs.graph(100, SHOWN):8,.0f}"
    yield f"  a graph asked for 1,000                     {costs.graph(1000, SHOWN):8,.0f}"


def _tune_catalogs(given: argparse.Namespace, folder: Path) -> None:
    if given.sample < FEWEST:
        raise SettingError(f"--sample {given.sample} says nothing; look at {FEWEST:,} or more")
    with held(folder) as alone, copies.read(folder, alone=alone) as of:
        for name in given.catalogs:
            _tune_catalog(of, found(of, given.tenant, name), given.sample, as_json=given.json)


def _tune_catalog(of: Transaction, head: Head, most: int, *, as_json: bool) -> None:
    catalog, count = definitions.catalog(head), items.count(of, head.id)
    if not count:
        print(f"{head.name}: it has no items yet", file=sys.stderr)
    for index in vectors.names(catalog.comparison):
        some = sampled(of, head, index, most)
        if not len(some):
            continue
        if len(some) < FEWEST:
            print(f"{head.name}, {index}: {len(some):,} vectors; below {FEWEST:,} each is compared, whatever the graph", file=sys.stderr)
            continue
        each = (size for shape in sizes.shapes(shape_of(catalog)) for size in sizes.measured(shape, some))
        if as_json:
            told = {"catalog": head.name, "index": index, "items": count, "sampled": len(some)}
            print(json.dumps(told | {"sizes": [asdict(size) | {"rotation": size.rotation.value} for size in each]}))
        else:
            print(f"{head.name}, {index}: {count:,} items of {catalog.dimensions} numbers; measured on {len(some):,}, memory is for all")
            _show(each, count, catalog.dimensions)


def _show(each: Iterator[Size], count: int, dimensions: int) -> None:
    print(f"{'search_dimensions':>17}  {'rotation':8}  {'effort':>6}  {'recall@10':>9}  {'µs a query':>10}  {'memory':>10}")
    for size in each:
        fewer = size.dimensions < dimensions
        numbers, rotation = (str(size.dimensions), size.rotation.value) if fewer else ("all", "")
        memory = f"{size.bytes_each * count / 1e6:,.1f} MB"
        print(f"{numbers:>17}  {rotation:8}  {size.effort:6}  {size.recall:9.3f}  {size.micros:10,.0f}  {memory:>10}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
