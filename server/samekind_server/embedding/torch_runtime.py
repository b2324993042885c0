"""Runs a model's two towers with torch: on a CUDA device where there is one, and as the reference on the processor."""

import threading
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from samekind.types import Floats, Precision
from samekind_server.embedding.base import Ids, unit
from samekind_server.embedding.cutting import Cut


class TorchRuntime:
    """Two towers on one device; a call waits for the one before it, from any thread."""

    name = "torch"

    def __init__(self, images: nn.Module, texts: nn.Module, *, precision: Precision | None, threads: int, cut: Cut) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.precision = _fastest(self._device) if precision is None else _possible(precision, self._device)
        self.image_tower, self.text_tower, self.cut = images.to(self._device), texts.to(self._device), cut
        self._lock = threading.Lock()
        if threads:
            torch.set_num_threads(threads)
        if self.precision is Precision.EXACT:
            torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False

    def images(self, pixels: Floats) -> Floats:
        """Unit rows, (n, dimensions), for prepared images, (n, 3, height, width)."""
        return self._run(self.image_tower, torch.from_numpy(pixels))

    def texts(self, ids: Ids) -> Floats:
        """Unit rows, (n, dimensions), for token ids, (n, context length)."""
        return self._run(self.text_tower, torch.from_numpy(self.cut(ids)))

    def rest(self) -> None:
        """Gives back what torch keeps of a device's memory for later."""
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _run(self, tower: nn.Module, rows: torch.Tensor) -> Floats:
        with self._lock, torch.inference_mode(), self._narrow():
            features = tower(rows.to(self._device))
        values: Floats = features.float().cpu().numpy()
        return unit(values)

    def _narrow(self) -> AbstractContextManager[object]:
        return torch.autocast(self._device.type, torch.bfloat16) if self.precision is Precision.FAST else nullcontext()


def _fastest(device: torch.device) -> Precision:
    return _possible(Precision.FAST, device)


def _possible(asked: Precision, device: torch.device) -> Precision:
    """On the processor torch's bfloat16 is slower than its float32."""
    return asked if device.type == "cuda" and torch.cuda.is_bf16_supported() else Precision.EXACT
