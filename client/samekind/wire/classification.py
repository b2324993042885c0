"""What ClassificationService is asked and answers (classification_service.proto)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from samekind.errors import SamekindError
from samekind.types import Answer, Label, Labels, LabelScore, LongText, ProbabilityKind
from samekind.v1 import classification_service_pb2 as pb
from samekind.v1 import content_pb2 as words
from samekind.wire.contents import LONG_TEXTS, known, number, read_report, report, utf8
from samekind.wire.statuses import read_status, status

PROBABILITY_KINDS = {
    pb.PROBABILITY_KIND_SOFTMAX: ProbabilityKind.SOFTMAX,
    pb.PROBABILITY_KIND_SIGMOID: ProbabilityKind.SIGMOID,
    pb.PROBABILITY_KIND_BACKGROUND: ProbabilityKind.BACKGROUND,
}


def labels(value: Labels) -> pb.Labels:
    """The message of labels; their own templates replace a template set."""
    return pb.Labels(
        labels=[pb.Label(name=utf8(label.name), descriptions=map(utf8, label.descriptions)) for label in value.labels],
        template_set="" if value.templates else utf8(value.template_set),
        templates=map(utf8, value.templates),
    )


def read_labels(message: pb.Labels) -> Labels:
    """The labels of a message; an unnamed template set is the default's."""
    given = tuple(Label(label.name, tuple(label.descriptions)) for label in message.labels)
    return Labels(given, message.template_set or Labels.template_set, tuple(message.templates))


def classify_request(
    contents: Iterable[words.Content],
    labels: pb.Labels,
    *,
    model: str = "",
    multi: bool = False,
    top_k: int = 0,
    min_probability: float = 0.0,
    long_text: LongText = LongText.TRUNCATE,
) -> pb.ClassifyRequest:
    """A request to classify a batch."""
    return pb.ClassifyRequest(
        model=utf8(model),
        contents=contents,
        labels=labels,
        multi_label=multi,
        top_k=top_k,
        min_probability=min_probability,
        long_text=number(LONG_TEXTS, long_text),
    )


def classify_response(answers: Sequence[Answer]) -> pb.ClassifyResponse:
    """The response of a batch's answers, one or more; kind, cut labels and report are the same in all and taken from the first."""
    first = answers[0]
    return pb.ClassifyResponse(
        results=[_classify_result(index, answer) for index, answer in enumerate(answers)],
        probability_kind=number(PROBABILITY_KINDS, first.probability_kind),
        truncated_labels=first.truncated_labels,
        report=report(first.report),
    )


def read_classify_response(response: pb.ClassifyResponse) -> list[Answer]:
    """The batch's answers in order, failed ones with their error."""
    kind = known(PROBABILITY_KINDS, response.probability_kind, "probability kind")
    made, cut = read_report(response.report), tuple(response.truncated_labels)
    return [
        Answer(_read_scores(result.classification), kind, made, result.classification.truncated, cut, _read_error(result))
        for result in response.results
    ]


def _classify_result(index: int, answer: Answer) -> pb.ClassifyResult:
    if answer.error:
        return pb.ClassifyResult(error=status(answer.error, field=f"contents[{index}]"))
    scores = [pb.LabelScore(label=score.label, probability=score.probability, similarity=score.similarity) for score in answer.scores]
    return pb.ClassifyResult(classification=pb.Classification(scores=scores, truncated=answer.truncated))


def _read_scores(message: pb.Classification) -> tuple[LabelScore, ...]:
    return tuple(LabelScore(score.label, score.probability, score.similarity) for score in message.scores)


def _read_error(result: pb.ClassifyResult) -> SamekindError | None:
    return read_status(result.error) if result.HasField("error") else None
