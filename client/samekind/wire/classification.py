"""What ClassificationService is asked and answers (classification_service.proto)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from samekind.errors import SamekindError
from samekind.types import Answer, Label, Labels, LabelScore, LongText, ProbabilityKind
from samekind.v1 import classification_service_pb2 as pb
from samekind.v1 import content_pb2 as words
from samekind.wire.contents import LONG_TEXTS, known, number, read_report, report, utf8
from samekind.wire.statuses import read_status, status
from samekind.wire.values import read_value
from samekind.wire.values import value as attribute

# Labels of the call, a kept label set by name, or several.
Asked = pb.Labels | str | tuple[str, ...]

PROBABILITY_KINDS = {
    pb.PROBABILITY_KIND_SOFTMAX: ProbabilityKind.SOFTMAX,
    pb.PROBABILITY_KIND_SIGMOID: ProbabilityKind.SIGMOID,
    pb.PROBABILITY_KIND_BACKGROUND: ProbabilityKind.BACKGROUND,
}


def labels(value: Labels) -> pb.Labels:
    """The message of labels; their own templates replace a template set."""
    return pb.Labels(
        labels=map(label, value.labels),
        template_set="" if value.templates else utf8(value.template_set),
        templates=map(utf8, value.templates),
    )


def read_labels(message: pb.Labels) -> Labels:
    """The labels of a message; an unnamed template set is the default's."""
    return Labels(tuple(map(read_label, message.labels)), message.template_set or Labels.template_set, tuple(message.templates))


def label(value: Label) -> pb.Label:
    """The message of a label."""
    metadata = {utf8(key): attribute(each) for key, each in value.metadata.items()}
    return pb.Label(name=utf8(value.name), descriptions=map(utf8, value.descriptions), parent=utf8(value.parent), metadata=metadata)


def read_label(message: pb.Label) -> Label:
    """The label of a message."""
    metadata = {key: read_value(message.metadata[key]) for key in sorted(message.metadata)}
    return Label(message.name, tuple(message.descriptions), message.parent, metadata)


def classify_request(
    contents: Iterable[words.Content],
    asked: Asked,
    *,
    model: str = "",
    multi: bool = False,
    top_k: int = 0,
    min_probability: float = 0.0,
    long_text: LongText = LongText.TRUNCATE,
) -> pb.ClassifyRequest:
    """A request to classify a batch, asking labels, a kept label set by its name, or several."""
    return pb.ClassifyRequest(
        model=utf8(model),
        contents=contents,
        labels=asked if isinstance(asked, pb.Labels) else None,
        label_set=utf8(asked) if isinstance(asked, str) else None,
        label_sets=pb.LabelSetNames(names=map(utf8, asked)) if isinstance(asked, tuple) else None,
        multi_label=multi,
        top_k=top_k,
        min_probability=min_probability,
        long_text=number(LONG_TEXTS, long_text),
    )


def classify_stream_options(
    asked: Asked,
    *,
    model: str = "",
    multi: bool = False,
    top_k: int = 0,
    min_probability: float = 0.0,
    long_text: LongText = LongText.TRUNCATE,
) -> pb.ClassifyStreamOptions:
    """The same for all batches of a stream."""
    return pb.ClassifyStreamOptions(
        model=utf8(model),
        labels=asked if isinstance(asked, pb.Labels) else None,
        label_set=utf8(asked) if isinstance(asked, str) else None,
        label_sets=pb.LabelSetNames(names=map(utf8, asked)) if isinstance(asked, tuple) else None,
        multi_label=multi,
        top_k=top_k,
        min_probability=min_probability,
        long_text=number(LONG_TEXTS, long_text),
    )


def classify_response(answers: Sequence[Answer]) -> pb.ClassifyResponse:
    """The response of a batch's answers, one or more; kind, cut labels, sets and report are the same in all and taken from the first."""
    first = answers[0]
    asked = first.by_label_set.values() or ([first] if first.label_set else [])
    return pb.ClassifyResponse(
        results=[_classify_result(index, answer) for index, answer in enumerate(answers)],
        probability_kind=number(PROBABILITY_KINDS, first.probability_kind),
        truncated_labels=first.truncated_labels,
        report=report(first.report),
        label_sets=[pb.AskedLabelSet(name=each.label_set, version=each.version, truncated_labels=each.truncated_labels) for each in asked],
    )


def read_classify_response(response: pb.ClassifyResponse) -> list[Answer]:
    """The batch's answers in order, failed ones with their error."""
    kind = known(PROBABILITY_KINDS, response.probability_kind, "probability kind")
    made, cut = read_report(response.report), tuple(response.truncated_labels)
    [one] = response.label_sets if len(response.label_sets) == 1 else [pb.AskedLabelSet()]

    def answer(result: pb.ClassifyResult) -> Answer:
        told, error = result.classification, _read_error(result)
        each = _by_label_set(Answer((), kind, made, told.truncated, error=error), told, response.label_sets)
        only = ("", 0) if each else (one.name, one.version)
        return Answer(_read_scores(told.scores), kind, made, told.truncated, cut, error, *only, each)

    return [answer(result) for result in response.results]


def _by_label_set(bare: Answer, message: pb.Classification, asked: Iterable[pb.AskedLabelSet]) -> dict[str, Answer]:
    return {
        each.name: replace(
            bare, scores=_read_scores(told.scores), truncated_labels=tuple(each.truncated_labels), label_set=each.name, version=each.version
        )
        for each, told in zip(asked, message.by_label_set, strict=False)
    }


def _classify_result(index: int, answer: Answer) -> pb.ClassifyResult:
    if answer.error:
        return pb.ClassifyResult(error=status(answer.error, field=f"contents[{index}]"))
    each = [pb.LabelSetScores(scores=_scores(one)) for one in answer.by_label_set.values()]
    return pb.ClassifyResult(classification=pb.Classification(scores=_scores(answer), truncated=answer.truncated, by_label_set=each))


def _scores(answer: Answer) -> list[pb.LabelScore]:
    return [pb.LabelScore(label=score.label, probability=score.probability, similarity=score.similarity) for score in answer.scores]


def _read_scores(messages: Iterable[pb.LabelScore]) -> tuple[LabelScore, ...]:
    return tuple(LabelScore(score.label, score.probability, score.similarity) for score in messages)


def _read_error(result: pb.ClassifyResult) -> SamekindError | None:
    return read_status(result.error) if result.HasField("error") else None
