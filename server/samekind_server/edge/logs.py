"""How the server's own log and its log of calls are written."""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener, WatchedFileHandler

from samekind.errors import SettingError
from samekind_server.edge import handlers

CALLS = "samekind.calls"
PLAIN = re.compile(r"[\w./:+@-]+")
LINES_AHEAD = 10_000


class Lines(logging.Formatter):
    """One line for each record: its facts where it has some, as JSON or as words."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self._write = _json if form == "json" else _words

    def format(self, record: logging.LogRecord) -> str:
        """The record's line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        facts = record.__dict__.get("facts") or self._said(record)
        return self._write({"time": time, **facts})

    def _said(self, record: logging.LogRecord) -> dict[str, str]:
        said = {"level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        said |= {"request_id": told} if (told := handlers.request_id.get()) else {}
        return said | ({"error": self.formatException(record.exc_info)} if record.exc_info else {})


class _Ahead(QueueHandler):
    """Hands lines to a thread that writes them, so that a reader who stalls never stalls the calls; what is too much is left out."""

    def enqueue(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(queue.Full):
            self.queue.put_nowait(record)

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record


def start(level: str, form: str) -> None:
    """Sends the server's own log to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(Lines("json") if form == "json" else logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])


@contextlib.contextmanager
def calls(where: str, form: str) -> Iterator[logging.Logger | None]:
    """The log of calls at `where`: off (none), stdout, stderr or a file, which may be moved away while it is written."""
    if where == "off":
        yield None
        return
    handler = _handler(where)
    handler.setFormatter(Lines(form))
    ahead: queue.Queue[logging.LogRecord] = queue.Queue(LINES_AHEAD)
    listener, logger = QueueListener(ahead, handler), logging.Logger(CALLS)
    logger.addHandler(_Ahead(ahead))
    listener.start()
    try:
        yield logger
    finally:
        listener.stop()
        handler.close()


def _handler(where: str) -> logging.Handler:
    if where in ("stdout", "stderr"):
        return logging.StreamHandler(getattr(sys, where))
    try:
        return WatchedFileHandler(where, encoding="utf-8")
    except OSError as error:
        raise SettingError(f"cannot write the log of calls to {where}: {error.strerror}; name another with --access-log, or off") from None


def _json(facts: Mapping[str, object]) -> str:
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":"))


def _words(facts: Mapping[str, object]) -> str:
    return " ".join(f"{name}={value if PLAIN.fullmatch(str(value)) else json.dumps(value)}" for name, value in facts.items())
