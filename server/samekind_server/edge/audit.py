"""One line of JSON for every write and every refusal: who asked for what and when, and how it ended. Never what was in it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from samekind.errors import PermissionDenied, QuotaExceeded, SettingError, Unauthenticated
from samekind_server.edge import callers
from samekind_server.edge.callers import Role
from samekind_server.edge.handlers import Call
from samekind_server.edge.roles import OPEN, ROLES, needed

REFUSALS = {refusal.reason for refusal in (Unauthenticated, PermissionDenied, QuotaExceeded)}
log = logging.getLogger(__name__)


class Audit:
    """A file that is only appended to. A call ends when its line is written, by a thread of the audit's own. Raises SettingError."""

    def __init__(self, path: Path, *, when: Callable[[], bool] = lambda: True, roles: Mapping[str, Role] = ROLES) -> None:
        self._path, self._when, self._roles = path, when, roles
        self._thread = ThreadPoolExecutor(1, "audit")
        try:
            self._file = _open(path) if when() else None
        except OSError as error:
            raise SettingError(f"cannot write the audit log {path}: {error.strerror}; name another with --audit-log") from None

    def __enter__(self) -> Audit:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._thread.shutdown()
        self._close()

    @asynccontextmanager
    async def layer(self, call: Call) -> AsyncIterator[None]:
        """Stands outside `errors`, to see how the call ended."""
        try:
            yield
        finally:
            if self._when() and self._is_told(call):
                await self._tell(_line(call))

    def _is_told(self, call: Call) -> bool:
        writes = call.method not in OPEN and needed(call.method, self._roles) > Role.READ
        return writes or call.reason in REFUSALS

    async def _tell(self, line: bytes) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._write, line)
        except RuntimeError:  # The thread has ended: who asked hears of an error before its line is written, and a server may stop in between.
            self._write(line)
            self._close()

    def _write(self, line: bytes) -> None:
        try:
            os.write(self._followed(), line)
        except OSError as error:
            log.error("a line of the audit log %s is lost: %s", self._path, error.strerror)

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _followed(self) -> int:
        """The file, opened anew where it was moved away."""
        if self._file is None or not _is_at(self._path, self._file):
            old, self._file = self._file, _open(self._path)
            if old is not None:
                os.close(old)
        return self._file


def _is_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file))
    except FileNotFoundError:
        return False


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _line(call: Call) -> bytes:
    caller, now = callers.current(), datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    who = {"tenant": caller.tenant, "caller": caller.name, "peer": call.context.peer()}
    facts = {"time": now, "request_id": call.request_id, "method": call.method, "code": call.code, "reason": call.reason, **who}
    return json.dumps({name: value for name, value in facts.items() if value}, separators=(",", ":")).encode() + b"\n"
