"""Trains the text tower to put any phrase where the text space has it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import open_clip
import torch
from torch.nn import functional

from training import files, text_space
from training.architecture import CONTEXT, DIMENSIONS, build
from training.phrases import PHOTO, TEMPLATES

log = logging.getLogger(__name__)
BATCH, POOL, TEMPERATURE = 512, 8, 0.05
RATE, AGAIN = 2e-3, 1e-3
SHARES = {"physical": 0.25, "abstract": 0.06, "templated": 0.34, "visual": 0.12, "captions": 0.13, "composed": 0.1}
END, START = 49407, 49406

Tokens = list[int]


def encode(model: open_clip.CLIP, tokens: torch.Tensor) -> torch.Tensor:
    """What `encode_text` gives, for tokens cut at their longest phrase: open_clip's own does not cut its mask."""
    length = tokens.shape[1]
    hidden = model.token_embedding(tokens) + model.positional_embedding[:length]
    hidden = model.transformer(hidden, attn_mask=model.attn_mask[:length, :length])
    hidden = model.ln_final(hidden)[torch.arange(len(tokens)), tokens.argmax(dim=-1)]
    return hidden @ model.text_projection


def batch(rows: list[Tokens]) -> torch.Tensor:
    """Token rows, with start and end, padded with zeros to the longest, (n, longest)."""
    whole = [[START, *row[: CONTEXT - 2], END] for row in rows]
    longest = max(map(len, whole))
    return torch.tensor([row + [0] * (longest - len(row)) for row in whole])


def likeness_loss(vectors: torch.Tensor, targets: torch.Tensor, temperature: float = TEMPERATURE) -> torch.Tensor:
    """Distance to the targets plus soft in-batch contrast, over every prefix of the dimensions."""
    total = vectors.new_zeros(())
    for size in DIMENSIONS:
        ours = functional.normalize(vectors[:, :size], dim=-1)
        theirs = functional.normalize(targets[:, :size], dim=-1)
        soft = functional.softmax(theirs @ theirs.T / temperature, dim=-1)
        contrast = functional.cross_entropy(ours @ theirs.T / temperature, soft)
        total = total + 4 * (1 - (ours * theirs).sum(-1)).mean() + contrast
    return total / len(DIMENSIONS)


class Mix:
    """Draws phrases with their targets: by group, visual names in random templates with the bare name's target."""

    def __init__(self, targets: text_space.Targets, *, seed: int) -> None:
        self._seed, self._row = seed, targets.row
        tokenizer = open_clip.get_tokenizer("ViT-B-32")
        self._tokens = [tokenizer.encode(phrase) for phrase in targets.phrases.all()]
        self._frames = [tuple(tokenizer.encode(part) for part in template.split("{}")) for template in TEMPLATES]
        groups = {name: [targets.row[phrase] for phrase in group] for name, group in targets.phrases.__dict__.items()}
        groups["templated"] = groups["visual"] * 3 + groups["physical"][::4]
        chance = np.random.default_rng(0)  # of one seed for all, as the photos kept back are
        self.kept_back = sorted(chance.choice(groups["physical"], 1000, replace=False).tolist())
        secret = set(self.kept_back)
        self._groups = {name: np.array([row for row in rows if row not in secret]) for name, rows in groups.items()}

    def pool(self, number: int) -> Iterator[tuple[torch.Tensor, list[int]]]:
        """Some batches of like length, in random order: tokens and the rows of their targets."""
        chance = np.random.default_rng((self._seed, number))
        drawn = [pair for name, share in SHARES.items() for pair in self._draw(name, round(share * BATCH * POOL), chance)]
        drawn.sort(key=lambda pair: len(pair[0]) + chance.random())
        for place in chance.permutation(len(drawn) // BATCH):
            tokens, rows = zip(*drawn[place * BATCH : (place + 1) * BATCH], strict=True)
            yield batch(list(tokens)), list(rows)

    def plain(self, rows: list[int]) -> torch.Tensor:
        """Tokens of whole phrases as they stand."""
        return batch([self._tokens[row] for row in rows])

    def framed(self, phrases: list[str], chance: np.random.Generator, *, share: float) -> torch.Tensor:
        """Tokens of phrases, a `share` of them in the photo templates."""
        rows = []
        for phrase in phrases:
            before, after = self._frames[chance.integers(len(PHOTO))] if chance.random() < share else ([], [])
            rows.append([*before, *self._tokens[self._row[phrase]], *after])
        return batch(rows)

    def _draw(self, name: str, count: int, chance: np.random.Generator) -> Iterator[tuple[Tokens, int]]:
        for row in chance.choice(self._groups[name], count).tolist():
            before, after = self._frames[chance.integers(len(self._frames))] if name == "templated" else ([], [])
            yield [*before, *self._tokens[row], *after], row


def token_table(width: int) -> torch.Tensor:
    """A start for the token table: MiniLM's vectors of the tokens' strings, reduced to `width` axes."""
    tokenizer = open_clip.get_tokenizer("ViT-B-32")
    strings = [tokenizer.decode([token]).strip() or "." for token in range(START)]
    vectors = text_space.sentence_vectors(strings)
    centred = vectors - vectors.mean(0)
    axes = np.linalg.svd(centred.T @ centred)[0][:, :width]
    table = np.concatenate([centred @ axes, np.zeros((2, width))])
    return torch.from_numpy(0.04 * table / table.std()).float()


def start(*, seed: int) -> open_clip.CLIP:
    """A model whose text tower is untrained but for its token table."""
    torch.manual_seed(seed)
    model = build(160)
    with torch.no_grad():
        model.token_embedding.weight.copy_(token_table(model.token_embedding.embedding_dim))
    return model


def train(work: Path, *, steps: int, seed: int = 0, before: Path | None = None) -> None:
    """Train for `steps` batches, from the state `before` or from the start, and write `text.pt`."""
    targets = text_space.load(work)
    mix = Mix(targets, seed=seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    goal = torch.from_numpy(targets.vectors).to(device)
    rate = AGAIN if before else RATE
    checkpoint = work / "text.checkpoint.pt"
    model, done, moments = _resume(checkpoint, before, seed)
    model = model.to(device).train()
    parts = [parameter for key, parameter in model.named_parameters() if not key.startswith("visual") and key != "logit_scale"]
    optimizer = torch.optim.AdamW(parts, lr=rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    if moments:
        optimizer.load_state_dict(moments)
    began, first = time.monotonic(), done
    while done < steps:
        for tokens, rows in mix.pool(done // POOL):
            optimizer.param_groups[0]["lr"] = rate * min((done + 1) / 100, 1 - done / steps)
            with torch.autocast(device, torch.bfloat16):
                vectors = encode(model, tokens.to(device))
            loss = likeness_loss(vectors.float(), goal[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parts, 1.0)
            optimizer.step()
            done += 1
        if done % 80 == 0:
            speed = (done - first) * BATCH / (time.monotonic() - began)
            log.info("text step %d/%d loss %.4f, %.0f phrases/s", done, steps, loss.item(), speed)
        if done % 400 == 0:
            log.info("text step %d: cosine to T on unseen names %.4f", done, cosine(model, mix, targets))
            files.write_state(checkpoint, {"model": text_state(model), "optimizer": optimizer.state_dict(), "step": done})
    log.info("text done: cosine to T on unseen names %.4f", cosine(model, mix, targets))
    files.write_state(work / "text.pt", text_state(model))


@torch.no_grad()
def cosine(model: open_clip.CLIP, mix: Mix, targets: text_space.Targets) -> float:
    """Mean cosine to the target on names kept back from training."""
    device = model.text_projection.device
    vectors = functional.normalize(encode(model, mix.plain(mix.kept_back).to(device)), dim=-1).cpu()
    return float((vectors * torch.from_numpy(targets.vectors[mix.kept_back])).sum(-1).mean())


def text_state(model: open_clip.CLIP) -> dict[str, torch.Tensor]:
    """The weights of the text tower alone."""
    return {key: tensor.cpu() for key, tensor in model.state_dict().items() if not key.startswith("visual") and key != "logit_scale"}


def _resume(checkpoint: Path, before: Path | None, seed: int) -> tuple[open_clip.CLIP, int, dict[str, object]]:
    if checkpoint.exists():
        state = torch.load(checkpoint)
        model = build(160)
        model.load_state_dict(state["model"], strict=False)
        return model, state["step"], state["optimizer"]
    if before is not None:
        model = build(160)
        model.load_state_dict(torch.load(before), strict=False)
        return model, 0, {}
    return start(seed=seed), 0, {}
