"""`python -m benchmarks.quality.wordings`: measures what different ways to word the same labels are worth."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import samekind
from benchmarks.quality import metrics, tasks
from benchmarks.quality.__main__ import DATA, LIMIT
from benchmarks.quality.scores import vectors
from benchmarks.quality.tasks import KEPT, Kept, Photos
from benchmarks.servers import started
from samekind import Label, Labels, Vector
from training.data import read

TINY, COARSE, CLOTHING, _ = KEPT
FINE = Kept("groceries, fine names", "grocery-train", lambda row: str(row["names"][0]))
CONTEXTS = {COARSE.name: "a photo of {}, food in a supermarket.", CLOTHING.name: "a photo of {}, an item of clothing."}
COMMON = {
    COARSE.name: {
        "Aubergine": "eggplant",
        "Brown Cap Mushroom": "mushroom",
        "Carrots": "carrot",
        "Oatghurt": "yogurt made of oats",
        "Red Beet": "beet",
        "Red Grapefruit": "grapefruit",
        "Satsumas": "mandarin orange",
        "Soyghurt": "yogurt made of soy",
        "Yoghurt": "yogurt",
    },
    CLOTHING.name: {
        "Body": "baby bodysuit",
        "Longsleeve": "sweater",
        "Outwear": "coat",
        "Pants": "trousers",
        "Polo": "polo shirt",
        "Shoes": "shoe",
        "Top": "tank top",
    },
}
LOOKS = {
    "Blazer": "a tailored jacket with lapels",
    "Blouse": "a light, loose top for women",
    "Body": "a baby's bodysuit with snaps",
    "Dress": "a one-piece garment with a skirt",
    "Hat": "a cap or hat",
    "Hoodie": "a sweatshirt with a hood",
    "Longsleeve": "a top with long sleeves",
    "Outwear": "a coat or a jacket for cold weather",
    "Pants": "trousers with two long legs",
    "Polo": "a shirt with short sleeves and a collar",
    "Shirt": "a shirt with buttons and a collar",
    "Shoes": "a pair of shoes",
    "Shorts": "short trousers",
    "Skirt": "a skirt",
    "T-Shirt": "a top with short sleeves and a round neck",
    "Top": "a top without sleeves",
    "Undershirt": "a plain white top without sleeves",
}


def main(arguments: Sequence[str]) -> int:
    """Exit code: 0 measured."""
    parser = argparse.ArgumentParser("python -m benchmarks.quality.wordings", description="Measures ways to word the same labels.")
    parser.add_argument("--model", default="mini", metavar="NAME", help="model to serve and measure (default: mini)")
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR", help=f"folder of the photographs (default: {DATA})")
    parser.add_argument("--limit", type=int, default=LIMIT, metavar="N", help=f"most pictures of a set, 0 for all (default: {LIMIT})")
    options = parser.parse_args(arguments)
    table = Table("data", "wording", "top-1", "95 % interval")
    with started("--model", options.model) as address, samekind.connect(address) as sk:
        for kept in (pack for pack in (TINY, COARSE, FINE, CLOTHING) if tasks.there(options.data, pack)):
            photos = tasks.photos(options.data, kept, options.limit)
            seen = vectors(sk, photos.pictures)
            for told, labels in _wordings(options.data, kept, photos.classes):
                table.add_row(kept.name, told, *_scored(sk, photos, seen, labels))
    Console(width=None if sys.stdout.isatty() else 120).print(table)
    return 0


def _scored(sk: samekind.Client, photos: Photos, seen: Sequence[Vector], labels: Labels) -> tuple[str, str]:
    truth_of = {label.name: truth for label, truth in zip(labels.labels, photos.classes, strict=True)}
    hits = np.array([truth_of[answer.top] == truth for answer, truth in zip(sk.classify(seen, labels), photos.truths, strict=True)])
    low, high = metrics.interval(hits)
    return f"{hits.mean():.3f}", f"{low:.3f} - {high:.3f}"


def _wordings(data: Path, kept: Kept, classes: Sequence[str]) -> Iterator[tuple[str, Labels]]:
    bare = Labels(tuple(map(Label, classes)))
    for templates in ("plain", "photo", "imagenet"):
        yield f"names, templates {templates}", replace(bare, template_set=templates)
    yield "NAMES_LIKE_THIS", Labels(tuple(Label(each.upper().replace(" ", "_").replace("-", "_")) for each in classes))
    yield "codes, described by the names", Labels(tuple(Label(f"item {index:03}", (each,)) for index, each in enumerate(classes)))
    if context := CONTEXTS.get(kept.name):
        yield f"names in {context!r}", Labels(bare.labels, templates=(context,))
    if common := COMMON.get(kept.name):
        yield "rare words among the names replaced by common ones", Labels(tuple(Label(common.get(each, each)) for each in classes))
    for told, descriptions in _described(data, kept):
        yield told, Labels(tuple(Label(each, tuple(descriptions.get(each, ()))) for each in classes))


def _described(data: Path, kept: Kept) -> Iterator[tuple[str, dict[str, list[str]]]]:
    if kept is TINY:
        yield "names, other names as descriptions", {row["names"][0]: row["names"][1:] for row in read(data, kept.file).rows}
    if kept is FINE:
        said = json.loads((data / "grocery-descriptions.json").read_text())
        yield "names, how it tastes as a description", {name.replace("-", " "): [text] for name, text in said.items()}
    if kept is CLOTHING:
        yield "names, how it looks as a description", {name: [text] for name, text in LOOKS.items()}
        yield "names, how {} looks", {name: [f"{{}}, {text}"] for name, text in LOOKS.items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
