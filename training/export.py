"""Writes a model as a folder that open_clip loads as it is."""

from __future__ import annotations

import json
from pathlib import Path

import open_clip
import torch
from safetensors.torch import save_file

from training.architecture import config

WEIGHTS = "open_clip_model.safetensors"
CONFIG = "open_clip_config.json"


def export(model: open_clip.CLIP, folder: Path, *, image_size: int) -> int:
    """Write configuration and float16 weights into `folder`, each file whole or not at all; the bytes written."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: _storable(tensor) for name, tensor in model.state_dict().items()}
    save_file(weights, folder / f"{WEIGHTS}.part")
    (folder / f"{WEIGHTS}.part").replace(folder / WEIGHTS)
    (folder / f"{CONFIG}.part").write_text(json.dumps(config(image_size), indent=2) + "\n")
    (folder / f"{CONFIG}.part").replace(folder / CONFIG)
    return sum((folder / name).stat().st_size for name in (WEIGHTS, CONFIG))


def load(folder: Path) -> open_clip.CLIP:
    """The exported model, in evaluation mode, in float32."""
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    return model.eval()


def _storable(tensor: torch.Tensor) -> torch.Tensor:
    stored = tensor.detach().cpu()
    return (stored.half() if stored.is_floating_point() else stored).contiguous()
