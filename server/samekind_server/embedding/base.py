"""What a model is to the rest of the core: preprocessing, tokenizer, two towers and the scale of its similarities."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from samekind.types import Floats, Model, Precision
from samekind_server.embedding.images import Preprocess
from samekind_server.embedding.texts import Tokens

Ids = NDArray[np.int64]


class Runtime(Protocol):
    """Computes one model's two towers. Both methods may be called from any thread; calls to one tower wait for each other."""

    @property
    def name(self) -> str:
        """`openvino` or `torch`."""

    @property
    def precision(self) -> Precision:
        """What it truly computes in, whatever was asked for."""

    def images(self, pixels: Floats) -> Floats:
        """Unit rows, (n, dimensions), for prepared images, (n, 3, height, width)."""

    def texts(self, ids: Ids) -> Floats:
        """Unit rows, (n, dimensions), for token ids, (n, context length)."""

    def rest(self) -> None:
        """Gives back memory that is kept between calls for speed alone."""


class Tokenizer(Protocol):
    """Turns texts into token ids."""

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """The ids of `texts`, padded to the model's context and cut there."""


@dataclass(frozen=True)
class Encoder:
    """A model ready for use: logits are `logit_scale` × cosine + `logit_bias`. It takes `memory` bytes, measured where it can be."""

    model: Model
    preprocess: Preprocess
    tokenizer: Tokenizer
    runtime: Runtime
    logit_scale: float
    logit_bias: float
    memory: int = 0


def unit(rows: Floats) -> Floats:
    """Each row divided by its length."""
    lengths: Floats = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / lengths
