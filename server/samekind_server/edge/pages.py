"""Page tokens: where the next page begins, and of which request."""

import base64
import binascii
import hashlib
import json

from google.protobuf.message import Message

from samekind.errors import BadRequest, Violation
from samekind_server.edge import callers

DIGEST = 8


def token(request: Message, after: str, *, of: str = "") -> str:
    """The token of the page that begins after `after`, for this request and this caller's tenant alone, and for what it is asked `of`."""
    return base64.urlsafe_b64encode(_digest(request, of) + after.encode()).decode()


def after(request: Message, *, of: str = "") -> str:
    """Where the page `request` asks for begins; "" is the beginning. Raises BadRequest for a token of another request, or of another `of`."""
    given: str = request.page_token  # type: ignore[attr-defined]
    try:
        raw = base64.urlsafe_b64decode(given)
        if not given or raw[:DIGEST] == _digest(request, of):
            return raw[DIGEST:].decode()
    except (binascii.Error, UnicodeError, ValueError):
        pass
    message = "the page token is not one of this request; repeat the request that gave it, or begin without a token"
    raise BadRequest(message, violations=(Violation("page_token", message),))


def _digest(request: Message, of: str) -> bytes:
    bare = type(request)()
    bare.CopyFrom(request)
    bare.ClearField("page_token")
    bare.ClearField("page_size")
    asked = (callers.current().tenant, bare.DESCRIPTOR.full_name, of)
    return hashlib.sha256(json.dumps(asked).encode() + bare.SerializeToString(deterministic=True)).digest()[:DIGEST]
