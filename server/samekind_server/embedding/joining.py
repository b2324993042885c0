"""Embeds texts as their windows: takes them apart before, and makes the rows of each one again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from samekind.errors import SamekindError
from samekind.types import Content, Text
from samekind_server.embedding.windows import MOST, Place, Windows
from samekind_server.embedding.work import Embedded

Cuts = Mapping[int, Sequence[Place]]  # By the index of a text.


def apart(contents: Sequence[Content | SamekindError], cuts: Cuts) -> tuple[list[Content | SamekindError], list[int]]:
    """All contents, those that are cut as their windows, and which content each is, or is of."""
    parts, owners = list[Content | SamekindError](), list[int]()
    for index, content in enumerate(contents):
        places = cuts.get(index, ())[:MOST]
        some = [Text(content.text[begin:end]) for begin, end in places] if isinstance(content, Text) and places else [content]
        parts += some
        owners += [index] * len(some)
    return parts, owners


def together(embedded: Embedded, owners: Sequence[int], cuts: Cuts) -> Embedded:
    """A row for each content; one that was cut fails where any of its windows does."""
    firsts = np.flatnonzero(np.diff(owners, prepend=-1))
    answer = replace(embedded, vectors=embedded.vectors[firsts], errors={}, truncated={owners[part] for part in embedded.truncated})
    for part, error in embedded.errors.items():
        answer.errors.setdefault(owners[part], error)
    for index, places in cuts.items():
        first = firsts[index]
        windows = Windows(tuple(places[:MOST]), embedded.vectors[first : first + len(places[:MOST])])
        answer.windows[index], answer.vectors[index] = windows, windows.mean
        if len(places) > MOST:
            answer.truncated.add(index)
    return answer
