"""The row of the model alone: the runtime that serves, against torch, on one image tower."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import rival
from benchmarks.machine import memory_available
from benchmarks.timing import Contenders
from samekind.types import Precision
from samekind_server.embedding.base import Encoder
from samekind_server.embedding.loading import load

ARCHITECTURE = "ViT-B-32"
NEEDED = 6.0  # GiB: the weights in torch, those of two compiled runtimes, and what compiling takes


class Skipped(Exception):
    """Why a row cannot be measured here."""


@contextmanager
def images() -> Iterator[Contenders]:
    """8 images through ViT-B-32; its weights are random, which takes the same time."""
    if (free := memory_available()) < NEEDED:
        raise Skipped(f"needs {NEEDED:g} GiB of memory, {free:.1f} are free")
    import torch

    model = rival.untrained(ARCHITECTURE)
    with tempfile.TemporaryDirectory(prefix="samekind-bench-") as folder:
        served = {f"samekind, {precision.value}": _served(Path(folder), model, precision) for precision in (Precision.FAST, Precision.EXACT)}
    pixels = np.random.default_rng(0).normal(size=(8, 3, 224, 224)).astype(np.float32)

    @torch.inference_mode()
    def eager() -> Any:
        return model.encode_image(torch.from_numpy(pixels), normalize=True)

    yield {
        **{name: partial(encoder.runtime.images, pixels) for name, encoder in served.items()},
        "torch eager, 1 thread": rival.in_one_thread(eager),
        "torch eager": eager,
    }


def _served(folder: Path, model: Any, precision: Precision) -> Encoder:
    import open_clip
    from safetensors.torch import save_file

    config = {"model_cfg": open_clip.get_model_config(ARCHITECTURE), "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return load(f"local-dir:{folder}", offline=True, precision=precision, cache_dir=folder)
