"""Reads a model's weights as data only, and says what is wrong with them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from samekind.errors import BadModel
from samekind_server.embedding import spaces

if TYPE_CHECKING:
    import torch

Shape = tuple[int, ...]
COUNTERS = "num_batches_tracked"  # Of training; no weight.


@dataclass(frozen=True)
class Learnt:
    """What is told of a model's weights once they are read: `digest` names them, `bias` is there where a sigmoid was trained."""

    digest: str
    parameters: int
    scale: float
    bias: float | None


def learnt(arrays: Mapping[str, NDArray[Any]]) -> Learnt:
    """What those weights are."""
    bias = float(arrays["logit_bias"].item()) if "logit_bias" in arrays else None
    return Learnt(spaces.weights_digest(arrays), parameters(arrays), float(np.exp(arrays["logit_scale"]).item()), bias)


def read_arrays(file: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a safetensors file, in float32, without torch. Raises BadModel."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(file)
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise _damaged(file, error) from None
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items() if not name.endswith(COUNTERS)}


def read_tensors(file: Path) -> "dict[str, torch.Tensor]":
    """The tensors of a safetensors file, or of a torch file that holds nothing but tensors. Raises BadModel."""
    import pickle

    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        read = load_file(file) if file.suffix == ".safetensors" else torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise BadModel(f"{file} holds more than weights, or is damaged; it was not run: convert it to safetensors where you trust it") from None
    except (OSError, EOFError, RuntimeError, ValueError, SafetensorError) as error:
        raise _damaged(file, error) from None
    tensors: Any = read.get("state_dict", read) if isinstance(read, dict) else None
    if not isinstance(tensors, dict) or not tensors or not all(isinstance(tensor, torch.Tensor) for tensor in tensors.values()):
        raise BadModel(f"{file} is not a table of tensors by name")
    return {name.removeprefix("module."): tensor for name, tensor in tensors.items()}


def check(file: Path, expected: Mapping[str, Shape], given: Mapping[str, Shape]) -> None:
    """Raises BadModel, naming the first tensor that is missing, of another shape, or has no place."""
    for name, shape in _weights(expected):
        if name not in given:
            raise BadModel(f"{file} does not fit its configuration: {name} {list(shape)} is missing")
        if given[name] != shape:
            raise BadModel(f"{file} does not fit its configuration: {name} is {list(given[name])}, not {list(shape)}")
    for name, shape in _weights(given):
        if name not in expected:
            raise BadModel(f"{file} does not fit its configuration: {name} {list(shape)} has no place there")


def check_finite(file: Path, tensors: Iterable[tuple[str, NDArray[Any]]]) -> None:
    """Raises BadModel, naming the first tensor that holds NaN or infinity."""
    for name, tensor in tensors:
        if not np.isfinite(tensor).all():
            raise BadModel(f"{file} is damaged: {name} holds numbers that are not finite")


def parameters(tensors: Mapping[str, NDArray[Any]]) -> int:
    """How many numbers were learnt."""
    return sum(tensor.size for name, tensor in tensors.items() if not name.endswith((COUNTERS, "running_mean", "running_var")))


def _weights(shapes: Mapping[str, Shape]) -> Iterable[tuple[str, Shape]]:
    return ((name, shape) for name, shape in shapes.items() if not name.endswith(COUNTERS))


def _damaged(file: Path, error: Exception) -> BadModel:
    return BadModel(f"{file} is damaged or no weights file: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
