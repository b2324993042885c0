"""The training pictures as arrays on disk, with what each shows and what SqueezeNet thinks of it."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from samekind import shop
from training import data as packs
from training import files
from training.architecture import read_folded
from training.networks import SqueezeNet
from training.phrases import fashion_fields
from training.runtimes import compiled, normalised

log = logging.getLogger(__name__)
# Edge of the stored squares, and the edge at which the teacher is most often right.
EDGES = {"tinyimagenet-train": (64, 112), "cifar100-train": (32, 112), "caltech101": (120, 160), "fashion": (120, 160), "shop": (120, 160)}
SHOP_COUNT, SHOP_SEED = 8000, 101


@dataclass(frozen=True)
class Pictures:
    """One set: pixels (n, edge, edge, 3), the phrases that fit each picture, and the teacher's softmax (n, 1000)."""

    name: str
    pixels: np.ndarray
    phrases: list[list[str]]
    teacher: np.ndarray


def make(data: Path, work: Path) -> None:
    """Write the arrays of every set that is not yet there."""
    for name, (edge, teacher_edge) in EDGES.items():
        if not (work / f"{name}.json").exists():
            pixels, phrases = _shop(edge) if name == "shop" else _pack(data, name, edge)
            files.write_array(work / f"{name}.npy", pixels)
            log.info("%s: %d pictures; asking the teacher", name, len(pixels))
            files.write_array(work / f"{name}.teacher.npy", _teacher(data, pixels, teacher_edge))
            files.write_text(work / f"{name}.json", json.dumps(phrases))


def load(work: Path, name: str) -> Pictures:
    """A set that `make` wrote, read from disk as it is used."""
    phrases = json.loads((work / f"{name}.json").read_text())
    pixels, teacher = (np.load(work / f"{name}{ending}", mmap_mode="r") for ending in (".npy", ".teacher.npy"))
    return Pictures(name, pixels, phrases, teacher)


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


def _teacher(data: Path, pixels: np.ndarray, edge: int) -> np.ndarray:
    forward = compiled(SqueezeNet(read_folded(data / "squeezenet11-imagenet.npz")), edge)
    opinions = np.empty((len(pixels), 1000), np.float16)
    for first in range(0, len(pixels), 32):
        part = torch.from_numpy(pixels[first : first + 32]).permute(0, 3, 1, 2).float()
        part = functional.interpolate(part, size=(edge, edge), mode="bicubic", align_corners=False).clamp(0, 255)
        opinions[first : first + 32] = functional.softmax(forward(normalised(part))[0], dim=-1).cpu().numpy()
    return opinions
