"""Embeds texts by mini, in the process that measures: thousands of them at once, for what is learned from their vectors."""

import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from samekind.types import Floats, Precision
from samekind_server.embedding.loading import load


@lru_cache(maxsize=2)
def embedded(texts: tuple[str, ...]) -> Floats:
    """Unit rows by mini's text tower."""
    with tempfile.TemporaryDirectory(prefix="samekind-eval-") as folder:
        encoder = load("mini", offline=True, precision=Precision.FAST, cache_dir=Path(folder))
        rows = [encoder.runtime.texts(encoder.tokenizer(texts[start : start + 64]).ids) for start in range(0, len(texts), 64)]
    return np.concatenate(rows).astype(np.float32)
