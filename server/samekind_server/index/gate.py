"""Lets many readers in together or one writer alone, in turns, so that neither waits longer than for one turn of the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType


class Gate:
    """`with gate:` reads beside other readers. Who comes while a writer waits or writes is let in when that one is done, before the next."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.waiting = 0  # Readers that wait for a writer.
        self._reading = self._turn = 0
        self._closed = False  # A writer waits for the readers to leave, or writes.

    def __enter__(self) -> None:
        with self._changed:
            if not self._closed:
                self._reading += 1
                return
            self.waiting += 1
            turn = self._turn
            while turn == self._turn:
                self._changed.wait()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._changed:
            self._reading -= 1
            if self._closed and not self._reading:
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Writes, no reader beside it; there is one writer at a time."""
        with self._changed:
            self._closed = True
            while self._reading:
                self._changed.wait()
        try:
            yield
        finally:
            with self._changed:
                self._reading, self.waiting = self.waiting, 0
                self._turn += 1
                self._closed = False
                self._changed.notify_all()
