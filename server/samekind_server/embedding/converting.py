"""Chooses what runs a model of open_clip's: a CUDA device, OpenVINO where it was proved to agree, or else torch."""

import logging
import math
from pathlib import Path

from samekind.types import Precision
from samekind_server.embedding import cutting
from samekind_server.embedding._openvino import openvino
from samekind_server.embedding.base import Runtime
from samekind_server.embedding.converted import Converted
from samekind_server.embedding.openvino_runtime import OpenVinoRuntime, possible
from samekind_server.embedding.sources import Source
from samekind_server.embedding.weights import Learnt, learnt

LOG = logging.getLogger(__name__)
FARTHEST = {Precision.EXACT: 1e-5, Precision.FAST: 1e-2}  # 1 - cosine between a converted tower and its original
DEVICES = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")


def has_device() -> bool:
    """Whether torch has a CUDA device here; torch itself is asked only where the system shows one."""
    if not any(Path(device).exists() for device in DEVICES):
        return False
    import torch

    return torch.cuda.is_available()


def agreed(source: Source, converted: Converted, precision: Precision | None) -> Precision | None:
    """The precision to run the converted model in; None, and a warning, where torch has to run it."""
    for chosen in (possible(precision), Precision.EXACT):
        if converted.gaps.get(chosen.value, math.inf) <= FARTHEST[chosen]:
            return chosen
    off = f"with OpenVINO its vectors are off by {converted.gaps.get(Precision.EXACT.value, math.nan):.1e}"
    LOG.warning("%s runs with torch, more slowly: %s", source.name, converted.refused or off)
    return None


def with_openvino(converted: Converted, precision: Precision, threads: int) -> OpenVinoRuntime:
    """What runs the converted towers."""
    images, texts = (openvino.Core().read_model(converted.folder / f"{tower}.xml") for tower in ("images", "texts"))
    return OpenVinoRuntime(images, texts, precision=precision, threads=threads, cut=cutting.at(converted.end))


def with_torch(source: Source, precision: Precision | None, threads: int) -> tuple[Runtime, Learnt]:
    """What runs the model itself, and what its weights are. Raises BadModel."""
    from samekind_server.embedding import torch_models
    from samekind_server.embedding.torch_runtime import TorchRuntime

    model = torch_models.build(source)
    texts, end = torch_models.text_tower(model)
    known = learnt(torch_models.arrays(model))
    return TorchRuntime(torch_models.ImageTower(model), texts, precision=precision, threads=threads, cut=cutting.at(end)), known
