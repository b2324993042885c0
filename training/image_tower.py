"""Trains the image tower to put a photo where the text space has its name, learning from a bigger classifier's opinion too."""

from __future__ import annotations

import copy
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from training import batches, files, teacher, text_space
from training.architecture import DIMENSIONS, fold
from training.networks import FEATURES, Lite, classifier
from training.runtimes import Forward, compiled

log = logging.getLogger(__name__)
SIZE, FROZEN, RIDGE = 96, 5, 2.0
SCALE, SHARE, ANCHOR, DECAY = 20.0, 0.2, 0.3, 0.997


@dataclass(frozen=True)
class Plan:
    """How long and how: steps, at most minutes, edges from shares of the way on."""

    steps: int
    minutes: float = float("inf")
    edges: tuple[tuple[float, int], ...] = ((0.0, 128), (0.7, 160))
    rate: float = 2e-4
    seed: int = 0

    def way(self, step: int, spent: float) -> float:
        """The share of the way behind at a step, `spent` minutes after the start: 0 to 1."""
        return min(1.0, max(step / self.steps, spent / self.minutes))

    def edge(self, way: float) -> int:
        """The pictures' edge on the way."""
        return [edge for share, edge in self.edges if way >= share][-1]


class Tower(nn.Module):
    """EfficientNet-Lite0 and the linear map that leads to the space."""

    def __init__(self, trunk: Lite) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Linear(FEATURES, DIMENSIONS[0])

    def late(self, early: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features and vectors from the frozen part's output."""
        features = self.trunk.late(early.contiguous(memory_format=torch.channels_last), FROZEN)
        return features, self.head(features)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Vectors of normalised images."""
        return self.head(self.trunk(images))


class Frozen(nn.Module):
    """The first blocks, and what the whole network was before training: the map to train on, the features to stay near."""

    def __init__(self, trunk: Lite) -> None:
        super().__init__()
        self._trunk = trunk

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        early = self._trunk.early(images, FROZEN)
        return early, self._trunk.late(early, FROZEN)


@torch.no_grad()
def origin(names: torch.Tensor) -> Tower:
    """The ImageNet classifier, led to the space by the names, (1000, 256), of its classes: least squares, as the teacher's places are."""
    network = classifier(0)
    tower, last = Tower(Lite(fold(network))), network.classifier
    assert isinstance(last, nn.Linear)
    placing = teacher.placing(names, RIDGE)
    tower.head.weight.copy_(placing @ (last.weight - last.weight.mean(0)))
    tower.head.bias.copy_(placing @ (last.bias - last.bias.mean()))
    return tower


def loss(vectors: torch.Tensor, batch: batches.Batch, opinion: teacher.Opinion, *, label: float = SHARE) -> torch.Tensor:
    """Distance to the own target and to the teacher's place, with cross-entropies over names by label and by teacher for every prefix."""
    device, entropy = vectors.device, vectors.new_zeros(())
    trust = batch.trust.to(device)
    by_label, by_teacher = (batch.goal.to(device), batch.columns.to(device)), (opinion.likely.to(device), opinion.names.to(device))
    for size in DIMENSIONS:
        entropy = entropy + label * _entropy(vectors, *by_label, size).mean() + SHARE * (trust * _entropy(vectors, *by_teacher, size)).mean()
    apart = 1 - functional.cosine_similarity(vectors, batch.own.to(device))
    astray = trust * (1 - functional.cosine_similarity(vectors, opinion.places.to(device)))
    return (apart + astray).mean() + entropy / len(DIMENSIONS)


def _entropy(vectors: torch.Tensor, goal: torch.Tensor, columns: torch.Tensor, size: int) -> torch.Tensor:
    logits = SCALE * functional.normalize(vectors[:, :size], dim=-1) @ functional.normalize(columns[:, :size], dim=-1).T
    return functional.cross_entropy(logits, goal, reduction="none")


def train(work: Path, plan: Plan) -> None:
    """Train by the plan from the ImageNet classifier, and write `image.pt`."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    targets = text_space.load(work)
    mix = batches.Mix(work, targets, size=SIZE, seed=plan.seed)
    told = teacher.Teacher(targets)
    tower = origin(told.names)
    trunk = copy.deepcopy(tower.trunk)
    checkpoint = work / "image.checkpoint.pt"
    tower = tower.to(device).to(memory_format=torch.channels_last)
    mean = copy.deepcopy(tower)
    optimizer = _optimizer(tower, plan)
    first, spent_before = _resume(checkpoint, tower, mean, optimizer)
    frozen: dict[int, Forward] = {}
    began = time.monotonic()
    for step in range(first, plan.steps):
        spent = spent_before + (time.monotonic() - began) / 60
        way = plan.way(step, spent)
        if way >= 1:
            break
        edge = plan.edge(way)
        if edge not in frozen:
            frozen[edge] = compiled(Frozen(trunk), edge)
        value = _step(tower, optimizer, frozen[edge], mix.batch(step, teacher.EDGE), told, plan, step, way, edge)
        _follow(mean, tower, min(DECAY, (step + 1) / (step + 10)))
        if step % 50 == 49:
            log.info("image step %d/%d loss %.4f, %.0f/s", step + 1, plan.steps, value, (step + 1 - first) * SIZE / (time.monotonic() - began))
        if step % 200 == 199:
            log.info("image step %d: right on photos kept back %.3f", step + 1, accuracy(mean, mix, work))
            state = {"tower": tower.state_dict(), "mean": mean.state_dict(), "optimizer": optimizer.state_dict()}
            files.write_state(checkpoint, state | {"step": step + 1, "minutes": spent})
    log.info("image done: right on photos kept back %.3f", accuracy(mean, mix, work))
    files.write_state(work / "image.pt", {key: value.cpu() for key, value in mean.state_dict().items()})


def freeze(tower: Tower) -> None:
    """Keep the stem and the first blocks as they are."""
    for module in (tower.trunk.stem, *tower.trunk.blocks[:FROZEN]):
        module.requires_grad_(False)


def resized(images: torch.Tensor, edge: int) -> torch.Tensor:
    """The images at `edge` pixels."""
    return images if images.shape[-1] == edge else functional.interpolate(images, size=(edge, edge), mode="bilinear", antialias=True)


@torch.no_grad()
def accuracy(tower: Tower, mix: batches.Mix, work: Path, *, edge: int = 112, count: int = 600) -> float:
    """Share of kept-back photos whose nearest class name is right."""
    targets = text_space.load(work)
    images, names = mix.kept_back(edge)
    classes = sorted(set(names))
    goal = torch.from_numpy(targets.of(classes))
    device = next(tower.parameters()).device
    found = torch.cat([tower(part.to(device)).cpu() @ goal.T for part in images[:count].split(50)]).argmax(-1)
    return sum(classes[place] == name for place, name in zip(found.tolist(), names, strict=False)) / len(found)


def _step(
    tower: Tower,
    optimizer: torch.optim.Optimizer,
    frozen: Forward,
    batch: batches.Batch,
    told: teacher.Teacher,
    plan: Plan,
    step: int,
    way: float,
    edge: int,
) -> float:
    device = next(tower.parameters()).device
    opinion = told.opinion(batch.images)
    early, anchor = (output.to(device) for output in frozen(resized(batch.images, edge)))
    features, vectors = tower.late(early)
    value = loss(vectors, batch, opinion) + ANCHOR * (1 - functional.cosine_similarity(features, anchor).mean())
    for group in optimizer.param_groups:
        group["lr"] = plan.rate * min(1.0, (step + 1) / 60) * (1 - way)
    optimizer.zero_grad(set_to_none=True)
    value.backward()
    optimizer.step()
    return value.item()


def _optimizer(tower: Tower, plan: Plan) -> torch.optim.Optimizer:
    freeze(tower)
    trained = [parameter for parameter in tower.parameters() if parameter.requires_grad]
    return torch.optim.AdamW(trained, lr=plan.rate, weight_decay=0.02, fused=True)


@torch.no_grad()
def _follow(mean: Tower, tower: Tower, decay: float) -> None:
    for kept, fresh in zip(mean.parameters(), tower.parameters(), strict=True):
        kept.lerp_(fresh, 1 - decay)


def _resume(checkpoint: Path, tower: Tower, mean: Tower, optimizer: torch.optim.Optimizer) -> tuple[int, float]:
    if not checkpoint.exists():
        return 0, 0.0
    state = torch.load(checkpoint)
    tower.load_state_dict(state["tower"])
    mean.load_state_dict(state["mean"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"]), float(state["minutes"])
