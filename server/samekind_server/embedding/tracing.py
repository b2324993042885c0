"""Makes OpenVINO graphs of open_clip's models and measures how far they are from what torch computes; for a process of its own."""

import gc
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from samekind.types import Floats, Precision
from samekind_server.embedding import cutting, tokenizing, torch_models
from samekind_server.embedding._openvino import openvino
from samekind_server.embedding.base import Ids, Runtime
from samekind_server.embedding.openvino_runtime import OpenVinoRuntime, fastest
from samekind_server.embedding.sources import Source
from samekind_server.embedding.torch_runtime import TorchRuntime
from samekind_server.embedding.weights import learnt

IMAGES, TEXTS = "images.xml", "texts.xml"


def convert(source: Source, folder: Path, threads: int) -> dict[str, Any]:
    """Writes the model's graphs into `folder`; answers what `converted.Converted` holds. Raises BadModel."""
    return trace(source, torch_models.build(source), folder, threads)


def trace(source: Source, model: nn.Module, folder: Path, threads: int) -> dict[str, Any]:
    """The same for the model itself. Where OpenVINO does not take it, `refused` says why."""
    told: dict[str, Any] = {"learnt": asdict(learnt(torch_models.arrays(model))), "words": tokenizing.plain_words(source, folder)}
    images, (texts, end) = torch_models.ImageTower(model), torch_models.text_tower(model)
    reference = TorchRuntime(images, texts, precision=Precision.EXACT, threads=threads, cut=cutting.at(end))
    try:
        _write(source, reference, end, folder)
        return told | {"end": end, "gaps": _gaps(source, reference, folder, threads), "refused": ""}
    except MemoryError:
        raise
    except Exception as error:  # A compiler's errors are of any kind, and the way out is the same for all.
        if "alloc" in str(error) or isinstance(error, OSError):
            raise
        return told | {"end": end, "gaps": {}, "refused": f"OpenVINO does not take it: {error}"}


def probe(source: Source, rows: int) -> tuple[Floats, Ids]:
    """Noise for pixels and short texts of any tokens, each ended by the largest."""
    noise = np.random.default_rng(rows)
    vocabulary = int(source.text.get("vocab_size") or 49408)
    ids = noise.integers(3, vocabulary - 1, (rows, source.context_length))
    ids[:, 4 + rows :] = 0
    ids[:, 3 + rows] = int(source.text.get("eos_id", 2)) if source.text.get("pool_type") == "eos" else vocabulary - 1
    return noise.normal(size=(rows, 3, *source.preprocess.height_width)).astype(np.float32), ids


def _write(source: Source, reference: TorchRuntime, end: cutting.End, folder: Path) -> None:
    pixels, ids = probe(source, 2)
    _trace(reference.image_tower, torch.from_numpy(pixels), [-1, *pixels.shape[1:]], folder / IMAGES)
    _trace(reference.text_tower, torch.from_numpy(ids), [-1, ids.shape[1] if end == "context" else -1], folder / TEXTS)


def _trace(tower: nn.Module, example: torch.Tensor, shape: list[int], file: Path) -> None:
    """The OpenVINO form of a torch tower; -1 in `shape` stands for any number."""
    from torch.jit._trace import TracerWarning

    warnings.filterwarnings("ignore", category=FutureWarning, message=r"`torch\.jit\.")
    warnings.filterwarnings("ignore", category=TracerWarning)
    torch.backends.mha.set_fastpath_enabled(False)  # Its fused operators are not among those OpenVINO takes.
    # The tracer's own check costs as much as all the rest; what is made is proved whole afterwards.
    traced = torch.jit.trace(tower, example, check_trace=False)
    openvino.save_model(openvino.convert_model(traced, example_input=example, input=shape), file, compress_to_fp16=False)


def _gaps(source: Source, reference: TorchRuntime, folder: Path, threads: int) -> dict[str, float]:
    """1 - cosine where the two are farthest apart, by precision."""
    return {precision.value: _gap(source, reference, folder, precision, threads) for precision in {Precision.EXACT: 0, fastest(): 0}}


def _gap(source: Source, reference: TorchRuntime, folder: Path, precision: Precision, threads: int) -> float:
    gc.collect()
    towers = (openvino.Core().read_model(folder / file) for file in (IMAGES, TEXTS))
    return apart(source, OpenVinoRuntime(*towers, precision=precision, threads=threads, cut=reference.cut), reference)


def apart(source: Source, one: Runtime, other: Runtime) -> float:
    """1 - cosine where the two are farthest apart, on a batch of another size than the one converted with."""
    pixels, ids = probe(source, 3)
    pairs = ((one.images(pixels), other.images(pixels)), (one.texts(ids), other.texts(ids)))
    return max(float((1 - (a * b).sum(axis=1)).max()) for a, b in pairs)
