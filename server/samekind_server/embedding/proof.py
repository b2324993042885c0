"""Proves that a model works, by a pass through both of its towers."""

import io

import numpy as np
from PIL import Image as Pillow

from samekind.errors import Internal
from samekind.types import Floats
from samekind_server.embedding.base import Encoder


def prove(encoder: Encoder) -> None:
    """Reads a text and sees a grey image, past any queue. Raises Internal where what comes back is no unit row, and what the model raises."""
    height, width = encoder.preprocess.height_width
    _check(encoder, "images", encoder.runtime.images(np.zeros((1, 3, height, width), np.float32)))
    _check(encoder, "texts", encoder.runtime.texts(encoder.tokenizer(["awake"]).ids))


def picture() -> bytes:
    """A small grey image's file."""
    file = io.BytesIO()
    Pillow.new("RGB", (32, 32), "grey").save(file, "PNG")
    return file.getvalue()


def _check(encoder: Encoder, tower: str, rows: Floats) -> None:
    shape = (1, encoder.model.dimensions)
    if rows.shape != shape or not np.allclose(np.linalg.norm(rows.astype(np.float32), axis=1), 1, atol=0.01):
        raise Internal(f"the {tower} tower of {encoder.model.name} answers what is no unit row of {shape[1]} numbers")
