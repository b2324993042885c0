"""What SqueezeNet makes of a picture: which of ImageNet's thousand things it is, and where that puts it in the space."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from open_clip import IMAGENET_CLASSNAMES
from torch.nn import functional

from training.architecture import read_folded
from training.batches import Mix
from training.networks import SqueezeNet
from training.runtimes import compiled
from training.text_space import Targets

EDGE, SHARPNESS, RIDGE, USUAL = 128, 0.7, 0.5, 40


@dataclass(frozen=True)
class Opinion:
    """Probabilities of ImageNet's names (n, 1000), the names' targets (1000, 256), and places in the space (n, 256)."""

    likely: torch.Tensor
    names: torch.Tensor
    places: torch.Tensor


class Teacher:
    """Sees the same crops as the tower that learns from it (a consistent teacher, arXiv 2106.05237).

    A picture's place is the vector whose similarities to all thousand names are nearest to the teacher's logits, least squares: it holds
    what the teacher thinks of things that it takes the picture not to be, which softmax drowns.
    """

    def __init__(self, data: Path, targets: Targets, mix: Mix) -> None:
        self._forward = compiled(SqueezeNet(read_folded(data / "squeezenet11-imagenet.npz")), EDGE)
        self._names = torch.from_numpy(targets.of(list(IMAGENET_CLASSNAMES)))
        some = (mix.batch(2_000_000 + number, EDGE, blend=0.0) for number in range(USUAL))
        self._usual = torch.cat([self._forward(batch.images)[0][batch.trust > 0] for batch in some]).mean(0)

    def opinion(self, images: torch.Tensor) -> Opinion:
        """Of normalised images of the teacher's edge."""
        logits = self._forward(images)[0]
        return Opinion(functional.softmax(SHARPNESS * logits, dim=-1), self._names, places(logits - self._usual, self._names))


def places(logits: torch.Tensor, names: torch.Tensor) -> torch.Tensor:
    """The unit vectors, (n, d), whose similarities to the names, (m, d), are nearest to the logits, (n, m), by ridge regression."""
    square = names.T @ names + RIDGE * torch.eye(names.shape[1])
    return functional.normalize(torch.linalg.solve(square, names.T @ logits.T).T, dim=-1)
