"""Page tokens: where the next page begins, and of which request."""

import base64
import binascii
import hashlib
import json

from google.protobuf.message import Message

from samekind.errors import BadRequest, Violation
from samekind_server.edge import callers

DIGEST = 8


def token(request: Message, after: str) -> str:
    """The token of the page that begins after `after`, for this request and this caller's tenant alone."""
    return base64.urlsafe_b64encode(_digest(request) + after.encode()).decode()


def after(request: Message) -> str:
    """Where the page `request` asks for begins; "" is the beginning. Raises BadRequest for a token of another request."""
    given: str = request.page_token  # type: ignore[attr-defined]
    try:
        raw = base64.urlsafe_b64decode(given)
        if not given or raw[:DIGEST] == _digest(request):
            return raw[DIGEST:].decode()
    except (binascii.Error, UnicodeError, ValueError):
        pass
    message = "the page token is not one of this request; repeat the request that gave it, or begin without a token"
    raise BadRequest(message, violations=(Violation("page_token", message),))


def _digest(request: Message) -> bytes:
    bare = type(request)()
    bare.CopyFrom(request)
    bare.ClearField("page_token")
    bare.ClearField("page_size")
    asked = (callers.current().tenant, bare.DESCRIPTOR.full_name)
    return hashlib.sha256(json.dumps(asked).encode() + bare.SerializeToString(deterministic=True)).digest()[:DIGEST]
