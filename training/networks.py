"""MobileNetV2 and SqueezeNet 1.1 with their norms folded away: quick to train and to run, from the folded files."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

Folded = list[tuple[torch.Tensor, torch.Tensor]]
# expansion, channels, repeats, stride
_BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


class Bottleneck(nn.Module):
    """An inverted residual of MobileNetV2: expand, depthwise, project. https://arxiv.org/abs/1801.04381"""

    def __init__(self, inside: int, outside: int, *, expansion: int, stride: int) -> None:
        super().__init__()
        middle = inside * expansion
        self.expand = nn.Conv2d(inside, middle, 1) if expansion > 1 else None
        self.depth = nn.Conv2d(middle, middle, 3, stride, 1, groups=middle)
        self.project = nn.Conv2d(middle, outside, 1)
        self._adds = stride == 1 and inside == outside

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The block's output."""
        y = x if self.expand is None else functional.relu6(self.expand(x))
        y = self.project(functional.relu6(self.depth(y)))
        return x + y if self._adds else y


class MobileNet(nn.Module):
    """MobileNetV2 up to its 1280 features, (n, 1280)."""

    def __init__(self, folded: Folded) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, 2, 1)
        blocks, inside = [], 32
        for expansion, outside, repeats, stride in _BLOCKS:
            for repeat in range(repeats):
                blocks.append(Bottleneck(inside, outside, expansion=expansion, stride=stride if repeat == 0 else 1))
                inside = outside
        self.blocks = nn.ModuleList(blocks)
        self.last = nn.Conv2d(320, 1280, 1)
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


class SqueezeNet(nn.Module):
    """SqueezeNet 1.1 with its 1000-way classifier, logits (n, 1000). https://arxiv.org/abs/1602.07360"""

    def __init__(self, folded: Folded) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(w.shape[1], w.shape[0], w.shape[2], padding=w.shape[2] // 2) for w, _ in folded)
        first = self.layers[0]
        assert isinstance(first, nn.Conv2d)
        first.stride, first.padding = (2, 2), (0, 0)
        _fill(self, folded)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of normalised images, of 64 pixels or more."""
        x = functional.max_pool2d(functional.relu(self.layers[0](x)), 3, 2)
        for fire in range(8):
            squeeze, one, three = self.layers[1 + 3 * fire : 4 + 3 * fire]
            x = functional.relu(squeeze(x))
            x = functional.relu(torch.cat([one(x), three(x)], dim=1))
            if fire in (1, 3):
                x = functional.max_pool2d(x, 3, 2)
        return functional.relu(self.layers[25](x)).mean((2, 3))


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
