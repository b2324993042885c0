"""Where a thing stands among its kin: WordNet numbers animals, food and plants so that relatives are neighbours.

A gerenuk's name says nothing of antelopes to a sentence encoder, which knows rare words by their spelling at best; the synsets numbered
next to it do.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from training.phrases import synsets

# WordNet 3.0's numbers of animals, food and plants. Artefacts stand in alphabetical order, so their neighbours tell nothing.
KINDS = ((1310000, 2670000), (7555000, 7940000), (11530000, 13200000))
REACH, LATIN = 4.0, 0.1
_AFTER_THE_THING = re.compile(r" (?:on|in|at|by|for|with|and|held) .*|[.()/].*")

Vectors = Callable[[list[str]], np.ndarray]


def kinship(data: Path, vectors: Vectors) -> dict[str, np.ndarray]:
    """For each name of an animal, food or plant the mean of its neighbours' `vectors`, weighted by a Gaussian over WordNet's order.

    The vectors are of mean length one; a name of several synsets stands between them.
    """
    found: defaultdict[str, list[np.ndarray]] = defaultdict(list)
    numbered = synsets(data)
    for low, high in KINDS:
        kind = [names for number, names in numbered if low <= number < high]
        for names, vector in zip(kind, _smoothed(kind, vectors), strict=True):
            for name in names:
                found[name.lower()].append(vector)
    return {name: np.mean(some, axis=0) for name, some in found.items()}


def head(phrase: str, known: dict[str, np.ndarray]) -> np.ndarray | None:
    """The kin of the thing that `phrase` is about: of the longest ending before any "on a table" that is `known`."""
    words = _AFTER_THE_THING.sub("", phrase.lower()).split()
    endings = (" ".join(words[start:]) for start in range(len(words)))
    spellings = (spelling for ending in endings for spelling in (ending, ending.removesuffix("s"), ending.removesuffix("es")))
    return next((known[spelling] for spelling in spellings if spelling in known), None)


def _smoothed(kind: list[list[str]], vectors: Vectors) -> np.ndarray:
    """Each synset's neighbourhood; the Latin names of families and genera say little and weigh little."""
    common = [[name for name in names if not _latin(name)] for names in kind]
    weights = np.array([1.0 if some else LATIN for some in common])[:, None]
    lists = [some or names for some, names in zip(common, kind, strict=True)]
    flat, ends = vectors([name for names in lists for name in names]), np.cumsum([len(names) for names in lists])
    means = np.stack([part.mean(axis=0) for part in np.split(flat, ends[:-1])])
    near = gaussian_filter1d(means * weights, REACH, axis=0, mode="nearest") / gaussian_filter1d(weights, REACH, axis=0, mode="nearest")
    length: np.ndarray = np.linalg.norm(near, axis=1).mean()
    return near / length


def _latin(name: str) -> bool:
    return name[0].isupper() or name.startswith(("genus ", "family ", "order ", "class "))
