"""Trains `mini` in stages, each skipped when its output is there: `python -m training --data DIR`."""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from training import batches, data, evaluate, export, files, image_tower, joint, pictures, text_space, text_tower

log = logging.getLogger("training")


@dataclass(frozen=True)
class Stage:
    """A step of the training, and the file in the work folder that says it is done."""

    name: str
    output: str
    run: Callable[[], None]


def stages(asked: argparse.Namespace) -> list[Stage]:
    """All stages in order."""
    packs, work, out = asked.data, asked.work, asked.out
    plan = image_tower.Plan(asked.image_steps, asked.image_minutes, seed=asked.seed)
    return [
        Stage("targets", "targets.npy", lambda: text_space.make(packs, work)),
        Stage("pictures", "shop.json", lambda: pictures.make(packs, work)),
        Stage("text", "text.pt", lambda: text_tower.train(work, steps=asked.text_steps, seed=asked.seed, before=asked.text_from)),
        Stage("image", "image.pt", lambda: image_tower.train(work, plan)),
        Stage("joint", "joint.pt", lambda: joint.train(work, joint.Plan(asked.joint_steps, seed=asked.seed + 1))),
        Stage("export", "report.json", lambda: finish(packs, work, out, asked)),
    ]


def finish(packs: Path, work: Path, out: Path, asked: argparse.Namespace) -> None:
    """Fit the temperature at the exported size, write the folder, measure it and write the report."""
    model = joint.load(work)
    mix = batches.Mix(work, text_space.load(work), size=image_tower.SIZE, seed=asked.seed)
    scale = joint.temperature(model, mix, edge=asked.image_size)
    size = export.export(model, out, image_size=asked.image_size)
    rows = evaluate.table(out, packs)
    settings = {key: str(value) for key, value in vars(asked).items()}
    report = {"settings": settings, "bytes": size, "logit scale": scale, "quality": rows}
    files.write_text(work / "report.json", json.dumps(report, indent=2) + "\n")
    log.info("quality\n%s", evaluate.show(rows))


def main() -> None:
    """Run the stages that are not yet done."""
    parser = argparse.ArgumentParser(prog="training", description=__doc__)
    parser.add_argument("--data", type=Path, default=data.folder(), help="the folder of packs")
    parser.add_argument("--work", type=Path, default=Path(".train"), help="where stages leave their outputs")
    parser.add_argument("--out", type=Path, default=evaluate.MINI, help="the folder to export to (default: mini's own)")
    parser.add_argument("--only", nargs="*", default=[], metavar="STAGE", help="run only these stages")
    parser.add_argument("--text-steps", type=int, default=3600, help="batches of 512 phrases")
    parser.add_argument("--text-from", type=Path, help="begin with the text tower in this file, such as an earlier text.pt")
    parser.add_argument("--image-steps", type=int, default=1000, help="batches of 96 pictures")
    parser.add_argument("--image-minutes", type=float, default=float("inf"), help="end the image tower's training after these")
    parser.add_argument("--joint-steps", type=int, default=640, help="batches of pictures with phrases")
    parser.add_argument("--image-size", type=int, default=160, help="pixels of the exported model's images")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: torch's own choice)")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if asked.data is None:
        parser.error("no packs found; name their folder by --data or SAMEKIND_TRAINING_DATA")
    asked.work.mkdir(parents=True, exist_ok=True)
    if asked.threads:
        torch.set_num_threads(asked.threads)
    handlers: list[logging.Handler] = [logging.StreamHandler(), logging.FileHandler(asked.work / "train.log")]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", handlers=handlers)
    for stage in stages(asked):
        if asked.only and stage.name not in asked.only:
            continue
        if (asked.work / stage.output).exists():
            log.info("%s: there already", stage.name)
            continue
        began = time.monotonic()
        stage.run()
        log.info("%s: done in %.0f s", stage.name, time.monotonic() - began)


if __name__ == "__main__":
    main()
