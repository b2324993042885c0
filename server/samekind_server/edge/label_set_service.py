"""LabelSetService: label sets that last."""

from __future__ import annotations

from google.protobuf.field_mask_pb2 import FieldMask

from samekind import wire
from samekind.types import LabelSet
from samekind.v1 import label_set_service_pb2 as pb
from samekind.v1 import label_set_service_pb2_grpc as stubs
from samekind_server.classification.label_sets import PATHS, LabelSets
from samekind_server.edge import callers, pages, repeats, validation
from samekind_server.edge.handlers import Context

PAGE = 100
TOLD = ("create_time", "update_time")  # What the server tells and does not read.


class LabelSetServicer(stubs.LabelSetServiceServicer):
    """Answers each tenant of its own sets."""

    def __init__(self, label_sets: LabelSets) -> None:
        self._sets = label_sets

    async def CreateLabelSet(self, request: pb.CreateLabelSetRequest, context: Context) -> pb.CreateLabelSetResponse:
        """Makes one."""
        validation.check(request)
        made = await self._sets.create(_tenant(), _given(request.label_set), repeats.request(request))
        return pb.CreateLabelSetResponse(label_set=wire.label_set(made))

    async def GetLabelSet(self, request: pb.GetLabelSetRequest, context: Context) -> pb.GetLabelSetResponse:
        """Tells one, with its labels."""
        validation.check(request)
        return pb.GetLabelSetResponse(label_set=wire.label_set(await self._sets.get(_tenant(), request.name)))

    async def ListLabelSets(self, request: pb.ListLabelSetsRequest, context: Context) -> pb.ListLabelSetsResponse:
        """Lists them in name order."""
        validation.check(request)
        size = request.page_size or PAGE
        found = await self._sets.page(_tenant(), pages.after(request), size + 1)
        more = pages.token(request, found[size - 1].name) if len(found) > size else ""
        return wire.label_sets_response(found[:size], next_page_token=more)

    async def UpdateLabelSet(self, request: pb.UpdateLabelSetRequest, context: Context) -> pb.UpdateLabelSetResponse:
        """Changes one."""
        validation.check(request)
        given, paths = _given(request.label_set), _paths(request.label_set, request.update_mask)
        now = await self._sets.update(_tenant(), given, paths, allow_missing=request.allow_missing, request=repeats.request(request))
        return pb.UpdateLabelSetResponse(label_set=wire.label_set(now))

    async def DeleteLabelSet(self, request: pb.DeleteLabelSetRequest, context: Context) -> pb.DeleteLabelSetResponse:
        """Deletes one."""
        validation.check(request)
        await self._sets.delete(_tenant(), request.name, etag=request.etag, allow_missing=request.allow_missing, request=repeats.request(request))
        return pb.DeleteLabelSetResponse()


def _tenant() -> str:
    return callers.current().tenant


def _given(message: pb.LabelSet) -> LabelSet:
    for field in TOLD:
        message.ClearField(field)
    return wire.read_label_set(message)


def _paths(message: pb.LabelSet, mask: FieldMask) -> set[str]:
    """What a mask names: all of it for `*`, what is not empty where there is none."""
    if not mask.paths:
        return {path for path in PATHS if getattr(message, path)}
    return set(PATHS) if "*" in mask.paths else set(mask.paths)
