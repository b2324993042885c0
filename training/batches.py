"""Mixed batches of training pictures: cut, flipped, tinted, sometimes blended, with what they should be taken for."""

from __future__ import annotations

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
LABEL_TEMPERATURE = 0.05

_Part = tuple[torch.Tensor, torch.Tensor, torch.Tensor, list[str]]


@dataclass(frozen=True)
class Source:
    """How a set takes part: its share of a batch, the teacher's say, the smallest crop (by area) and the tint."""

    share: float
    teacher: float
    crop: float
    tint: float


SOURCES = {
    "tinyimagenet-train": Source(0.42, 0.4, 0.4, 0.2),
    "cifar100-train": Source(0.16, 0.25, 0.5, 0.2),
    "caltech101": Source(0.14, 0.4, 0.35, 0.2),
    "fashion": Source(0.14, 0.2, 0.6, 0.08),
    "shop": Source(0.14, 0.1, 0.7, 0.08),
}


@dataclass(frozen=True)
class Batch:
    """Normalised images (n, 3, edge, edge), their goal over the columns (n, m), the columns (m, 256), own phrases and targets."""

    images: torch.Tensor
    goal: torch.Tensor
    columns: torch.Tensor
    own: torch.Tensor
    phrases: list[str]
    blended: bool


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
        """One batch with pictures of `edge` pixels, its pictures blended in pairs with the chance `blend`."""
        chance = np.random.default_rng((self._seed, number))
        parts = [self._part(name, source, edge, chance) for name, source in SOURCES.items()]
        images, opinion, weight = (torch.cat(column) for column in zip(*(part[:3] for part in parts), strict=True))
        phrases = [phrase for part in parts for phrase in part[3]]
        own = torch.from_numpy(self._targets.of(phrases))
        columns = torch.cat([self.bank, own[weight[:, 0] < 0.22]])
        label = functional.softmax(own @ columns.T / LABEL_TEMPERATURE, dim=-1)
        teacher = functional.pad(opinion, (0, len(columns) - opinion.shape[1]))
        goal = (1 - weight) * label + weight * teacher
        if blended := chance.random() < blend:
            other, part = torch.from_numpy(chance.permutation(len(images))), float(chance.beta(0.4, 0.4))
            images, goal = torch.lerp(images[other], images, part), torch.lerp(goal[other], goal, part)
        return Batch(images, goal, columns, own, phrases, blended)

    def kept_back(self, edge: int) -> tuple[torch.Tensor, list[str]]:
        """Tiny-ImageNet photos that training leaves out, with their names."""
        chosen = self._sets["tinyimagenet-train"]
        images = _upright(chosen.pixels[np.sort(self._kept)], edge)
        return images, [chosen.phrases[row][0] for row in np.sort(self._kept)]

    def _part(self, name: str, source: Source, edge: int, chance: np.random.Generator) -> _Part:
        chosen = self._sets[name]
        rows = np.sort(chance.choice(self._usable[name], round(source.share * self._size), replace=False))
        phrases = [_one(chosen.phrases[row], chance) for row in rows]
        images = _cut(chosen.pixels[rows], edge, source, chance)
        opinion = torch.from_numpy(chosen.teacher[rows].astype(np.float32))
        return images, opinion, torch.full((len(rows), 1), source.teacher), phrases


def bank(phrases: Phrases, *, seed: int) -> list[str]:
    """What a picture may be taken for: ImageNet's names first, then visual names, captions and other nouns."""
    chance = np.random.default_rng(seed)
    others = [*chance.choice(phrases.captions, 700, replace=False), *chance.choice(phrases.physical, 500, replace=False)]
    rest = [str(name) for name in [*phrases.visual, *others]]
    return [*IMAGENET_CLASSNAMES, *(name for name in dict.fromkeys(rest) if name not in set(IMAGENET_CLASSNAMES))]


def _one(phrases: list[str], chance: np.random.Generator) -> str:
    """Mostly the first phrase, else any."""
    return phrases[0] if chance.random() < 0.6 else phrases[chance.integers(len(phrases))]


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
