"""The training pictures as arrays on disk, with what each shows."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from samekind import shop
from training import data as packs
from training import files
from training.phrases import fashion_fields

log = logging.getLogger(__name__)
EDGES = {"tinyimagenet-train": 64, "cifar100-train": 32, "caltech101": 120, "fashion": 120, "shop": 120}
SHOP_COUNT, SHOP_SEED = 8000, 101


@dataclass(frozen=True)
class Pictures:
    """One set: pixels (n, edge, edge, 3) and the phrases that fit each picture."""

    name: str
    pixels: np.ndarray
    phrases: list[list[str]]


def make(data: Path, work: Path) -> None:
    """Write the arrays of every set that is not yet there."""
    for name, edge in EDGES.items():
        if not (work / f"{name}.json").exists():
            pixels, phrases = _shop(edge) if name == "shop" else _pack(data, name, edge)
            files.write_array(work / f"{name}.npy", pixels)
            log.info("%s: %d pictures", name, len(pixels))
            files.write_text(work / f"{name}.json", json.dumps(phrases))


def load(work: Path, name: str) -> Pictures:
    """A set that `make` wrote, read from disk as it is used."""
    phrases = json.loads((work / f"{name}.json").read_text())
    return Pictures(name, np.load(work / f"{name}.npy", mmap_mode="r"), phrases)


def _pack(data: Path, name: str, edge: int) -> tuple[np.ndarray, list[list[str]]]:
    pack = packs.for_training(data, name)
    if name == "fashion":
        return packs.squares(pack, edge), [[row["productDisplayName"], *fashion_fields(row)] for row in pack.rows]
    return packs.squares(pack, edge), [row["names"] for row in pack.rows]


def _shop(edge: int) -> tuple[np.ndarray, list[list[str]]]:
    pixels, phrases = np.empty((SHOP_COUNT, edge, edge, 3), np.uint8), []
    for place, product in enumerate(shop.draw(SHOP_COUNT, seed=SHOP_SEED, size=edge, split="train")):
        pixels[place] = np.asarray(product.image)
        phrases.append([product.title, product.title, product.description])
    return pixels, phrases
