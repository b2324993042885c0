"""Cuts texts longer than a model's context into windows that overlap, at ends of sentences where it can, else of words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import regex
from numpy.typing import NDArray

from samekind.types import Floats
from samekind_server.embedding.base import Tokenizer

MOST = 1024  # Windows of a text; what is behind them is left out.
OVERLAP = 0.25  # At most so much of a window is in the next one too.
LEAST = 0.5  # A window that ends with a sentence is filled at least so far.
CLOSER = 0.8  # Where words together make more tokens than each by itself, windows are to have so much fewer.
TRIES = 4
TOGETHER = 256  # Words that are counted at once.
_WORDS = regex.compile(r"(?:[^\s。！？]{1,24}[。！？]*|[。！？]+)\s*")
_SENTENCE = regex.compile(r"[.!?。！？][\"'”’)\]]*\s*$|\n\s*$")
Place = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Windows:
    """The parts of a text, each from one character to another, and their unit rows, (n, dimensions)."""

    places: tuple[Place, ...]
    rows: Floats

    @property
    def mean(self) -> Floats:
        """The unit row of all of them; of opposites, the first's."""
        total = self.rows.astype(np.float64).sum(axis=0)
        length = float(np.linalg.norm(total))
        mean: Floats = (total / length).astype(np.float32) if length > 1e-6 else self.rows[0]
        return mean


def cut(text: str, tokenizer: Tokenizer) -> list[Place]:
    """Where each window begins and ends; nothing for a text that fits as a whole."""
    tokens = tokenizer([text])
    if not tokens.truncated[0]:
        return []
    room = tokens.ids.shape[1] - int(tokenizer([""]).lengths[0])
    begins, counts = _words(text, tokenizer, max(1, int(OVERLAP * room)))
    words = [text[begin:end] for begin, end in pairwise([*begins, len(text)])]
    closes = np.array([bool(_SENTENCE.search(word)) for word in words])
    if not words:
        return []
    for _ in range(TRIES):
        places = [(begins[first], begins[last - 1] + len(words[last - 1].rstrip())) for first, last in _filled(counts, closes, room)]
        if not _truncated([text[begin:end] for begin, end in places], tokenizer):
            break
        room = max(1, int(room * CLOSER))
    return places


def _words(text: str, tokenizer: Tokenizer, most: int) -> tuple[list[int], NDArray[np.int64]]:
    """Where each word begins, and about how many tokens it has; those of more than `most` are cut in halves."""
    begins, counts = [found.start() for found in _WORDS.finditer(text)], np.zeros(0, np.int64)
    while begins:
        spans = list(pairwise([*begins, len(text)]))
        counts = _counts([text[begin:end] for begin, end in spans], tokenizer)
        halves = [(begin + end) // 2 for (begin, end), count in zip(spans, counts, strict=True) if count > most and end - begin > 1]
        if not halves:
            break
        begins = sorted([*begins, *halves])
    return begins, counts


def _counts(words: Sequence[str], tokenizer: Tokenizer) -> NDArray[np.int64]:
    """About how many tokens each word has."""
    known, own = list(dict.fromkeys(words)), int(tokenizer([""]).lengths[0])
    lengths = [tokenizer(known[first : first + TOGETHER]).lengths for first in range(0, len(known), TOGETHER)]
    count = dict(zip(known, np.maximum(1, np.concatenate(lengths) - own).tolist(), strict=True))
    return np.array([count[word] for word in words])


def _filled(counts: NDArray[np.int64], closes: NDArray[np.bool_], room: int) -> list[tuple[int, int]]:
    """The first word of each window and the first that is not in it any more."""
    upto, sentences = np.concatenate([[0], np.cumsum(counts)]), np.flatnonzero(closes) + 1
    windows, first = list[tuple[int, int]](), 0
    while first < len(counts):
        last = max(first + 1, int(np.searchsorted(upto, upto[first] + room, "right")) - 1)
        if last < len(counts):
            last = _between(sentences, int(np.searchsorted(upto, upto[first] + LEAST * room)), last, latest=True) or last
        windows.append((first, last))
        if last == len(counts):
            break
        again = max(first + 1, int(np.searchsorted(upto, upto[last] - OVERLAP * room)))
        first = _between(sentences, again, last, latest=False) or again
    return windows


def _between(sentences: NDArray[np.intp], least: int, most: int, *, latest: bool) -> int:
    """The first or last sentence's end within these words, 0 where there is none."""
    some = sentences[np.searchsorted(sentences, least) : np.searchsorted(sentences, most, "right")]
    return int(some[-1 if latest else 0]) if len(some) else 0


def _truncated(texts: Sequence[str], tokenizer: Tokenizer) -> bool:
    return any(tokenizer(texts[first : first + TOGETHER]).truncated.any() for first in range(0, len(texts), TOGETHER))
