"""`python -m benchmarks.quality.tuning`: the cut on what training sees, and on kinds kept from it; its constants are chosen by this alone."""

import argparse
import random
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

import samekind
from benchmarks.quality import search, tasks
from benchmarks.quality.__main__ import DATA, LIMIT
from benchmarks.quality.scores import Score
from benchmarks.quality.search import ABSENT, ELSEWHERE, KEPT, Labelled
from benchmarks.servers import started
from samekind import Image, Item, Vector, query, shop
from training import data as packs

SEED = 101
PRODUCTS = 391  # As many as the shop's other half has.
MOST_OF_A_KIND, FEWEST = 30, 25  # Pictures of a drawn catalog, of a kind and in all.
ASKED, STRANGE = 40, 2  # Kinds of each set that a drawn catalog is asked for, where it has some of the set and where it has none.


def main(arguments: Sequence[str]) -> int:
    """Exit code: 0 measured, 2 wrong usage."""
    parser = argparse.ArgumentParser("python -m benchmarks.quality.tuning", description="Measures the cut on what its constants are chosen by.")
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR", help=f"folder of the photographs (default: {DATA})")
    parser.add_argument("--limit", type=int, default=LIMIT, metavar="N", help=f"most pictures of a set (default: {LIMIT})")
    parser.add_argument("--catalogs", type=int, default=300, metavar="N", help="how many catalogs are drawn (default: 300)")
    options = parser.parse_args(arguments)
    sets = list(trained_on(options.data, options.limit))
    with started("--model", "mini", "--offline") as address, samekind.connect(address) as sk:
        for score in chain(search.cut(sk, sets), in_catalogs(sk, sets, options.catalogs)):
            print(f"{score.value:.3f} of {score.n:>4}  {score.data}: {score.measure}", flush=True)
    return 0


def in_catalogs(sk: samekind.Client, sets: Sequence[Labelled], count: int) -> Iterator[Score]:
    """The cut in catalogs of some kinds of one set of pictures or of two, with 1 to 30 of each, so that no one size decides."""
    pictures = [each for each in sets if isinstance(each.contents[0], bytes) and "alone" not in each.name]
    chance = random.Random(SEED)
    held = [Held(each, [Vector(made.vector, made.space) for made in sk.embed(list(map(Image, each.contents)))]) for each in pictures]
    told: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for _ in range(count):
        _ask(sk, chance.sample(held, min(chance.choice((1, 1, 2)), len(held))), held, chance, told)
    for (name, measure), hits in sorted(told.items()):
        yield search.share(f"{name}, in drawn catalogs", measure, np.array(hits), count)


@dataclass(frozen=True)
class Held:
    """A set with its vectors."""

    labelled: Labelled
    vectors: Sequence[Vector]

    def some(self, chance: random.Random) -> list[int]:
        """The places of some kinds' pictures, of each about so many."""
        each, kinds = round(MOST_OF_A_KIND ** chance.random()), sorted(set(self.labelled.parts))
        chosen = chance.sample(kinds, max(1, round(chance.uniform(0.2, 0.8) * len(kinds))))
        of = {kind: [place for place, part in enumerate(self.labelled.parts) if part == kind] for kind in chosen}
        return [place for places in of.values() for place in chance.sample(places, min(each, len(places)))]


def _ask(sk: samekind.Client, here: Sequence[Held], every: Sequence[Held], chance: random.Random, told: dict[tuple[str, str], list[bool]]) -> None:
    """Asks one catalog for what is there, for what else its sets are of, and for what other sets are of."""
    there = [(each, place) for each in here for place in each.some(chance)]
    if len(there) < FEWEST:
        return
    words = {word for each, place in there for word in search.words(each.labelled.truths[place])}
    catalog = sk.catalog("benchmark-of-tuning")
    try:
        catalog.upsert([Item(f"{number}", (each.vectors[place],)) for number, (each, place) in enumerate(there)])
        for of in every:
            truths = sorted(set(of.labelled.truths))
            for truth in chance.sample(truths, min(ASKED if of in here else STRANGE, len(truths))):
                relevant = {f"{number}" for number, (each, place) in enumerate(there) if each.labelled.truths[place] == truth}
                if relevant or words.isdisjoint(search.words(truth)):
                    whole, some = catalog.search_many([query(truth), query(truth, cutoff="auto")])
                    kept = {hit.item.id for hit in some.hits}
                    if relevant:
                        told[of.labelled.name, KEPT] += [hit.item.id in kept for hit in whole.hits if hit.item.id in relevant]
                    else:
                        told[of.labelled.name, ABSENT if of in here else ELSEWHERE].append(not kept)
    finally:
        sk.delete_catalog("benchmark-of-tuning")


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
