"""Errors as google.rpc.Status with ErrorInfo, BadRequest and RetryInfo, and back to the class they were raised as."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from samekind import errors
from samekind.errors import SamekindError, Violation

Detail = TypeVar("Detail", bound=Message)

# A status travels in headers, where many implementations take no more than 8 KiB, and twice: its message once more by
# itself, with three letters for a byte beyond ASCII.
LONGEST_MESSAGE = 800  # Bytes.
LONGEST_VIOLATION = 300
MOST_VIOLATIONS = 16
ALL_VIOLATIONS = 2000


def status(error: SamekindError, *, field: str = "", request_id: str = "") -> status_pb2.Status:
    """The status of an error, with as much of what it tells as fits in headers; `field` is blamed where a bad argument names none itself."""
    message = status_pb2.Status(code=code_pb2.Code.Value(error.code), message=_cut(error.message, LONGEST_MESSAGE))
    metadata = error.metadata | ({"request_id": request_id} if request_id else {})
    _attach(message, error_details_pb2.ErrorInfo(reason=error.reason, domain=errors.DOMAIN, metadata=metadata))
    violations = error.violations
    if not violations and field and error.code == "INVALID_ARGUMENT":
        violations = (Violation(field, error.message),)
    if violations:
        _attach(message, _bad_request(_first(violations)))
    if error.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(round(error.retry_after * 1e9))
        _attach(message, retry)
    return message


def read_status(message: status_pb2.Status) -> SamekindError:
    """The error of a status, of the class it was raised as; another's `reason` (a proxy's) is not taken for ours."""
    info = _detail(message, error_details_pb2.ErrorInfo())
    bad = _detail(message, error_details_pb2.BadRequest())
    retry = _detail(message, error_details_pb2.RetryInfo())
    known = code_pb2.Code.Name(message.code) if message.code in code_pb2.Code.values() else "UNKNOWN"
    reason = info.reason if info and info.domain == errors.DOMAIN else ""
    return errors.of(known, reason)(
        message.message,
        violations=tuple(Violation(each.field, each.description) for each in bad.field_violations) if bad else (),
        metadata=dict(info.metadata) if info else {},
        retry_after=retry.retry_delay.ToNanoseconds() / 1e9 if retry else None,
    )


def _first(violations: Sequence[Violation]) -> Iterator[Violation]:
    """The first of them, each cut short, that fit together."""
    left = ALL_VIOLATIONS
    for violation in violations[:MOST_VIOLATIONS]:
        field, description = (_cut(text, LONGEST_VIOLATION) for text in (violation.field, violation.description))
        left -= len(field.encode()) + len(description.encode())
        if left < 0:
            return
        yield Violation(field, description)


def _cut(text: str, longest: int) -> str:
    """The text, or as much of its beginning as takes no more bytes, with a sign that there is more."""
    raw = text.encode(errors="replace")
    return text if len(raw) <= longest else raw[: longest - 3].decode(errors="ignore") + "…"


def _bad_request(violations: Iterable[Violation]) -> error_details_pb2.BadRequest:
    each = error_details_pb2.BadRequest.FieldViolation
    return error_details_pb2.BadRequest(field_violations=[each(field=one.field, description=one.description) for one in violations])


def _attach(message: status_pb2.Status, detail: Message) -> None:
    message.details.add().Pack(detail)


def _detail(message: status_pb2.Status, empty: Detail) -> Detail | None:
    for packed in message.details:
        if packed.Unpack(empty):
            return empty
    return None
