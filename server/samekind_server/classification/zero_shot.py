"""Classifies contents against labels described in words."""

from collections.abc import Sequence
from dataclasses import replace

from samekind.errors import SamekindError
from samekind.types import Answer, Content, Floats, Labels, LongText, ProbabilityKind, Report
from samekind_server.classification import head
from samekind_server.classification.matrices import Matrices
from samekind_server.embedding.askers import ANYONE, Asker
from samekind_server.embedding.base import Encoder
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.work import Embedded


class Classifier:
    """Answers what kind each content is. For one event loop."""

    def __init__(self, engine: Engine, *, label_cache_bytes: int = 256 << 20) -> None:
        self._engine = engine
        self._matrices = Matrices(engine, capacity=label_cache_bytes)

    async def classify(
        self,
        contents: Sequence[Content | SamekindError],
        labels: Labels,
        *,
        asker: Asker = ANYONE,
        model: str = "",
        multi_label: bool = False,
        top_k: int = 0,
        min_probability: float = 0.0,
        long_text: LongText = LongText.TRUNCATE,
    ) -> list[Answer]:
        """One answer per content, in order; a bad content's answer bears its error. Raises BadRequest for bad labels."""
        encoder = await self._engine.encoder(model)
        kind = head.kind(encoder, multi_label=multi_label)
        matrix = await self._matrices.get(encoder, labels, long_text, asker)
        embedded = await self._engine.embed(encoder, contents, asker=asker, long_text=long_text)
        background = await self._background(encoder, labels, embedded, asker) if kind is ProbabilityKind.BACKGROUND else None
        similarity = embedded.vectors @ matrix.rows.T
        probability = head.probabilities(encoder, similarity, background)
        names = [label.name for label in labels.labels]
        report = _report(embedded.report, matrix.report)

        def answer(row: int) -> Answer:
            if error := embedded.errors.get(row):
                return Answer((), kind, report, truncated_labels=matrix.truncated, error=error)
            scores = head.ranked(names, probability[row], similarity[row], top_k=top_k, at_least=min_probability)
            return Answer(scores, kind, report, row in embedded.truncated, matrix.truncated)

        return [answer(row) for row in range(len(contents))]

    async def _background(self, encoder: Encoder, labels: Labels, embedded: Embedded, asker: Asker) -> Floats:
        neutral = await self._matrices.get(encoder, head.neutral(labels), LongText.TRUNCATE, asker)
        return embedded.vectors @ neutral.rows.T


def _report(contents: Report, labels: Report) -> Report:
    return replace(
        contents,
        precision=contents.precision or labels.precision,
        wait_ms=contents.wait_ms + labels.wait_ms,
        decode_ms=contents.decode_ms + labels.decode_ms,
        compute_ms=contents.compute_ms + labels.compute_ms,
    )
