"""What LabelSetService is asked and answers (label_set_service.proto)."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.field_mask_pb2 import FieldMask

from samekind.types import Labels, LabelSet
from samekind.v1 import label_set_service_pb2 as pb
from samekind.wire.classification import label, labels, read_label
from samekind.wire.contents import utf8
from samekind.wire.values import moment, read_moment


def create_label_set_request(value: LabelSet, *, request_id: str = "") -> pb.CreateLabelSetRequest:
    """A request to make a label set."""
    return pb.CreateLabelSetRequest(label_set=label_set(value), request_id=request_id)


def update_label_set_request(
    value: LabelSet, paths: Iterable[str] = ("*",), *, allow_missing: bool = False, request_id: str = ""
) -> pb.UpdateLabelSetRequest:
    """A request to change a label set, all of it unless `paths` say less."""
    mask = FieldMask(paths=paths)
    return pb.UpdateLabelSetRequest(label_set=label_set(value), update_mask=mask, allow_missing=allow_missing, request_id=request_id)


def delete_label_set_request(name: str, *, etag: str = "", allow_missing: bool = False, request_id: str = "") -> pb.DeleteLabelSetRequest:
    """A request to delete a label set."""
    return pb.DeleteLabelSetRequest(name=utf8(name), etag=utf8(etag), allow_missing=allow_missing, request_id=request_id)


def label_set_request(name: str) -> pb.GetLabelSetRequest:
    """A request for a label set, by its name or name@version."""
    return pb.GetLabelSetRequest(name=utf8(name))


def label_sets_request(*, page_size: int = 0, page_token: str = "") -> pb.ListLabelSetsRequest:
    """A request for a page of label sets."""
    return pb.ListLabelSetsRequest(page_size=page_size, page_token=page_token)


def label_sets_response(values: Iterable[LabelSet], *, next_page_token: str = "") -> pb.ListLabelSetsResponse:
    """The response of a page of label sets."""
    return pb.ListLabelSetsResponse(label_sets=map(label_set, values), next_page_token=next_page_token)


def read_label_sets_response(response: pb.ListLabelSetsResponse) -> list[LabelSet]:
    """The page's label sets."""
    return [read_label_set(each) for each in response.label_sets]


def label_set(value: LabelSet) -> pb.LabelSet:
    """The message of a label set."""
    given = labels(Labels((), value.labels.template_set, value.labels.templates))
    return pb.LabelSet(
        name=utf8(value.name),
        labels=map(label, value.labels.labels),
        template_set=given.template_set,
        templates=given.templates,
        model=utf8(value.model),
        version=value.version,
        etag=utf8(value.etag),
        label_count=value.label_count,
        create_time=moment(value.create_time) if value.create_time else None,
        update_time=moment(value.update_time) if value.update_time else None,
    )


def read_label_set(message: pb.LabelSet) -> LabelSet:
    """The label set of a message; an unnamed template set is the default's."""
    given = tuple(map(read_label, message.labels))
    return LabelSet(
        name=message.name,
        labels=Labels(given, message.template_set or Labels.template_set, tuple(message.templates)),
        model=message.model,
        version=message.version,
        etag=message.etag,
        label_count=message.label_count,
        create_time=read_moment(message.create_time) if message.HasField("create_time") else None,
        update_time=read_moment(message.update_time) if message.HasField("update_time") else None,
    )
