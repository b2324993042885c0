"""Runs tokenizers of Hugging Face's without transformers, which would import torch."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from samekind.errors import BadModel
from samekind_server.embedding.texts import Tokens, canonical, lowered, spaced

CLEANERS: Mapping[str, Callable[[str], str]] = {"canonicalize": canonical, "lower": lowered, "whitespace": spaced}


class PlainTokenizer:
    """A tokenizer whose limit and padding are set once; safe among threads. `strip` is an id that is left out as zero."""

    def __init__(self, words: Tokenizer, *, context: int, clean: str, pad: int, side: str, cut: str, strip: int | None) -> None:
        self._words, self._clean, self._strip = words, CLEANERS[clean], strip
        words.enable_truncation(context, direction=cut)
        words.enable_padding(direction=side, pad_id=pad, length=context)

    @classmethod
    def read(cls, file: Path, how: Mapping[str, Any]) -> "PlainTokenizer":
        """The tokenizer of that file, used so. Raises BadModel."""
        try:
            return cls(Tokenizer.from_str(file.read_text(encoding="utf-8")), **how)
        except Exception as error:  # The library raises nothing narrower.
            raise BadModel(f"{file} is no tokenizer: {error}") from None

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """The ids of `texts`, padded to the model's context and cut there."""
        rows = self._words.encode_batch([self._clean(text) for text in texts])
        ids = np.array([row.ids for row in rows], np.int64)
        lengths = np.array([sum(row.attention_mask) for row in rows], np.int64)
        if self._strip is not None:
            ids[ids == self._strip] = 0
        return Tokens(ids, lengths, np.array([bool(row.overflowing) for row in rows]))
