"""Classifies contents against labels described in words."""

from collections.abc import Sequence
from dataclasses import replace

from samekind.errors import BadRequest, SamekindError, Violation
from samekind.types import Answer, Content, Floats, Labels, LongText, ProbabilityKind, Report
from samekind_server.classification import head
from samekind_server.classification.matrices import Matrices, Matrix
from samekind_server.classification.prepared import Prepared, prepare
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
        labels: Labels | Prepared | Sequence[Prepared],
        *,
        asker: Asker = ANYONE,
        model: str = "",
        multi_label: bool = False,
        top_k: int = 0,
        min_probability: float = 0.0,
        long_text: LongText = LongText.TRUNCATE,
    ) -> list[Answer]:
        """One answer per content, in order; a bad content's answer bears its error. Raises BadRequest for bad labels.

        Of several sets each answer bears one by each, for the price of embedding the contents once.
        """
        sets = _sets(labels)
        encoder = await self._engine.encoder(model or _own_model(sets))
        kind = head.kind(encoder, multi_label=multi_label)
        matrices = [await self._matrices.get(encoder, each, long_text, asker) for each in sets]
        embedded = await self._engine.embed(encoder, contents, asker=asker, long_text=long_text)
        report = _report(embedded.report, [matrix.report for matrix in matrices])

        async def answers(asked: Prepared, matrix: Matrix) -> list[Answer]:
            background = await self._background(encoder, asked.labels, embedded, asker) if kind is ProbabilityKind.BACKGROUND else None
            similarity = embedded.vectors @ matrix.rows.T
            probability = head.probabilities(encoder, similarity, background)
            bare = Answer((), kind, report, truncated_labels=matrix.truncated, label_set=asked.label_set, version=asked.version)

            def answer(row: int) -> Answer:
                if error := embedded.errors.get(row):
                    return replace(bare, error=error)
                scores = head.ranked(asked.names, probability[row], similarity[row], top_k=top_k, at_least=min_probability)
                return replace(bare, scores=scores, truncated=row in embedded.truncated)

            return [answer(row) for row in range(len(contents))]

        each = [await answers(asked, matrix) for asked, matrix in zip(sets, matrices, strict=True)]
        return [_several(told) for told in zip(*each, strict=True)] if isinstance(labels, Sequence) else each[0]

    async def close(self) -> None:
        """Ends what goes on for nobody."""
        await self._matrices.close()

    async def _background(self, encoder: Encoder, labels: Labels, embedded: Embedded, asker: Asker) -> Floats:
        neutral = await self._matrices.get(encoder, prepare(head.neutral(labels)), LongText.TRUNCATE, asker)
        return embedded.vectors @ neutral.rows.T


def _sets(labels: Labels | Prepared | Sequence[Prepared]) -> Sequence[Prepared]:
    match labels:
        case Labels():
            return [prepare(labels)]
        case Prepared():
            return [labels]
    return labels


def _own_model(sets: Sequence[Prepared]) -> str:
    """The model that the sets name; "" where none does, and a set that names none goes with any."""
    models = dict.fromkeys(each.model for each in sets if each.model)
    if len(models) > 1:
        told = ", ".join(f"{each.label_set} {each.model or 'none'}" for each in sets)
        message = f"these label sets are not of one model: {told}; name the model that all are to be asked of"
        raise BadRequest(message, violations=(Violation("model", message),))
    return next(iter(models), "")


def _several(answers: Sequence[Answer]) -> Answer:
    """One answer of what several sets say of one content."""
    by_label_set = {answer.label_set: answer for answer in answers}
    return replace(answers[0], scores=(), truncated_labels=(), label_set="", version=0, by_label_set=by_label_set)


def _report(contents: Report, labels: Sequence[Report]) -> Report:
    return replace(
        contents,
        precision=contents.precision or next((each.precision for each in labels if each.precision), None),
        wait_ms=contents.wait_ms + sum(each.wait_ms for each in labels),
        decode_ms=contents.decode_ms + sum(each.decode_ms for each in labels),
        compute_ms=contents.compute_ms + sum(each.compute_ms for each in labels),
    )
