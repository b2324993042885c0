"""Mixed batches of training pictures: cut, flipped, tinted, sometimes blended, with what they should be taken for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from open_clip import IMAGENET_CLASSNAMES
from torch.nn import functional

from training import pictures
from training.phrases import Phrases
from training.runtimes import normalised
from training.text_space import Targets

KEPT_BACK = 1500
LABEL_TEMPERATURE, TILED = 0.05, 0.2

_Part = tuple[torch.Tensor, list[str]]


@dataclass(frozen=True)
class Source:
    """How a set takes part: its share of a batch, the trust in the teacher, the smallest crop (by area) and the tint."""

    share: float
    trust: float
    crop: float
    tint: float
    titled: bool = False


SOURCES = {
    "tinyimagenet-train": Source(0.42, 1.0, 0.4, 0.2),
    "cifar100-train": Source(0.14, 0.6, 0.5, 0.2),
    "caltech101": Source(0.18, 1.0, 0.3, 0.2),
    "fashion": Source(0.14, 0.5, 0.5, 0.08, titled=True),
    "shop": Source(0.12, 0.0, 0.7, 0.08, titled=True),
}


@dataclass(frozen=True)
class Batch:
    """Normalised images (n, 3, edge, edge), their goal over the columns (n, m), the columns (m, 256), own targets (n, 256) and phrases.

    `trust` (n) weighs the teacher's opinion of each image.
    """

    images: torch.Tensor
    goal: torch.Tensor
    columns: torch.Tensor
    own: torch.Tensor
    trust: torch.Tensor
    phrases: list[str]


class Mix:
    """Draws batches; the same number gives the same batch."""

    def __init__(self, work: Path, targets: Targets, *, size: int, seed: int) -> None:
        self._targets, self._size, self._seed = targets, size, seed
        self._sets = {name: pictures.load(work, name) for name in SOURCES}
        self.bank = torch.from_numpy(targets.of(bank(targets.phrases, seed=seed)))
        # Of one seed for all: no stage may learn from photos that another one measures on.
        order = {name: np.random.default_rng(0).permutation(len(chosen.phrases)) for name, chosen in self._sets.items()}
        self._usable = {name: rows[KEPT_BACK:] if name == "tinyimagenet-train" else rows for name, rows in order.items()}
        self._kept = order["tinyimagenet-train"][:KEPT_BACK]

    def batch(self, number: int, edge: int, *, blend: float = 0.4) -> Batch:
        """One batch with pictures of `edge` pixels, blended in pairs with the chance `blend` and some tiled, unless `blend` is zero."""
        chance = np.random.default_rng((self._seed, number))
        parts = {name: self._part(name, source, edge, chance) for name, source in SOURCES.items()}
        images = torch.cat([part for part, _ in parts.values()])
        phrases = [phrase for _, some in parts.values() for phrase in some]
        trust = torch.cat([torch.full((len(some),), SOURCES[name].trust) for name, (_, some) in parts.items()])
        titles = torch.cat([torch.full((len(some),), SOURCES[name].titled) for name, (_, some) in parts.items()])
        own = torch.from_numpy(self._targets.of(phrases))
        columns = torch.cat([self.bank, own[titles]])
        goal = functional.softmax(own @ columns.T / LABEL_TEMPERATURE, dim=-1)
        told = [goal, own, trust]
        if chance.random() < blend:
            other, part = torch.from_numpy(chance.permutation(len(images))), float(chance.beta(0.4, 0.4))
            images, *told = (torch.lerp(each[other], each, part) for each in (images, *told))
        if blend:
            images, *told = _tiled(images, told, round(TILED * len(images)), chance)
        return Batch(images, told[0], columns, told[1], told[2], phrases)

    def kept_back(self, edge: int) -> tuple[torch.Tensor, list[str]]:
        """Tiny-ImageNet photos that training leaves out, with their names."""
        chosen = self._sets["tinyimagenet-train"]
        images = _upright(chosen.pixels[np.sort(self._kept)], edge)
        return images, [chosen.phrases[row][0] for row in np.sort(self._kept)]

    def _part(self, name: str, source: Source, edge: int, chance: np.random.Generator) -> _Part:
        chosen = self._sets[name]
        rows = np.sort(chance.choice(self._usable[name], round(source.share * self._size), replace=False))
        phrases = [_one(chosen.phrases[row], chance) for row in rows]
        return _cut(chosen.pixels[rows], edge, source, chance), phrases


def bank(phrases: Phrases, *, seed: int) -> list[str]:
    """What a picture may be taken for: ImageNet's names first, then visual names, captions and other nouns."""
    chance = np.random.default_rng(seed)
    others = [*chance.choice(phrases.captions, 700, replace=False), *chance.choice(phrases.physical, 500, replace=False)]
    rest = [str(name) for name in [*phrases.visual, *others]]
    return [*IMAGENET_CLASSNAMES, *(name for name in dict.fromkeys(rest) if name not in set(IMAGENET_CLASSNAMES))]


def _one(phrases: list[str], chance: np.random.Generator) -> str:
    """Mostly the first phrase, else any."""
    return phrases[0] if chance.random() < 0.6 else phrases[chance.integers(len(phrases))]


def _tiled(images: torch.Tensor, told: Sequence[torch.Tensor], count: int, chance: np.random.Generator) -> list[torch.Tensor]:
    """The batch with `count` of its images made of four, two by two, to be taken for all four: a small sharp thing among others."""
    fours = torch.from_numpy(np.stack([chance.permutation(len(images))[:count] for _ in range(4)]))
    small = functional.interpolate(images[fours.flatten()], scale_factor=0.5, mode="bilinear", antialias=True).unflatten(0, fours.shape)
    tiles = torch.cat([torch.cat([small[0], small[1]], -1), torch.cat([small[2], small[3]], -1)], -2)
    made = [tiles, *(each[fours].mean(0) for each in told)]
    return [each.index_copy(0, fours[0], tile) for each, tile in zip((images, *told), made, strict=True)]


def _upright(pixels: np.ndarray, edge: int) -> torch.Tensor:
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    return normalised(functional.interpolate(images, size=(edge, edge), mode="bicubic", align_corners=False).clamp(0, 255))


def _cut(pixels: np.ndarray, edge: int, source: Source, chance: np.random.Generator) -> torch.Tensor:
    """Random crops of `pixels`, brought to `edge`, flipped, tilted a little and tinted."""
    count = len(pixels)
    side = np.sqrt(chance.uniform(source.crop, 1.0, count))
    aspect = np.exp(chance.uniform(-0.2, 0.2, count))
    width, height = np.minimum(side * aspect, 1), np.minimum(side / aspect, 1)
    flip, tilt = chance.choice([-1.0, 1.0], count), chance.normal(0, 0.06, count)
    move = chance.uniform(-1, 1, (2, count)) * (1 - np.stack([width, height]))
    rows = [[width * flip, -height * tilt, move[0]], [width * flip * tilt, height, move[1]]]
    grid = functional.affine_grid(torch.from_numpy(np.array(rows)).permute(2, 0, 1).float(), [count, 3, edge, edge], False)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    cut = functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    gain = 1 + source.tint * torch.from_numpy(chance.normal(0, 1, (count, 1, 1, 1)) + 0.4 * chance.normal(0, 1, (count, 3, 1, 1)))
    return normalised((cut * gain.float()).clamp(0, 255))
