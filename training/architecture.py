"""What `mini` is: its open_clip configuration, and how the norms of its image tower fold into its convolutions and back."""

from __future__ import annotations

from typing import Any

import open_clip
import torch
from torch import nn

DIMENSIONS = (256, 128, 64)
CONTEXT = 32
MEAN = STD = (0.5, 0.5, 0.5)


def config(image_size: int) -> dict[str, Any]:
    """The open_clip configuration of `mini` for square images of `image_size` pixels."""
    return {
        "model_cfg": {
            "embed_dim": DIMENSIONS[0],
            "vision_cfg": {
                "timm_model_name": "tf_efficientnet_lite0",
                "timm_model_pretrained": False,
                "timm_pool": "avg",
                "timm_proj": "linear",
                "timm_proj_bias": True,
                "image_size": image_size,
            },
            "text_cfg": {"context_length": CONTEXT, "vocab_size": 49408, "width": 192, "heads": 3, "layers": 4},
        },
        "preprocess_cfg": {"mean": MEAN, "std": STD, "interpolation": "bicubic", "resize_mode": "shortest"},
        "samekind": {"prefix_dimensions": list(DIMENSIONS[1:])},
    }


def build(image_size: int) -> open_clip.CLIP:
    """An untrained `mini`."""
    return open_clip.CLIP(**config(image_size)["model_cfg"])


def layers(trunk: nn.Module) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """The convolutions of a timm network, each with the batch norm after it, in order."""
    found = [module for module in trunk.modules() if isinstance(module, (nn.Conv2d, nn.BatchNorm2d))]
    convolutions = [module for module in found if isinstance(module, nn.Conv2d)]
    norms = [module for module in found if isinstance(module, nn.BatchNorm2d)]
    return list(zip(convolutions, norms, strict=True))


@torch.no_grad()
def load_folded(trunk: nn.Module, folded: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """Make `trunk` compute what the folded network computes: its norms pass the convolutions on and add the biases."""
    for (convolution, norm), (weight, bias) in zip(layers(trunk), folded, strict=True):
        convolution.weight.copy_(weight)
        norm.weight.fill_(1.0)
        norm.bias.copy_(bias)
        assert norm.running_mean is not None and norm.running_var is not None
        norm.running_mean.zero_()
        norm.running_var.fill_(1.0 - norm.eps)


@torch.no_grad()
def fold(trunk: nn.Module) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The trunk's convolutions with its norms (in evaluation mode) folded into weight and bias."""
    folded = []
    for convolution, norm in layers(trunk):
        assert norm.running_mean is not None and norm.running_var is not None
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        weight = convolution.weight * gain[:, None, None, None]
        folded.append((weight.clone(), (norm.bias - norm.running_mean * gain).clone()))
    return folded
