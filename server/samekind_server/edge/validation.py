"""Checks requests by the rules that stand in the protos (protovalidate)."""

from collections.abc import Iterable

from google.protobuf.message import Message
from protovalidate import collect_violations

from samekind.errors import BadRequest, Violation

EMPTY = "must be at least 1 characters"


def check(message: Message, *, field: str = "") -> None:
    """Raises BadRequest naming every field, below `field`, that breaks its rule."""
    found = tuple(Violation(_path(field, violation.proto.field), _told(violation.proto)) for violation in collect_violations(message))
    if found:
        raise BadRequest("; ".join(": ".join(filter(None, (violation.field, violation.description))) for violation in found), violations=found)


def _told(violation) -> str:  # type: ignore[no-untyped-def]
    return "is empty" if violation.message == EMPTY else violation.message


def _path(field: str, path) -> str:  # type: ignore[no-untyped-def]
    return ".".join(filter(None, [field, *_names(path.elements if path else ())]))  # A rule over all of a message has no path.


def _names(elements) -> Iterable[str]:  # type: ignore[no-untyped-def]
    for element in elements:
        subscript = element.subscript
        yield f"{element.field_name}[{subscript.value}]" if subscript else element.field_name
