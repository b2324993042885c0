"""The photo packs: what is in them, what training may see, and their pictures as arrays."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

TRAINING_PACKS = ("tinyimagenet-train", "cifar100-train", "caltech101", "fashion")
UNSEEN_SEED = 7
SEEN_BY_ANOTHER_NAME = {"motorbikes"}  # CIFAR-100 has "motorcycle"

Row = dict[str, Any]


@dataclass(frozen=True)
class Pack:
    """One pack: WebP pictures one after another, and a row about each."""

    path: Path
    rows: list[Row]

    def picture(self, row: Row) -> Image.Image:
        """The picture that a row tells of, as RGB."""
        with self.path.open("rb") as file:
            file.seek(row["offset"])
            return Image.open(io.BytesIO(file.read(row["length"]))).convert("RGB")


def folder() -> Path | None:
    """Where the packs are: `SAMEKIND_TRAINING_DATA`, or `shared/data` beside the repository; None if absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("SAMEKIND_TRAINING_DATA", default))
    return path if (path / "tinyimagenet-train.jsonl.gz").exists() else None


def read(data: Path, name: str) -> Pack:
    """A pack with all its rows, those that training may not see too."""
    with gzip.open(data / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return Pack(data / f"{name}.bin", [json.loads(line) for line in lines])


def for_training(data: Path, name: str) -> Pack:
    """A pack with only the rows that training may see. Raises ValueError for a pack kept for evaluation."""
    if name not in TRAINING_PACKS:
        raise ValueError(f"{name!r} is kept for evaluation; training may see {', '.join(TRAINING_PACKS)}")
    pack = read(data, name)
    if name == "fashion":
        rows = [row for row in pack.rows if not fashion_evaluation(row)]
    elif name == "tinyimagenet-train":
        unseen = unseen_tiny(data)
        rows = [row for row in pack.rows if row["wnid"] not in unseen]
    elif name == "caltech101":
        apart = unseen_caltech(data)
        rows = [row for row in pack.rows if row["names"][0] not in apart]
    else:
        rows = pack.rows
    return Pack(pack.path, rows)


def fashion_evaluation(row: Row) -> bool:
    """Whether a fashion row is kept for evaluation."""
    return zlib.crc32(row["id"].encode()) % 10 >= 8


def unseen_tiny(data: Path) -> dict[str, list[str]]:
    """The 20 Tiny-ImageNet classes that training never sees, with their names.

    Drawn by a fixed seed from the classes whose names share no last word with a class of another training pack.
    """
    classes = {row["wnid"]: row["names"] for row in read(data, "tinyimagenet-train").rows}
    others = {_last_word(name) for name in _names(data, "cifar100-train") | _names(data, "caltech101")}
    others |= {_last_word(row["articleType"]) for row in read(data, "fashion").rows}
    apart = sorted(wnid for wnid, names in classes.items() if not others & set(map(_last_word, names)))
    return {wnid: classes[wnid] for wnid in random.Random(UNSEEN_SEED).sample(apart, 20)}


def unseen_caltech(data: Path) -> list[str]:
    """The 10 Caltech-101 classes that training never sees, drawn like those of Tiny-ImageNet."""
    names = _names(data, "caltech101")
    tiny = {name for row in read(data, "tinyimagenet-train").rows for name in row["names"]}
    others = {_last_word(name) for name in tiny | _names(data, "cifar100-train")}
    apart = [
        name
        for name in sorted(names)
        if name not in SEEN_BY_ANOTHER_NAME
        and _last_word(name) not in others
        and not any(name != other and (name in other or other in name) for other in names)
    ]
    return random.Random(UNSEEN_SEED).sample(apart, 10)


def squares(pack: Pack, edge: int) -> np.ndarray:
    """All pictures of a pack, shortest side resized to `edge` and cut in the middle, (n, edge, edge, 3) uint8."""
    arrays = np.empty((len(pack.rows), edge, edge, 3), np.uint8)
    content = pack.path.read_bytes()
    for place, row in enumerate(pack.rows):
        raw = content[row["offset"] : row["offset"] + row["length"]]
        arrays[place] = np.asarray(square(Image.open(io.BytesIO(raw)).convert("RGB"), edge))
    return arrays


def square(picture: Image.Image, edge: int) -> Image.Image:
    """The middle of a picture, its shortest side resized to `edge`."""
    scale = edge / min(picture.size)
    width, height = (max(edge, round(side * scale)) for side in picture.size)
    left, top = (width - edge) // 2, (height - edge) // 2
    resized = picture.resize((width, height), Image.Resampling.BICUBIC)
    return resized.crop((left, top, left + edge, top + edge))


def _names(data: Path, pack: str) -> set[str]:
    return {row["names"][0] for row in read(data, pack).rows}


def _last_word(name: str) -> str:
    return name.lower().split()[-1].removesuffix("s")
