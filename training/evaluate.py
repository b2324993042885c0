"""Measures an exported model on data that training never sees: `python -m training.evaluate [FOLDER]`."""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from PIL import Image
from torch.nn import functional

from samekind import shop
from training import data as packs
from training import files
from training.architecture import DIMENSIONS
from training.phrases import PLAIN, SERVED

MINI = Path(__file__).resolve().parents[1] / "server" / "samekind_server" / "models" / "mini"
TEMPLATES = {"plain": PLAIN, "photo": SERVED}
Score = dict[str, float]


@dataclass(frozen=True)
class Model:
    """An exported model with what open_clip makes of its folder."""

    clip: open_clip.CLIP
    preprocess: Callable[[Image.Image], torch.Tensor]
    tokenizer: Callable[[list[str]], torch.Tensor]
    images: Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Classes:
    """Pictures, the name of each, and the names to choose from."""

    pictures: list[Image.Image]
    truth: list[str]
    names: list[str]


def load(folder: Path) -> Model:
    """The model as open_clip loads it, its image tower run by OpenVINO in float32."""
    clip, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    return Model(clip.eval(), preprocess, open_clip.get_tokenizer(f"local-dir:{folder}"), _openvino(clip.eval(), "f32"))


def table(folder: Path, data: Path, *, limit: int = 2600) -> dict[str, Any]:
    """Every row of the quality table, with all dimensions and with prefixes."""
    model = load(folder)
    rows: dict[str, Any] = {}
    for name, classes in class_sets(data, limit).items():
        vectors = encode_images(model, classes.pictures)
        rows[name] = classification(model, vectors, classes)
        if name.startswith("tinyimagenet"):
            rows["calibration error on tinyimagenet-val"] = calibration_error(model, vectors, classes)
    for name, (pictures, titles) in title_sets(data).items():
        rows[name] = retrieval(encode_texts(model, titles), encode_images(model, pictures), titles)
    shares = [row for row in rows.values() if isinstance(row, dict)]
    for size in DIMENSIONS[1:]:
        rows[f"share kept at {size}"] = statistics.mean(row[f"at {size}"] / row["score"] for row in shares)
    return rows | latency(model)


def class_sets(data: Path, limit: int) -> dict[str, Classes]:
    """The sets for naming pictures; at most `limit` pictures of each, drawn by a fixed seed."""
    tiny, unseen = packs.read(data, "tinyimagenet-val"), packs.unseen_tiny(data)
    every = sorted({row["names"][0] for row in tiny.rows})
    seen_rows = [row for row in tiny.rows if row["wnid"] not in unseen]
    train = packs.read(data, "tinyimagenet-train")
    apart = [row for row in train.rows if row["wnid"] in unseen]
    caltech, ten = packs.read(data, "caltech101"), packs.unseen_caltech(data)
    ten_rows = [row for row in caltech.rows if row["names"][0] in ten]
    grocery, clothing = packs.read(data, "grocery-train"), packs.read(data, "clothing")

    def classes(pack: packs.Pack, rows: list[packs.Row], name: Callable[[packs.Row], str], names: list[str]) -> Classes:
        chosen = np.random.default_rng(0).permutation(len(rows))[:limit]
        return Classes([pack.picture(rows[n]) for n in chosen], [name(rows[n]) for n in chosen], names)

    def first(row: packs.Row) -> str:
        return str(row["names"][0])

    def coarse(row: packs.Row) -> str:
        return str(row["coarse"]).lower()

    return {
        "tinyimagenet-val, 180 seen classes among 200": classes(tiny, seen_rows, first, every),
        "20 unseen Tiny classes, 20-way": classes(train, apart, first, [names[0] for names in unseen.values()]),
        "10 unseen Caltech classes, 10-way": classes(caltech, ten_rows, first, ten),
        "grocery, 43 coarse names": classes(grocery, grocery.rows, coarse, sorted({coarse(row) for row in grocery.rows})),
        "clothing, 17 names": classes(clothing, clothing.rows, first, sorted({first(row) for row in clothing.rows})),
    }


def title_sets(data: Path) -> dict[str, tuple[list[Image.Image], list[str]]]:
    """The sets for finding a picture by its title."""
    pack = packs.read(data, "fashion")
    titles = {row["productDisplayName"]: row for row in pack.rows if packs.fashion_evaluation(row)}
    chosen = sorted(titles)
    chosen = [chosen[n] for n in np.random.default_rng(0).permutation(len(chosen))[:1000]]
    products = list(shop.draw(600, seed=4242, split="test"))
    return {
        "fashion, title to photo R@10 of 1,000": ([pack.picture(titles[title]) for title in chosen], chosen),
        "drawn shop, unseen combinations, R@10 of 600": ([p.image for p in products], [p.title for p in products]),
    }


def classification(model: Model, vectors: torch.Tensor, classes: Classes) -> Score:
    """Share named right, by open_clip's own zero-shot classifier; the score is the photo templates'."""
    score: Score = {}
    truth = torch.tensor([classes.names.index(name) for name in classes.truth])
    for key, templates in TEMPLATES.items():
        head = _head(model, classes.names, templates)
        score[key] = _accuracy(vectors, head, truth, DIMENSIONS[0])
    for size in DIMENSIONS[1:]:
        score[f"at {size}"] = _accuracy(vectors, head, truth, size)
    return {"score": score["photo"], **score}


def retrieval(texts: torch.Tensor, images: torch.Tensor, titles: list[str], *, depth: int = 10) -> Score:
    """Share of distinct titles of which a picture is among the first `depth`."""
    owners = {title: [n for n, other in enumerate(titles) if other == title] for title in titles}

    def recall(size: int) -> float:
        near = (_unit(texts[:, :size]) @ _unit(images[:, :size]).T).topk(depth, dim=-1).indices
        return statistics.mean(bool(set(near[rows[0]].tolist()) & set(rows)) for rows in owners.values())

    return {"score": recall(DIMENSIONS[0]), **{f"at {size}": recall(size) for size in DIMENSIONS[1:]}}


def calibration_error(model: Model, vectors: torch.Tensor, classes: Classes, *, bins: int = 15) -> float:
    """Expected calibration error of the softmax at the model's own temperature."""
    truth = torch.tensor([classes.names.index(name) for name in classes.truth])
    logits = model.clip.logit_scale.exp().item() * vectors @ _head(model, classes.names, SERVED)
    sure, found = functional.softmax(logits, dim=-1).max(-1)
    right, place = (found == truth).float(), (sure * bins).long().clamp(max=bins - 1)
    gaps = [(right[place == n].mean() - sure[place == n].mean()).abs() * (place == n).float().mean() for n in range(bins) if (place == n).any()]
    return float(torch.stack(gaps).sum())


@torch.no_grad()
def encode_images(model: Model, pictures: list[Image.Image], *, batch: int = 16) -> torch.Tensor:
    """Unit vectors of pictures."""
    parts = [pictures[n : n + batch] for n in range(0, len(pictures), batch)]
    return _unit(torch.cat([model.images(torch.stack([model.preprocess(picture) for picture in part])) for part in parts]))


@torch.no_grad()
def encode_texts(model: Model, texts: list[str], *, batch: int = 64) -> torch.Tensor:
    """Unit vectors of texts."""
    parts = [texts[n : n + batch] for n in range(0, len(texts), batch)]
    return torch.cat([model.clip.encode_text(model.tokenizer(part), normalize=True) for part in parts])


@torch.no_grad()
def latency(model: Model) -> Score:
    """Milliseconds for one image and one short text, one thread, the quicker of torch and OpenVINO in bfloat16."""
    size = model.clip.visual.image_size[0]
    image, tokens = torch.zeros(1, 3, size, size), model.tokenizer(["a photo of a cat"])
    text = _openvino_text(model.clip, tokens)
    fast = _openvino(model.clip, "bf16")
    return {
        "image, ms": min(_milliseconds(lambda: model.clip.encode_image(image)), _milliseconds(lambda: fast(image))),
        "text, ms": min(_milliseconds(lambda: model.clip.encode_text(tokens)), _milliseconds(text)),
    }


def _head(model: Model, names: list[str], templates: tuple[str, ...]) -> torch.Tensor:
    frames = [template.format for template in templates]
    with torch.no_grad():
        return open_clip.build_zero_shot_classifier(model.clip, model.tokenizer, names, frames, num_classes_per_batch=20)


def _accuracy(vectors: torch.Tensor, head: torch.Tensor, truth: torch.Tensor, size: int) -> float:
    found = (_unit(vectors[:, :size]) @ _unit(head[:size].T).T).argmax(-1)
    return float((found == truth).float().mean())


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    return functional.normalize(vectors.float(), dim=-1)


def _compile(network: torch.nn.Module, example: torch.Tensor, shape: list[int], precision: str) -> Any:
    import openvino

    converted = openvino.convert_model(network, example_input=example, input=shape)
    hints = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
    return openvino.Core().compile_model(converted, "CPU", hints).create_infer_request()


def _openvino(clip: open_clip.CLIP, precision: str) -> Callable[[torch.Tensor], torch.Tensor]:
    size = clip.visual.image_size[0]
    request = _compile(clip.visual, torch.zeros(2, 3, size, size), [-1, 3, size, size], precision)
    return lambda images: torch.from_numpy(np.array(request.infer([images.numpy()])[0]))


def _openvino_text(clip: open_clip.CLIP, tokens: torch.Tensor) -> Callable[[], object]:
    class Text(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.clip = clip

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return self.clip.encode_text(tokens)

    request = _compile(Text(), tokens, list(tokens.shape), "bf16")
    return lambda: request.infer([tokens.numpy()])


def _milliseconds(call: Callable[[], object], *, times: int = 60) -> float:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        spent.append(time.perf_counter() - began)
    torch.set_num_threads(threads)
    return 1000 * statistics.median(spent)


def show(rows: dict[str, Any]) -> str:
    """The table as Markdown."""
    lines = ["| measure | score | plain | photo | at 128 | at 64 |", "|---|---|---|---|---|---|"]
    for name, row in rows.items():
        cells = row if isinstance(row, dict) else {"score": row}
        values = [f"{cells[key]:.3f}" if key in cells else "" for key in ("score", "plain", "photo", "at 128", "at 64")]
        lines.append(f"| {name} | {' | '.join(values)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the quality table and write it as JSON."""
    parser = argparse.ArgumentParser(prog="training.evaluate", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=MINI, help="the exported model (default: mini)")
    parser.add_argument("--data", type=Path, default=packs.folder(), help="the folder of packs")
    parser.add_argument("--json", type=Path, default=Path(".train/quality.json"), help="where to write the numbers")
    parser.add_argument("--limit", type=int, default=2600, help="most pictures of a set")
    asked = parser.parse_args()
    if asked.data is None:
        parser.error("no packs found; name their folder by --data or SAMEKIND_TRAINING_DATA")
    logging.disable(logging.WARNING)
    rows = table(asked.folder, asked.data, limit=asked.limit)
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(asked.json, json.dumps(rows, indent=2) + "\n")
    print(show(rows))


if __name__ == "__main__":
    main()
