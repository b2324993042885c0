"""Reads a batch's contents one by one, so that a bad one harms none of the others."""

from collections.abc import Sequence

from samekind import wire
from samekind.errors import SamekindError
from samekind.types import Content
from samekind.v1 import content_pb2 as pb
from samekind_server.edge import validation


def read(messages: Sequence[pb.Content]) -> list[Content | SamekindError]:
    """Each message's content, or what is wrong with it, in order."""
    return [_read(message, f"contents[{index}]") for index, message in enumerate(messages)]


def _read(message: pb.Content, field: str) -> Content | SamekindError:
    try:
        validation.check(message, field=field)
        return wire.read_content(message)
    except SamekindError as error:
        return error
