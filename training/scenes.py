"""Pictures as they are met outside a catalogue: a product on another ground at any angle, a heap of one kind, seen unsharply."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from torch.nn import functional

WHITE, UNSHARP = 238, (24, 72)


def pasted(pixels: np.ndarray, grounds: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Each picture, (n, e, e, 3), cut out of its white ground and laid, turned and smaller, on a detail of another picture, (n, f, f, 3)."""
    return np.stack([_laid(one, ground, chance) for one, ground in zip(pixels, grounds, strict=True)])


def heaped(pixels: np.ndarray, side: int, chance: np.random.Generator) -> np.ndarray:
    """One picture, (n, side · e, side · e, 3), of every `side`² pictures, (n · side², e, e, 3), some of them mirrored."""
    mirrored = np.where(chance.random((len(pixels), 1, 1, 1)) < 0.5, pixels[:, :, ::-1], pixels)
    count, edge = len(pixels) // side**2, pixels.shape[1]
    grid = mirrored.reshape(count, side, side, edge, edge, 3)
    return grid.transpose(0, 1, 3, 2, 4, 5).reshape(count, side * edge, side * edge, 3)


def unsharp(images: torch.Tensor, share: float, chance: np.random.Generator) -> torch.Tensor:
    """The images, (n, 3, e, e), that share of them with no more detail than a thumbnail has: sharpness must not tell one set from another."""
    chosen = torch.from_numpy(np.flatnonzero(chance.random(len(images)) < share))
    if not len(chosen):
        return images
    edge = int(chance.integers(*UNSHARP))
    small = functional.interpolate(images[chosen], size=(edge, edge), mode="bilinear", antialias=True)
    return images.index_copy(0, chosen, functional.interpolate(small, size=images.shape[2:], mode="bicubic", align_corners=False))


def cut_out(pixels: np.ndarray) -> np.ndarray:
    """What is not the white ground, (e, e) in 0 to 255: the ground is what is white and reaches the picture's edge."""
    regions, _ = ndimage.label(pixels.min(-1) >= WHITE)
    rim = np.unique(np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]]))
    return np.where(np.isin(regions, rim[rim > 0]), 0, 255).astype(np.uint8)


def _laid(pixels: np.ndarray, ground: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    edge = len(pixels)
    turn = float(chance.normal(0, 25)) + (90.0 * chance.integers(4) if chance.random() < 0.3 else 0.0)
    small = round(edge * chance.uniform(0.6, 1.0))
    thing = Image.fromarray(np.dstack([pixels, cut_out(pixels)]), "RGBA").rotate(turn, Image.Resampling.BILINEAR).resize((small, small))
    zoom = chance.uniform(0.25, 1.0) * len(ground)
    left, top = chance.uniform(0, len(ground) - zoom, 2)
    scene = Image.fromarray(ground).resize((edge, edge), Image.Resampling.BICUBIC, (left, top, left + zoom, top + zoom))
    right, down = (int(place) for place in chance.integers(0, edge - small + 1, 2))
    scene.paste(thing, (right, down), thing)
    return np.asarray(scene)
