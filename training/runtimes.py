"""Runs a frozen network quickly: by OpenVINO on one CPU thread, or on the GPU where there is one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from training.architecture import MEAN, STD

Forward = Callable[[torch.Tensor], list[torch.Tensor]]


def compiled(network: nn.Module, edge: int) -> Forward:
    """`network` as a function from normalised images, (n, 3, edge, edge), to all its outputs, in bfloat16 inside."""
    if torch.cuda.is_available():
        return _cuda(network)
    import openvino

    network = network.eval()
    converted = openvino.convert_model(network, example_input=torch.zeros(2, 3, edge, edge), input=[-1, 3, edge, edge])
    hints = {"INFERENCE_PRECISION_HINT": "bf16", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
    request = openvino.Core().compile_model(converted, "CPU", hints).create_infer_request()

    def forward(images: torch.Tensor) -> list[torch.Tensor]:
        outputs = request.infer([images.contiguous().numpy()])
        return [torch.from_numpy(np.array(outputs[place])) for place in range(len(outputs))]

    return forward


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """Pixels (n, 3, h, w), 0 to 255, as the networks want them."""
    mean = torch.tensor(MEAN, device=pixels.device)[:, None, None] * 255
    std = torch.tensor(STD, device=pixels.device)[:, None, None] * 255
    return (pixels - mean) / std


def _cuda(network: nn.Module) -> Forward:
    network = network.eval().cuda().bfloat16()

    @torch.no_grad()
    def forward(images: torch.Tensor) -> list[torch.Tensor]:
        outputs = network(images.cuda().bfloat16())
        return [output.float() for output in (outputs if isinstance(outputs, tuple) else (outputs,))]

    return forward
