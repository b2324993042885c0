"""Makes a write safe to repeat: its request's id and its result are committed with it and kept for 24 hours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from samekind.errors import BadRequest, Violation
from samekind_server.store.base import Transaction

KEPT = 24 * 3600.0
BATCHES = 256  # Of a stream that are kept.
MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Request:
    """Whose request it is, the id it goes by, and a digest of all it asks; of a batch its number, and its stream's id."""

    tenant: str
    id: str
    digest: bytes
    stream: str = ""

    @property
    def key(self) -> str:
        """By which it is kept."""
        return f"stream {self.stream} {self.id}" if self.stream else self.id


def once(to: Transaction, request: Request | None, work: Callable[[], bytes], *, now: float) -> bytes:
    """What `work` answers, or answered when the same was asked before. Raises BadRequest where the id stood for something else."""
    if request is None or not request.id:
        return work()
    if (known := done(to, request, now=now)) is not None:
        return known
    result = work()
    sql = """INSERT INTO requests (tenant, id, digest, result, time) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (tenant, id) DO UPDATE SET digest = excluded.digest, result = excluded.result, time = excluded.time"""
    to.rows(sql, request.tenant, request.key, request.digest, result, _micros(now))
    if request.stream:
        _forget_before(to, request)
    return result


def done(of: Transaction, request: Request, *, now: float) -> bytes | None:
    """What was answered when the same was asked before; None where it was not. Raises BadRequest where the id stood for something else."""
    oldest = _micros(now - KEPT)
    found = of.rows("SELECT digest, result FROM requests WHERE tenant = ? AND id = ? AND time > ?", request.tenant, request.key, oldest)
    return _same(request, *found[0]) if found else None


def sweep(to: Transaction, *, now: float) -> None:
    """Forgets requests older than 24 hours."""
    to.rows("DELETE FROM requests WHERE time <= ?", _micros(now - KEPT))


def _forget_before(to: Transaction, batch: Request) -> None:
    """Batches are acknowledged in order, so those long before one will not be sent again."""
    last = replace(batch, id=f"{max(0, int(batch.id) - BATCHES):020}")
    to.rows("DELETE FROM requests WHERE tenant = ? AND id >= ? AND id < ?", batch.tenant, replace(batch, id="").key, last.key)


def _same(request: Request, digest: bytes, result: bytes) -> bytes:
    if digest != request.digest and request.stream:
        message = f"batch {int(request.id)} of the stream {request.stream!r} was another when it was sent first; number batches upwards"
        raise BadRequest(message, violations=(Violation("sequence", message),))
    if digest != request.digest:
        message = f"the request_id {request.id!r} was used for another request within the last 24 hours; give this one an id of its own"
        raise BadRequest(message, violations=(Violation("request_id", message),))
    return result


def _micros(time: float) -> int:
    return round(time * MICROSECONDS)
