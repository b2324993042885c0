"""Asks the questions of a server through the client, and scores its answers."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

import samekind
from benchmarks.quality import metrics
from benchmarks.quality.tasks import Photos, png
from samekind import Answer, Vector, shop
from samekind.shop import Product

TEMPLATES = ("plain", "photo")


@dataclass(frozen=True)
class Score:
    """One number on one set: its 95 % interval, what guessing gives, and of a classification what else is known."""

    data: str
    measure: str
    templates: str
    n: int
    classes: int
    value: float
    low: float | None
    high: float | None
    chance: float | None
    top_5: float | None = None
    commonest: float | None = None
    calibration_error: float | None = None
    mean_probability: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Every field."""
        return asdict(self)


def vectors(sk: samekind.Client, contents: Sequence[bytes | str]) -> list[Vector]:
    """The contents embedded once, to be asked several questions. Raises the error of one that cannot be."""
    embedded = sk.embed(contents)
    for one in embedded:
        if one.error:
            raise one.error
    return [Vector(one.vector, one.space) for one in embedded]


def classification(sk: samekind.Client, photos: Photos) -> list[Score]:
    """Each picture among all names of its set, with the names alone and in sentences."""
    seen = vectors(sk, photos.pictures)
    return [_classified(photos, templates, sk.classify(seen, photos.classes, templates=templates)) for templates in TEMPLATES]


def title_to_picture(sk: samekind.Client, drawn: Sequence[Product], k: int = 10) -> Score:
    """Each title among the pictures of all: whether its own is among the best k."""
    titles = vectors(sk, [product.title for product in drawn])
    pictures = vectors(sk, [png(product) for product in drawn])
    similarities = np.stack([one.values for one in titles]) @ np.stack([one.values for one in pictures]).T
    hits = metrics.recalled(similarities, k)
    return Score(
        "drawn shop: title to picture",
        f"recall@{k}",
        "",
        len(drawn),
        len(drawn),
        float(hits.mean()),
        *metrics.interval(hits),
        min(1.0, k / len(drawn)),
    )


def colours_and_patterns(sk: samekind.Client, drawn: Sequence[Product]) -> list[Score]:
    """Colour and pattern as labels of which any number may hold: for each label, whether pictures that bear it come first."""
    looks = (*shop.COLOURS, *shop.PATTERNS)
    names = [f"{look} thing" for look in looks]  # A colour is no kind of thing, which the sentences speak of.
    seen = vectors(sk, [png(product) for product in drawn])
    truths = np.array([[look in (product.colour, product.pattern) for look in looks] for product in drawn])
    return [_several(names, truths, templates, sk.classify(seen, names, templates=templates, multi=True)) for templates in TEMPLATES]


def _classified(photos: Photos, templates: str, answers: Sequence[Answer]) -> Score:
    ranks = [[score.label for score in answer.scores].index(truth) for answer, truth in zip(answers, photos.truths, strict=True)]
    hits, top_5 = np.array(ranks) == 0, np.array(ranks) < 5
    probabilities = np.array([answer.scores[0].probability for answer in answers])
    _, counts = np.unique(photos.truths, return_counts=True)
    return Score(
        photos.name,
        "top-1",
        templates,
        len(hits),
        len(photos.classes),
        float(hits.mean()),
        *metrics.interval(hits),
        1 / len(photos.classes),
        top_5=float(top_5.mean()),
        commonest=float(counts.max() / counts.sum()),
        calibration_error=metrics.calibration_error(probabilities, hits),
        mean_probability=float(probabilities.mean()),
    )


def _several(names: Sequence[str], truths: metrics.Truths, templates: str, answers: Sequence[Answer]) -> Score:
    said = [{score.label: score.probability for score in answer.scores} for answer in answers]
    probabilities = np.array([[answer[name] for name in names] for answer in said])
    each = [metrics.average_precision(probabilities[:, place], truths[:, place]) for place in range(len(names))]
    value, chance = float(np.nanmean(each)), float(truths.mean(axis=0)[truths.any(axis=0)].mean())
    return Score("drawn shop: colours and patterns", "mean AP", templates, len(answers), len(names), value, None, None, chance)
