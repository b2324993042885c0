"""The zero-shot head: one unit vector per label, and the probabilities of similarities to them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samekind.types import Floats, Label, Labels, LabelScore, ProbabilityKind, ScoreKind
from samekind_server.classification import templates
from samekind_server.embedding.base import Encoder

BLANK = "{}"
NEUTRAL = ("thing", "object", "item", "scene", "picture")


@dataclass(frozen=True)
class Sentences:
    """Every text of a list of labels, and for each label the rows of its name's and its descriptions' texts."""

    texts: list[str]
    names: list[range]
    descriptions: list[range]


def sentences(labels: Labels) -> Sentences:
    """A name goes through the templates; a description stands as written unless it holds `{}`, which becomes the name."""
    made = Sentences([], [], [])
    through = templates.of(labels)
    for label in labels.labels:
        made.names.append(_add(made.texts, [template.replace(BLANK, label.name) for template in through]))
        made.descriptions.append(_add(made.texts, [text.replace(BLANK, label.name) for text in label.descriptions]))
    return made


def matrix(vectors: Floats, made: Sentences) -> Floats:
    """A unit row per label, (labels, dimensions): the mean over its names' unit vectors, averaged with that over its descriptions'.

    Without descriptions this is the classifier of CLIP (arXiv 2103.00020, section 3.1.4) as open_clip builds it.
    """
    rows = np.stack([_mean(vectors, names, descriptions) for names, descriptions in zip(made.names, made.descriptions, strict=True)])
    unit: Floats = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def neutral(labels: Labels) -> Labels:
    """What is no kind in particular, in the same sentences: the background each label of a multi-label question is held against."""
    return Labels(tuple(Label(name) for name in NEUTRAL), labels.template_set, labels.templates)


def kind(encoder: Encoder, *, multi_label: bool) -> ProbabilityKind:
    """What this model's probabilities are for this question."""
    if encoder.model.score_kind is ScoreKind.SIGMOID:
        return ProbabilityKind.SIGMOID
    return ProbabilityKind.BACKGROUND if multi_label else ProbabilityKind.SOFTMAX


def probabilities(encoder: Encoder, similarities: Floats, background: Floats | None = None) -> Floats:
    """Probabilities of (contents, labels) cosines; `background` are the contents' cosines to the neutral labels, where each label stands alone.

    SigLIP's sigmoid is arXiv 2303.15343. A sigmoid of CLIP's scaled cosines means nothing: softmax training fixes only
    differences between labels, so each label is set against the mean of the neutral ones, a softmax of two.
    """
    logits = encoder.logit_scale * similarities.astype(np.float64)
    if encoder.model.score_kind is ScoreKind.SIGMOID:
        return _sigmoid(logits + encoder.logit_bias)
    if background is not None:
        against = np.logaddexp.reduce(encoder.logit_scale * background.astype(np.float64), axis=1, keepdims=True)
        return _sigmoid(logits - against + np.log(background.shape[1]))
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Floats = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def ranked(names: Sequence[str], probability: Floats, similarity: Floats, *, top_k: int, at_least: float) -> tuple[LabelScore, ...]:
    """The labels of one content, most probable first and equals in the given order; the best `top_k` (0: all) of at least that probability."""
    best = np.argsort(-probability, kind="stable")[: top_k or None]
    return tuple(LabelScore(names[row], float(probability[row]), float(similarity[row])) for row in best if probability[row] >= at_least)


def _add(texts: list[str], more: list[str]) -> range:
    texts.extend(more)
    return range(len(texts) - len(more), len(texts))


def _mean(vectors: Floats, names: range, descriptions: range) -> Floats:
    groups = [vectors[rows.start : rows.stop].mean(axis=0) for rows in (names, descriptions) if rows]
    mean: Floats = np.mean(groups, axis=0)
    return mean


def _sigmoid(logits: NDArray[np.float64]) -> Floats:
    probability: Floats = (0.5 * (1 + np.tanh(0.5 * logits))).astype(np.float32)
    return probability
