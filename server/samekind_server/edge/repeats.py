"""Tells a request that is made twice, by its `request_id`, from another."""

import hashlib
from typing import Any

from google.protobuf.message import Message

from samekind_server.edge import callers
from samekind_server.store.requests import Request


def request(message: Any) -> Request:
    """The request by its id, as it was sent but for that."""
    return Request(callers.current().tenant, message.request_id, _digest(message, "request_id") if message.request_id else b"")


def batch(options: Any, message: Any) -> Request | None:
    """A batch of a stream by the stream's id and its number, as it was sent; None where the stream has no id."""
    if not options.stream_id:
        return None
    digest = _digest(message, "options") + _digest(options, "stream_id")
    return Request(callers.current().tenant, f"{message.sequence:020}", digest, stream=options.stream_id)


def _digest(message: Message, apart: str) -> bytes:
    """Of all but one field."""
    bare = type(message)()
    bare.CopyFrom(message)
    bare.ClearField(apart)
    return hashlib.sha256(bare.DESCRIPTOR.full_name.encode() + bare.SerializeToString(deterministic=True)).digest()
