"""Trains the image tower to put a photo where the text space has its name, learning from SqueezeNet's opinion too."""

from __future__ import annotations

import copy
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from training import batches, files, text_space
from training.architecture import DIMENSIONS, read_folded
from training.networks import MobileNet
from training.runtimes import Forward, compiled

log = logging.getLogger(__name__)
SIZE, FROZEN, WARM = 96, 3, 300
SCALE, DECAY = 20.0, 0.997
ORIGIN = "mobilenetv2-imagenet-folded.npz"


@dataclass(frozen=True)
class Plan:
    """How long and how: steps (the first `warm` train the head alone), at most minutes, edges from shares of the way on."""

    steps: int
    minutes: float = float("inf")
    edges: tuple[tuple[float, int], ...] = ((0.0, 96), (0.7, 128))
    rate: float = 3e-4
    warm: int = WARM
    seed: int = 0

    def way(self, step: int, spent: float) -> float:
        """The share of the way behind at a step, `spent` minutes after the start: 0 to 1."""
        return min(1.0, max(step / self.steps, spent / self.minutes))

    def edge(self, way: float) -> int:
        """The pictures' edge on the way."""
        return [edge for share, edge in self.edges if way >= share][-1]


class Tower(nn.Module):
    """MobileNetV2 and the linear map to the space."""

    def __init__(self, trunk: MobileNet) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Linear(1280, DIMENSIONS[0], bias=False)
        nn.init.normal_(self.head.weight, std=0.02)

    def late(self, early: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features and vectors from the frozen part's output."""
        features = self.trunk.late(early.contiguous(memory_format=torch.channels_last), FROZEN)
        return features, self.head(features)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Vectors of normalised images."""
        return self.head(self.trunk(images))


class Frozen(nn.Module):
    """The first blocks, and what the whole network was before training: the map to train on, the features to stay near."""

    def __init__(self, trunk: MobileNet) -> None:
        super().__init__()
        self._trunk = trunk

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        early = self._trunk.early(images, FROZEN)
        return early, self._trunk.late(early, FROZEN)


def loss(vectors: torch.Tensor, batch: batches.Batch) -> torch.Tensor:
    """Cross-entropy against the goal over every prefix, and for a picture of one thing the distance to its target."""
    device, total = vectors.device, vectors.new_zeros(())
    goal, columns = batch.goal.to(device), batch.columns.to(device)
    for size in DIMENSIONS:
        ours = functional.normalize(vectors[:, :size], dim=-1)
        logits = SCALE * ours @ functional.normalize(columns[:, :size], dim=-1).T
        total = total + functional.cross_entropy(logits, goal)
    if not batch.blended:
        total = total + 1 - functional.cosine_similarity(vectors, batch.own.to(device)).mean()
    return total / len(DIMENSIONS)


def train(data: Path, work: Path, plan: Plan, *, name: str = "image", before: Path | None = None) -> None:
    """Train by the plan, from the tower in `before` or from the folded MobileNetV2, and write `<name>.pt`."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    mix = batches.Mix(work, text_space.load(work), size=SIZE, seed=plan.seed)
    origin = MobileNet(read_folded(data / ORIGIN))
    torch.manual_seed(plan.seed)
    tower = Tower(copy.deepcopy(origin))
    checkpoint = work / f"{name}.checkpoint.pt"
    if before is not None:
        tower.load_state_dict(torch.load(before))
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
            frozen[edge] = compiled(Frozen(copy.deepcopy(origin)), edge)
        value = _step(tower, optimizer, frozen[edge], mix.batch(step, edge), plan, step, way)
        _follow(mean, tower, 0.9 if step < plan.warm else DECAY)
        if step % 50 == 49:
            log.info("image step %d/%d loss %.4f, %.0f/s", step + 1, plan.steps, value, (step + 1 - first) * SIZE / (time.monotonic() - began))
        if step % 200 == 199:
            log.info("image step %d: right on photos kept back %.3f", step + 1, accuracy(mean, mix, work))
            state = {"tower": tower.state_dict(), "mean": mean.state_dict(), "optimizer": optimizer.state_dict()}
            files.write_state(checkpoint, state | {"step": step + 1, "minutes": spent})
    log.info("image done: right on photos kept back %.3f", accuracy(mean, mix, work))
    files.write_state(work / f"{name}.pt", {key: value.cpu() for key, value in mean.state_dict().items()})


def freeze(tower: Tower) -> None:
    """Keep the stem and the first blocks as they are."""
    for module in (tower.trunk.stem, *tower.trunk.blocks[:FROZEN]):
        module.requires_grad_(False)


@torch.no_grad()
def accuracy(tower: Tower, mix: batches.Mix, work: Path, *, edge: int = 112, count: int = 600) -> float:
    """Share of kept-back photos whose nearest class name is right."""
    targets = text_space.load(work)
    images, names = mix.kept_back(edge)
    classes = sorted(set(names))
    goal = torch.from_numpy(targets.of(classes))
    device = tower.head.weight.device
    found = torch.cat([tower(part.to(device)).cpu() @ goal.T for part in images[:count].split(50)]).argmax(-1)
    return sum(classes[place] == name for place, name in zip(found.tolist(), names, strict=False)) / len(found)


def _step(tower: Tower, optimizer: torch.optim.Optimizer, frozen: Forward, batch: batches.Batch, plan: Plan, step: int, way: float) -> float:
    device = tower.head.weight.device
    early, anchor = (output.to(device) for output in frozen(batch.images))
    if step < plan.warm:
        value = loss(tower.head(anchor), batch)
    else:
        features, vectors = tower.late(early)
        value = loss(vectors, batch) + 0.5 * (1 - functional.cosine_similarity(features, anchor).mean())
    trained = max(0, step - plan.warm)
    pace = min(1.0, (trained + 1) / 60) * (1 - way)
    for group, rate in zip(optimizer.param_groups, (plan.rate, 4 * plan.rate), strict=True):
        group["lr"] = 2e-3 if step < plan.warm else rate * pace
    optimizer.zero_grad(set_to_none=True)
    value.backward()
    optimizer.step()
    return value.item()


def _optimizer(tower: Tower, plan: Plan) -> torch.optim.Optimizer:
    freeze(tower)
    trunk = [parameter for parameter in tower.trunk.parameters() if parameter.requires_grad]
    groups = [{"params": trunk}, {"params": list(tower.head.parameters())}]
    return torch.optim.AdamW(groups, lr=plan.rate, weight_decay=0.02, fused=True)


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
