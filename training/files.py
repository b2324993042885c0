"""Files that are there whole or not at all, so that a stage can tell whether it is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def write_array(path: Path, array: np.ndarray) -> None:
    """Write an array as .npy, whole."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        np.save(file, array)
    part.replace(path)


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint whole."""
    part = path.with_name(path.name + ".part")
    torch.save(state, part)
    part.replace(path)
