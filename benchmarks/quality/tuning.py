"""`python -m benchmarks.quality.tuning`: the cut on what training sees and on the kinds kept from it; its constants are chosen by this alone."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import samekind
from benchmarks.quality import search, tasks
from benchmarks.quality.__main__ import DATA, LIMIT
from benchmarks.quality.search import Labelled
from benchmarks.servers import started
from samekind import shop
from training import data as packs

SEED = 101
PRODUCTS = 391  # As many as the shop's other half has.


def main(arguments: Sequence[str]) -> int:
    """Exit code: 0 measured, 2 wrong usage."""
    parser = argparse.ArgumentParser("python -m benchmarks.quality.tuning", description="Measures the cut on what its constants are chosen by.")
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR", help=f"folder of the photographs (default: {DATA})")
    parser.add_argument("--limit", type=int, default=LIMIT, metavar="N", help=f"most pictures of a set (default: {LIMIT})")
    options = parser.parse_args(arguments)
    with started("--model", "mini", "--offline") as address, samekind.connect(address) as sk:
        for score in search.cut(sk, trained_on(options.data, options.limit)):
            print(f"{score.value:.3f} of {score.n:>4}  {score.data}: {score.measure}", flush=True)
    return 0


def trained_on(data: Path, limit: int) -> Iterator[Labelled]:
    """The shop's training half and, where they are, photographs that training sees; of two packs also the kinds that it does not."""
    yield from search.of_products("drawn shop, training half", list(shop.draw(min(limit, PRODUCTS), seed=SEED, split="train")))
    if not (data / "tinyimagenet-train.jsonl.gz").exists():
        return
    for name in packs.TRAINING_PACKS:
        yield _photos(data, name, packs.for_training(data, name).rows, limit)
    apart = {"tinyimagenet-train": packs.unseen_tiny(data), "caltech101": packs.unseen_caltech(data)}
    for name, unseen in apart.items():
        rows = [row for row in packs.read(data, name).rows if row.get("wnid", row["names"][0]) in unseen]
        yield _photos(data, name, rows, limit, ", kinds that training does not see")


def _photos(data: Path, name: str, rows: Sequence[dict[str, Any]], limit: int, which: str = "") -> Labelled:
    some = tasks.sample(rows, limit)
    truths = [str(row["articleType"] if "articleType" in row else row["names"][0]) for row in some]
    return Labelled(f"{name}{which}", tasks.files(data / f"{name}.bin", some), truths, truths)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
