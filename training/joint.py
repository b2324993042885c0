"""Fine-tunes both towers together on pictures with their phrases, and fits the temperature."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import open_clip
import torch
from torch.nn import functional

from training import batches, files, image_tower, teacher, text_space, text_tower
from training.architecture import DIMENSIONS, build, load_folded
from training.networks import unfold
from training.phrases import SERVED
from training.runtimes import compiled

log = logging.getLogger(__name__)
SCALE, NAMED, EDGE = 20.0, 0.5, 128


@dataclass(frozen=True)
class Plan:
    """How long and how fast, and what weight the entropy over names by label has."""

    steps: int
    rate: float = 2e-4
    label: float = 0.6
    seed: int = 1


def contrast(images: torch.Tensor, texts: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """Contrast of pictures and their phrases both ways over every prefix, soft where targets are alike."""
    goal = functional.softmax(own @ own.T / batches.LABEL_TEMPERATURE, dim=-1)
    total = images.new_zeros(())
    for size in DIMENSIONS:
        logits = SCALE * functional.normalize(images[:, :size], dim=-1) @ functional.normalize(texts[:, :size], dim=-1).T
        total = total + functional.cross_entropy(logits, goal) + functional.cross_entropy(logits.T, goal)
    return total / (2 * len(DIMENSIONS))


def train(work: Path, plan: Plan) -> None:
    """Train both towers for `plan.steps` batches from `text.pt` and `image.pt`, and write the mean of before and after, `joint.pt`.

    The one before knows more of what training never showed, the one after more of what it did (arXiv 2109.01903).
    """
    targets = text_space.load(work)
    pictures = batches.Mix(work, targets, size=image_tower.SIZE, seed=plan.seed)
    texts = text_tower.Mix(targets, seed=plan.seed)
    told = teacher.Teacher(targets)
    tower, words = _towers(work, told)
    before = assemble(words, tower).state_dict()
    frozen = compiled(image_tower.Frozen(image_tower.origin(told.names).trunk), EDGE)
    optimizer = _optimizer(tower, words, plan)
    checkpoint = work / "joint.checkpoint.pt"
    for step in range(_resume(checkpoint, tower, words, optimizer), plan.steps):
        batch = pictures.batch(1_000_000 + step, teacher.EDGE, blend=0.0)
        early, anchor = frozen(image_tower.resized(batch.images, EDGE))
        features, seen = tower.late(early)
        read = text_tower.encode(words, texts.framed(batch.phrases, np.random.default_rng((plan.seed, step)), share=NAMED))
        tokens, rows = next(texts.pool(1_000_000 + step))
        kept = text_tower.likeness_loss(text_tower.encode(words, tokens[:192]), torch.from_numpy(targets.vectors[rows[:192]]))
        near = image_tower.ANCHOR * (1 - functional.cosine_similarity(features, anchor).mean())
        value = contrast(seen, read, batch.own) + image_tower.loss(seen, batch, told.opinion(batch.images), label=plan.label) + near + kept
        for group, rate in zip(optimizer.param_groups, (plan.rate, plan.rate, 2 * plan.rate), strict=True):
            group["lr"] = rate * min(1.0, (step + 1) / 30) * (1 - step / plan.steps)
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()
        if step % 20 == 19:
            log.info("joint step %d/%d loss %.4f", step + 1, plan.steps, value.item())
        if step % 200 == 199:
            states = {"tower": tower.state_dict(), "words": words.state_dict(), "optimizer": optimizer.state_dict()}
            files.write_state(checkpoint, states | {"step": step + 1})
    after = assemble(words, tower).state_dict()
    files.write_state(work / "joint.pt", {key: torch.stack([before[key].float(), after[key].float()]).mean(0) for key in after})


def assemble(words: open_clip.CLIP, tower: image_tower.Tower) -> open_clip.CLIP:
    """One whole model of the two towers, in evaluation mode."""
    model = build(160)
    model.load_state_dict(text_tower.text_state(words), strict=False)
    load_folded(model.visual.trunk, unfold(tower.trunk))
    model.visual.head.proj.load_state_dict(tower.head.state_dict())
    return model.eval()


@torch.no_grad()
def temperature(model: open_clip.CLIP, pictures: batches.Mix, *, edge: int = 160, count: int = 1500) -> float:
    """Set the scale of the logits at which kept-back photos' names are likeliest, and give it."""
    images, names = pictures.kept_back(edge)
    classes = sorted(set(names))
    tokenizer = open_clip.get_tokenizer("ViT-B-32", context_length=model.context_length)
    head = open_clip.build_zero_shot_classifier(model, tokenizer, classes, [frame.format for frame in SERVED], num_classes_per_batch=20)
    vectors = torch.cat([model.encode_image(part, normalize=True) for part in images[:count].split(50)])
    truth = torch.tensor([classes.index(name) for name in names[:count]])
    scales = torch.logspace(0.3, 2, 200)
    likelihood = torch.stack([functional.cross_entropy(scale * vectors @ head, truth) for scale in scales])
    best = float(scales[likelihood.argmin()])
    model.logit_scale.fill_(np.log(best))
    right = float(((vectors @ head).argmax(-1) == truth).float().mean())
    log.info("temperature: scale %.2f; right on photos kept back %.3f", best, right)
    return best


def _towers(work: Path, told: teacher.Teacher) -> tuple[image_tower.Tower, open_clip.CLIP]:
    tower = image_tower.origin(told.names)
    tower.load_state_dict(torch.load(work / "image.pt"))
    words = build(160)
    words.load_state_dict(torch.load(work / "text.pt"), strict=False)
    return tower.to(memory_format=torch.channels_last), words.train()


def _resume(checkpoint: Path, tower: image_tower.Tower, words: open_clip.CLIP, optimizer: torch.optim.Optimizer) -> int:
    """The step to go on from."""
    if not checkpoint.exists():
        return 0
    state = torch.load(checkpoint)
    for part, name in ((tower, "tower"), (words, "words"), (optimizer, "optimizer")):
        part.load_state_dict(state[name])
    return int(state["step"])


def _optimizer(tower: image_tower.Tower, words: open_clip.CLIP, plan: Plan) -> torch.optim.Optimizer:
    image_tower.freeze(tower)
    trunk = [parameter for parameter in tower.trunk.parameters() if parameter.requires_grad]
    text = [p for key, p in words.named_parameters() if not key.startswith("visual") and key != "logit_scale"]
    groups = [{"params": text}, {"params": trunk}, {"params": list(tower.head.parameters())}]
    return torch.optim.AdamW(groups, lr=plan.rate, weight_decay=0.01, fused=True)


def load(work: Path) -> open_clip.CLIP:
    """The model that `train` wrote."""
    model = build(160)
    model.load_state_dict(torch.load(work / "joint.pt"))
    return model.eval()
