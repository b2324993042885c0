"""What EfficientNet-Lite2 makes of a picture: which of ImageNet's thousand things it is, and where that puts it in the space."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from open_clip import IMAGENET_CLASSNAMES
from torch.nn import functional

from training.networks import classifier
from training.runtimes import compiled
from training.text_space import Targets

EDGE, RIDGE = 160, 5.0


@dataclass(frozen=True)
class Opinion:
    """Probabilities of ImageNet's names (n, 1000), the names' targets (1000, 256), and places in the space (n, 256)."""

    likely: torch.Tensor
    names: torch.Tensor
    places: torch.Tensor


class Teacher:
    """Sees the same crops as the tower that learns from it (a consistent teacher, arXiv 2106.05237).

    A picture's place is the vector whose similarities to all thousand names are nearest to the roots of the teacher's probabilities, least
    squares. Roots keep the order of the unlikely, which a mean weighed by probability (ConSE, arXiv 1312.5650) drowns.
    """

    def __init__(self, targets: Targets) -> None:
        self._forward = compiled(classifier(2), EDGE)
        self.names = torch.from_numpy(targets.of(list(IMAGENET_CLASSNAMES)))

    def opinion(self, images: torch.Tensor) -> Opinion:
        """Of normalised images of the teacher's edge."""
        likely = functional.softmax(self._forward(images)[0].cpu(), dim=-1)
        return Opinion(likely, self.names, places(likely.sqrt(), self.names))


def places(scores: torch.Tensor, names: torch.Tensor) -> torch.Tensor:
    """The unit vectors, (n, d), whose similarities to the names, (m, d), are nearest to the scores, (n, m), by ridge regression."""
    return functional.normalize(scores @ placing(names, RIDGE).T, dim=-1)


def placing(names: torch.Tensor, ridge: float) -> torch.Tensor:
    """The matrix, (d, m), that leads from scores of the names, (m, d), to a place."""
    return torch.linalg.solve(names.T @ names + ridge * torch.eye(names.shape[1]), names.T)
