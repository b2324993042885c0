"""Tells a request that is made twice, by its `request_id`, from another."""

import hashlib
from typing import Any

from google.protobuf.message import Message

from samekind_server.edge import callers
from samekind_server.store.requests import Request


def request(message: Any) -> Request:
    """The request by its id, as it was sent but for that."""
    return Request(callers.current().tenant, message.request_id, _digest(message) if message.request_id else b"")


def _digest(message: Message) -> bytes:
    bare = type(message)()
    bare.CopyFrom(message)
    bare.ClearField("request_id")
    return hashlib.sha256(bare.DESCRIPTOR.full_name.encode() + bare.SerializeToString(deterministic=True)).digest()
