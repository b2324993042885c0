"""Measures what taking the modality gap out is worth where it is as wide as CLIP's: put into vectors of a model that has less of it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import samekind
from benchmarks.quality.scores import Score, vectors
from benchmarks.quality.search import K, compared, mixed_catalogs
from samekind_server.catalog.background import Background, Backgrounds
from samekind_server.index.base import Shape
from samekind_server.index.exact import Exact
from samekind_server.search import gap

APART = 0.7  # Added along an axis of its own before each kind is made unit again: means are then about 0.82 apart, as in CLIP (arXiv 2203.02053).
SEED = 4

Vectors = NDArray[np.float32]


def put_in(sk: samekind.Client, data: Path, limit: int) -> Iterator[Score]:
    """The mixed catalogs asked by text, all texts in one cone and all images in another."""
    for mixed in mixed_catalogs(data, limit):
        pictures, texts, queries = (np.stack([each.values for each in vectors(sk, some)]) for some in (mixed.pictures, mixed.texts, mixed.queries))
        image, text = np.linalg.qr(np.random.default_rng(SEED).normal(size=(pictures.shape[1], 2)))[0].T
        kinds, asked = {"image": _cone(pictures, image), "text": _cone(texts, text)}, _cone(queries, text)
        background = Backgrounds().now(0, {name: _index(each) for name, each in kinds.items()})
        ids = np.array([f"{name} {place}" for name, each in kinds.items() for place in range(len(each))])
        yield from compared(replace(mixed, name=f"{mixed.name}, gap put in"), *(_answers(asked, kinds, ids, of) for of in (None, background)))


def _answers(queries: Vectors, kinds: dict[str, Vectors], ids: NDArray[np.str_], background: Background | None) -> list[Sequence[str]]:
    return [ids[np.argsort(-_scores(query, kinds, background), kind="stable")[:K]].tolist() for query in queries]


def _scores(query: Vectors, kinds: dict[str, Vectors], background: Background | None) -> Vectors:
    levels = gap.levels(background, {"text": 1.0}, dict.fromkeys(kinds, query)) if background else {}
    similarities = {name: vectors @ query for name, vectors in kinds.items()}
    return np.concatenate([levels[name].scores(each) if levels else each for name, each in similarities.items()])


def _cone(given: Vectors, axis: NDArray[np.floating]) -> Vectors:
    moved = given + APART * axis
    unit: Vectors = (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _index(vectors: Vectors) -> Exact:
    index = Exact(Shape(vectors.shape[1]))
    index.add(np.arange(len(vectors)), vectors)
    return index
