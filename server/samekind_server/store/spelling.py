"""Cuts texts into the words by which they are found: without case and accents, codes whole and in their parts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import regex

LONGEST = 64  # Characters that count of a word.
_CODES = regex.compile(r"[\p{L}\p{M}\p{N}]+(?:[-_./][\p{L}\p{M}\p{N}]+)*")
_PLAIN = re.compile(r"[a-z0-9]+(?:[-_./][a-z0-9]+)*")  # The same of ASCII, which is most of what comes.
_JOINTS = regex.compile(r"[-_./]")
_ACCENTS = regex.compile(r"[\u0300-\u036f]+")
# Written without spaces: characters and pairs of them stand for words.
_UNSPACED = regex.compile(r"([\p{Han}\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]+)")


def words(text: str) -> Iterator[str]:
    """All that a text is found by, in its order: "AB-12/7" as itself and as ab, 12 and 7."""
    for code in codes(text):
        yield code
        if not code.isascii() or not code.isalnum():
            yield from parts(code)


def codes(text: str) -> Iterator[str]:
    """The words of a text as they stand between spaces and signs; `-_./` within them stay."""
    if text.isascii():
        yield from (code[:LONGEST] for code in _PLAIN.findall(text.lower()))
        return
    for found in _CODES.finditer(folded(text)):
        yield from _unspaced(found[0]) if _UNSPACED.search(found[0]) else [found[0][:LONGEST]]


def parts(code: str) -> list[str]:
    """What `-_./` keeps apart in a word, where it does; of what is written without spaces its characters."""
    if _UNSPACED.fullmatch(code):
        return list(code) if len(code) > 1 else []
    apart = _JOINTS.split(code)
    return [part for part in apart if part] if len(apart) > 1 else []


def folded(text: str) -> str:
    """Without case, accents, and differences that are of form alone, as of full width."""
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    return unicodedata.normalize("NFKC", bare).casefold()


def _unspaced(word: str) -> Iterator[str]:
    """Runs of what is written without spaces as pairs, what stands between them as it is."""
    for run in filter(None, _UNSPACED.split(word)):
        if _UNSPACED.fullmatch(run) and len(run) > 1:
            yield from (run[place : place + 2] for place in range(len(run) - 1))
        else:
            yield from (each[:LONGEST] for each in _CODES.findall(run))
