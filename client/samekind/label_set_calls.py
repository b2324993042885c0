"""One pure builder per operation on label sets that the server keeps."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, overload
from uuid import uuid4

from google.protobuf.message import Message

from samekind import calls, inputs, wire
from samekind.batches import Call, Method, Part, Several, Streamed
from samekind.inputs import Given, GivenLabels
from samekind.turns import paged, refuse
from samekind.types import Answer, Labels, LabelSet, LongText
from samekind.v1 import classification_service_pb2 as classification
from samekind.v1 import label_set_service_pb2 as pb

GET = Method("/samekind.v1.LabelSetService/GetLabelSet", pb.GetLabelSetResponse.FromString)
LIST = Method("/samekind.v1.LabelSetService/ListLabelSets", pb.ListLabelSetsResponse.FromString)
UPDATE = Method("/samekind.v1.LabelSetService/UpdateLabelSet", pb.UpdateLabelSetResponse.FromString)
DELETE = Method("/samekind.v1.LabelSetService/DeleteLabelSet", pb.DeleteLabelSetResponse.FromString)

Told = TypeVar("Told", pb.GetLabelSetResponse, pb.UpdateLabelSetResponse)


@dataclass(frozen=True)
class Kept:
    """A label set as it was last told, and the name, or name@version, that it is asked by."""

    asked: str
    now: LabelSet


def label_set(
    name: str, labels: GivenLabels | None = None, *, templates: str | Sequence[str] = "photo", model: str = "", etag: str = ""
) -> Call[Any, LabelSet, Kept]:
    """A label set that the server keeps: with `labels` it is made, or made to be so; without it is the one that is there.

    `labels` and `templates` are as in `classify`; `model` answers where a call names none. What changes nothing makes no new
    version. With an `etag` a set that is another by now is left alone: EtagMismatch. `name@version` is one of the last 10 versions.
    """
    if labels is None:
        return _told(GET, wire.label_set_request(name), name)
    given = LabelSet(name, inputs.labels(labels, templates), model, etag=etag)
    return _update(given, ("*",), allow_missing=not etag)


def label_sets() -> Call[pb.ListLabelSetsResponse, LabelSet, list[LabelSet]]:
    """All label sets in name order, page by page, without their labels."""
    return paged(LIST, lambda token: wire.label_sets_request(page_token=token), wire.read_label_sets_response, list)


def delete_label_set(name: str, *, etag: str = "", missing_ok: bool = False) -> Call[pb.DeleteLabelSetResponse, LabelSet, None]:
    """Deletes a label set with all its versions; with an `etag` only where it is still that one."""
    request_id = uuid4().hex
    request = wire.delete_label_set_request(name, etag=etag, allow_missing=missing_ok, request_id=request_id)
    part = Part[pb.DeleteLabelSetResponse, LabelSet](request, lambda _: [], refuse, request_id=request_id)
    return Call(DELETE, lambda: part, lambda _: None)


@overload
def classify(  # type: ignore[overload-overlap]  # a str is one text, though it can be iterated over
    kept: Kept,
    contents: Given,
    *,
    multi: bool = ...,
    top_k: int = ...,
    min_probability: float = ...,
    model: str = ...,
    long_text: LongText = ...,
    progress: bool = ...,
) -> Call[classification.ClassifyResponse, Answer, Answer]: ...
@overload
def classify(  # type: ignore[overload-overlap]  # an iterator can be iterated over, too
    kept: Kept,
    contents: Iterator[Given] | AsyncIterable[Given],
    *,
    multi: bool = ...,
    top_k: int = ...,
    min_probability: float = ...,
    model: str = ...,
    long_text: LongText = ...,
    progress: bool = ...,
) -> Streamed[classification.ClassifyResponse, Answer]: ...
@overload
def classify(
    kept: Kept,
    contents: Iterable[Given],
    *,
    multi: bool = ...,
    top_k: int = ...,
    min_probability: float = ...,
    model: str = ...,
    long_text: LongText = ...,
    progress: bool = ...,
) -> Several[classification.ClassifyResponse, Answer]: ...
def classify(
    kept: Kept,
    contents: Given | Iterable[Given] | AsyncIterable[Given],
    *,
    multi: bool = False,
    top_k: int = 0,
    min_probability: float = 0.0,
    model: str = "",
    long_text: LongText = LongText.TRUNCATE,
    progress: bool = False,
) -> Any:
    """What kind a content is, or each of several, among the labels of this set as the server has it now; as `Client.classify`."""
    return calls.classify(
        contents,
        label_set=kept.asked,
        multi=multi,
        top_k=top_k,
        min_probability=min_probability,
        model=model,
        long_text=long_text,
        progress=progress,
    )


def update(
    kept: Kept, labels: GivenLabels | None = None, *, templates: str | Sequence[str] | None = None, model: str | None = None
) -> Call[pb.UpdateLabelSetResponse, LabelSet, Kept]:
    """Changes what is given and leaves the rest. Raises EtagMismatch where the set is another than when it was last read or written here."""
    if labels is None and templates is None and model is None:
        raise TypeError("nothing to change; give labels, templates or model")
    if isinstance(labels, Labels) and templates is not None:
        raise TypeError("Labels bring their own templates; give one of the two")
    made = inputs.labels(() if labels is None else labels, "photo" if templates is None else templates)
    paths = {"labels": labels is not None, "model": model is not None}
    paths |= dict.fromkeys(("template_set", "templates"), isinstance(labels, Labels) or templates is not None)
    given = LabelSet(kept.now.name, made, model or "", etag=kept.now.etag)
    return _update(given, [path for path, named in paths.items() if named])


def refresh(kept: Kept) -> Call[pb.GetLabelSetResponse, LabelSet, Kept]:
    """Reads the set again."""
    return _told(GET, wire.label_set_request(kept.asked), kept.asked)


def delete(kept: Kept, *, missing_ok: bool = False) -> Call[pb.DeleteLabelSetResponse, LabelSet, None]:
    """Deletes the set with all its versions. Raises EtagMismatch where it is another than when it was last read or written here."""
    return delete_label_set(kept.now.name, etag=kept.now.etag, missing_ok=missing_ok)


def _update(given: LabelSet, paths: Iterable[str], *, allow_missing: bool = False) -> Call[pb.UpdateLabelSetResponse, LabelSet, Kept]:
    request_id = uuid4().hex
    return _told(UPDATE, wire.update_label_set_request(given, paths, allow_missing=allow_missing, request_id=request_id), given.name, request_id)


def _told(method: Method[Told], request: Message, asked: str, request_id: str = "") -> Call[Told, LabelSet, Kept]:
    """A request whose id is also in its body can be sent again without harm."""
    part = Part[Told, LabelSet](
        request, lambda response: [wire.read_label_set(response.label_set)] if response else [], refuse, request_id=request_id or uuid4().hex
    )
    return Call(method, lambda: part, lambda sets: Kept(asked, sets[0]))
