"""Turns texts into the token rows that text towers read."""

import gzip
import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from string import punctuation
from threading import Lock
from typing import Protocol

import ftfy
import numpy as np
import regex
from numpy.typing import NDArray
from tokenizers.models import BPE

from samekind.errors import BadModel


@dataclass(frozen=True)
class Tokens:
    """Token rows: `ids` (n, context) padded, `lengths` (n,) before padding, `truncated` (n,) where a text did not fit."""

    ids: NDArray[np.int64]
    lengths: NDArray[np.int64]
    truncated: NDArray[np.bool_]


class ClipTokenizer:
    """CLIP's byte-pair tokens, id for id those of open_clip's SimpleTokenizer; safe among threads and cheap to make.

    The text is repaired, unescaped, collapsed and lower-cased; a row is start, tokens, end, then zeros.
    """

    def __init__(self, context_length: int = 77) -> None:
        self.context_length = context_length

    def __call__(self, texts: Sequence[str]) -> Tokens:
        room = self.context_length - 2
        rows = [_encode(text, room + 1) for text in texts]
        ids = np.zeros((len(rows), self.context_length), np.int64)
        for row, tokens in zip(ids, rows, strict=True):
            row[: len(tokens[:room]) + 2] = [_START, *tokens[:room], _END]
        counts = np.array([len(tokens) for tokens in rows], np.int64)
        return Tokens(ids, np.minimum(counts, room) + 2, counts > room)


class Tensor(Protocol):
    """What open_clip's tokenizers answer with."""

    def numpy(self) -> NDArray[np.int64]:
        """The same ids as an array."""


class OpenClipCallable(Protocol):
    """An open_clip tokenizer object: SimpleTokenizer, HFTokenizer or SigLipTokenizer."""

    context_length: int | None

    def __call__(self, texts: list[str]) -> Tensor:
        """The ids of `texts`, padded and cut to the context."""


class OpenClipTokenizer:
    """An open_clip tokenizer that also says which texts it cut.

    The rows are the tokenizer's own. Whether a text fitted is known by counting its tokens once more with no limit,
    not from the row: where padding and end share an id, as in SigLIP's, the row does not show it.
    """

    def __init__(self, tokenizer: OpenClipCallable) -> None:
        self.context_length = tokenizer.context_length or 77
        self._tokenizer = tokenizer
        self._count = _counter(tokenizer)
        self._lock = Lock()  # Hugging Face's tokenizers keep their limit as state: two threads would change it under each other

    def __call__(self, texts: Sequence[str]) -> Tokens:
        with self._lock:
            ids = self._tokenizer(list(texts)).numpy()
            counts = np.array(self._count(texts), np.int64)
        return Tokens(ids, np.minimum(counts, ids.shape[1]), counts > ids.shape[1])


_START, _END = 49_406, 49_407
_SPECIAL = {"<start_of_text>": (_START,), "<end_of_text>": (_END,)}
_WORDS = regex.compile(
    r"<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+",
    regex.IGNORECASE,
)
_MERGES = 48_894
_CACHED_LETTERS = 32


def _encode(text: str, enough: int) -> list[int]:
    """The first `enough` tokens of `text`, or a few more."""
    ids: list[int] = []
    for word in _WORDS.finditer(lowered(text)):
        ids.extend(_word(word[0]))
        if len(ids) >= enough:
            break
    return ids


def lowered(text: str) -> str:
    """Repaired, with single spaces, in lower case."""
    return spaced(text).lower()


def spaced(text: str) -> str:
    """Repaired, with single spaces."""
    return " ".join(_repaired(text).split())


def _repaired(text: str) -> str:
    # Plain ASCII has nothing to repair and is most of what comes; ftfy alone would take most of the time.
    if text.isascii() and text.isprintable() and "&" not in text:
        return text
    return html.unescape(html.unescape(ftfy.fix_text(text))).strip()


def _word(word: str) -> tuple[int, ...]:
    # Only short words are remembered, so that nobody can fill the memory with long ones.
    return _short_word(word) if len(word) <= _CACHED_LETTERS else _pieces(word)


@lru_cache(maxsize=2**15)
def _short_word(word: str) -> tuple[int, ...]:
    return _SPECIAL.get(word) or _pieces(word)


def _pieces(word: str) -> tuple[int, ...]:
    letters = "".join(map(_letters().__getitem__, word.encode()))
    return tuple(token.id for token in _bpe().tokenize(letters))


@cache
def _letters() -> tuple[str, ...]:
    """The letter that stands for each byte in a byte-level vocabulary: itself where it prints, else one from 256 on."""
    letters = {byte: chr(byte) for byte in _printable()}
    others = (byte for byte in range(256) if byte not in letters)
    letters |= {byte: chr(256 + place) for place, byte in enumerate(others)}
    return tuple(letters[byte] for byte in range(256))


def _printable() -> list[int]:
    return [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]


@cache
def _bpe() -> BPE:
    """The vocabulary: every byte's letter, printing ones first, the same as ends of words, then what each merge makes."""
    letters = _letters()
    bytes_first = [*_printable(), *(byte for byte in range(256) if byte not in _printable())]
    alphabet = [letters[byte] for byte in bytes_first]
    merges = _merges()
    symbols = [*alphabet, *(letter + "</w>" for letter in alphabet), *(first + second for first, second in merges)]
    return BPE({symbol: id for id, symbol in enumerate(symbols)}, merges, end_of_word_suffix="</w>")


def _merges() -> list[tuple[str, str]]:
    """CLIP's merges in order, from the file that open_clip ships; the package is found and not imported."""
    package = find_spec("open_clip")
    if package is None or package.origin is None:
        raise BadModel("CLIP's vocabulary is not here: it comes with open_clip; pip install 'samekind[server]'")
    lines = gzip.decompress(Path(package.origin).with_name("bpe_simple_vocab_16e6.txt.gz").read_bytes()).decode().split("\n")
    return [(first, second) for first, second in map(str.split, lines[1 : _MERGES + 1])]


def _counter(tokenizer: OpenClipCallable) -> Callable[[Sequence[str]], list[int]]:
    encode: Callable[[str], list[int]] | None = getattr(tokenizer, "encode", None)
    if encode is None:
        return _hugging_face_counter(tokenizer)
    return lambda texts: [len(encode(text)) + 2 for text in texts]


def _hugging_face_counter(tokenizer: OpenClipCallable) -> Callable[[Sequence[str]], list[int]]:
    words: Callable[..., Mapping[str, list[list[int]]]] = vars(tokenizer)["tokenizer"]
    clean: Callable[[str], str] = getattr(tokenizer, "clean_fn", canonical)
    return lambda texts: [len(ids) for ids in words([clean(text) for text in texts], verbose=False)["input_ids"]]


def canonical(text: str) -> str:
    """Repaired, without punctuation, in lower case: what SigLipTokenizer, which shows no cleaning of its own, does to a text first."""
    return " ".join(_repaired(text).replace("_", " ").translate(str.maketrans("", "", punctuation)).lower().split())
