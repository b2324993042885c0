"""The errors samekind raises: the same classes in the server's core, on the wire and in the client."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

DOMAIN = "samekind"


@dataclass(frozen=True)
class Violation:
    """What is wrong with one field of a request, e.g. `contents[3].image`."""

    field: str
    description: str


class SamekindError(Exception):
    """An answer that could not be given: what is wrong and the way out, with a gRPC code and a stable reason."""

    code: ClassVar[str] = "UNKNOWN"
    reason: ClassVar[str] = "UNKNOWN"

    def __init__(
        self,
        message: str,
        *,
        violations: tuple[Violation, ...] = (),
        metadata: Mapping[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.violations = violations
        self.metadata = dict(metadata or {})
        self.retry_after = retry_after


class BadRequest(SamekindError):
    """A field of the request breaks its rule."""

    code, reason = "INVALID_ARGUMENT", "BAD_REQUEST"


class BadImage(SamekindError):
    """The bytes are not an image that can be read: empty, cut short, damaged, or of another kind."""

    code, reason = "INVALID_ARGUMENT", "BAD_IMAGE"


class ImageTooLarge(SamekindError):
    """An image with more bytes or pixels, or a longer shape, than the server takes."""

    code, reason = "INVALID_ARGUMENT", "IMAGE_TOO_LARGE"


class TextTooLong(SamekindError):
    """A text longer than the model's context, where cutting was refused."""

    code, reason = "INVALID_ARGUMENT", "TEXT_TOO_LONG"


class BadVector(SamekindError):
    """A vector that is zero, not finite, or not of the size its space has."""

    code, reason = "INVALID_ARGUMENT", "BAD_VECTOR"


class SpaceMismatch(SamekindError):
    """Vectors of two spaces in one question."""

    code, reason = "INVALID_ARGUMENT", "SPACE_MISMATCH"


class NotFound(SamekindError):
    """Nothing of that name is here."""

    code, reason = "NOT_FOUND", "NOT_FOUND"


class AlreadyExists(SamekindError):
    """There is one of that name already."""

    code, reason = "ALREADY_EXISTS", "ALREADY_EXISTS"


class EtagMismatch(SamekindError):
    """What was to be changed has been changed by another since it was read."""

    code, reason = "ABORTED", "ETAG_MISMATCH"


class BadModel(SamekindError):
    """A model whose files are missing, damaged, not data only, or of a form this server cannot run."""

    code, reason = "FAILED_PRECONDITION", "BAD_MODEL"


class ModelUnavailable(SamekindError):
    """A model that cannot be had here: not fetched, or no disk or memory for it."""

    code, reason = "FAILED_PRECONDITION", "MODEL_UNAVAILABLE"


class RequestTooLarge(SamekindError):
    """A message larger than the server, or the client, takes."""

    code, reason = "RESOURCE_EXHAUSTED", "REQUEST_TOO_LARGE"


class Overloaded(SamekindError):
    """The server has more work than it takes; ask again after `retry_after` seconds."""

    code, reason = "RESOURCE_EXHAUSTED", "OVERLOADED"


class QuotaExceeded(SamekindError):
    """The key has used its requests or bytes per second; ask again after `retry_after` seconds."""

    code, reason = "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"


class Unauthenticated(SamekindError):
    """No key, or not a right one."""

    code, reason = "UNAUTHENTICATED", "UNAUTHENTICATED"


class PermissionDenied(SamekindError):
    """The key does not allow this."""

    code, reason = "PERMISSION_DENIED", "PERMISSION_DENIED"


class Unavailable(SamekindError):
    """No server answers there, or it is starting or stopping."""

    code, reason = "UNAVAILABLE", "UNAVAILABLE"


class StoreUnavailable(SamekindError):
    """The store cannot be written or read: its disk is full, read-only or failing."""

    code, reason = "UNAVAILABLE", "STORE_UNAVAILABLE"


class Damaged(SamekindError):
    """What is stored is not what was written: its disk changed it."""

    code, reason = "DATA_LOSS", "DAMAGED"


class DeadlineExceeded(SamekindError):
    """No answer within the time the caller gave."""

    code, reason = "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"


class Cancelled(SamekindError):
    """The caller took the question back."""

    code, reason = "CANCELLED", "CANCELLED"


class Unimplemented(SamekindError):
    """The server is older or newer than this client and does not know the call."""

    code, reason = "UNIMPLEMENTED", "UNIMPLEMENTED"


class Internal(SamekindError):
    """A fault in samekind itself; the server's log has it under the request's id."""

    code, reason = "INTERNAL", "INTERNAL"


class SettingError(SamekindError):
    """The server cannot start as it was told to: a setting, the data directory or the address is wrong."""

    code, reason = "FAILED_PRECONDITION", "SETTING"


def known() -> tuple[type[SamekindError], ...]:
    """Every named error, in the order of this page."""
    return tuple(SamekindError.__subclasses__())


def of(code: str, reason: str) -> type[SamekindError]:
    """The class of a status: by its reason, else the code's own, else SamekindError."""
    by_reason = {error.reason: error for error in known()}
    by_code = {error.code: error for error in reversed(known())}
    return by_reason.get(reason) or by_code.get(code, SamekindError)
