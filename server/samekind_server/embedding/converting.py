"""Chooses what runs a torch model: a CUDA device, OpenVINO where it is proved to agree, or else torch."""

import logging
from pathlib import Path

import numpy as np
import torch
from torch import nn

from samekind.types import Floats, Precision
from samekind_server.embedding.base import Ids, Runtime
from samekind_server.embedding.openvino_runtime import OpenVinoRuntime, convert
from samekind_server.embedding.sources import Source
from samekind_server.embedding.torch_models import ImageTower, text_tower
from samekind_server.embedding.torch_runtime import TorchRuntime

LOG = logging.getLogger(__name__)
FARTHEST = {Precision.EXACT: 1e-5, Precision.FAST: 1e-2}  # 1 - cosine between a converted tower and its original


def runtime(source: Source, model: nn.Module, precision: Precision | None, threads: int, scratch: Path) -> Runtime:
    """The quickest that computes what the model says."""
    texts, cut = text_tower(model)
    reference = TorchRuntime(ImageTower(model), texts, precision=precision, threads=threads, cut=cut)
    if torch.cuda.is_available():
        return reference
    try:
        converted = _converted(source, reference, precision, threads, scratch)
        gap = _gap(source, converted, reference)
    except Exception as error:  # A compiler's errors are of any kind, and the way out is the same for all.
        LOG.warning("%s runs with torch, more slowly: OpenVINO does not take it: %s", source.name, error)
        return reference
    if not gap <= FARTHEST[converted.precision]:
        LOG.warning("%s runs with torch, more slowly: with OpenVINO its vectors are off by %.1e", source.name, gap)
        return reference
    return converted


def _converted(source: Source, reference: TorchRuntime, precision: Precision | None, threads: int, scratch: Path) -> OpenVinoRuntime:
    pixels, ids = _probe(source, 2)
    length = ids.shape[1] if reference.cut(ids) is ids else -1
    images = convert(reference.image_tower, torch.from_numpy(pixels), [-1, *pixels.shape[1:]], scratch)
    texts = convert(reference.text_tower, torch.from_numpy(ids), [-1, length], scratch)
    return OpenVinoRuntime(images, texts, precision=precision, threads=threads, cut=reference.cut)


def _gap(source: Source, one: Runtime, other: Runtime) -> float:
    """1 - cosine where the two are farthest apart, on a batch of another size than the one converted with."""
    pixels, ids = _probe(source, 3)
    pairs = ((one.images(pixels), other.images(pixels)), (one.texts(ids), other.texts(ids)))
    return max(float((1 - (a * b).sum(axis=1)).max()) for a, b in pairs)


def _probe(source: Source, rows: int) -> tuple[Floats, Ids]:
    """Noise for pixels and short texts of any tokens, each ended by the largest."""
    noise = np.random.default_rng(rows)
    vocabulary = int(source.text.get("vocab_size") or 49408)
    ids = noise.integers(3, vocabulary - 1, (rows, source.context_length))
    ids[:, 4 + rows :] = 0
    ids[:, 3 + rows] = int(source.text.get("eos_id", 2)) if source.text.get("pool_type") == "eos" else vocabulary - 1
    return noise.normal(size=(rows, 3, *source.preprocess.height_width)).astype(np.float32), ids
