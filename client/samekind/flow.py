"""What is under way in a stream: read, sent, answered, and not yet handed on. It knows no thread and no connection."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic
from uuid import uuid4

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from samekind import wire
from samekind.batches import Batch, Entry, Failing, Part, Response, weight
from samekind.errors import Internal, RequestTooLarge, SamekindError

# A message takes no more than this, unless its contents are small or one alone is larger.
MOST_CONTENTS, MOST_BYTES = 64, 1 << 20
# Messages that are sent and not handed on, at most; of so many bytes no more is sent.
WINDOW, WINDOW_BYTES = 16, 32 << 20
# While fewer are unanswered a message goes at once, however little is in it: who has one content a second waits for no others.
FEW = 2
DAY = 86_400.0


@dataclass(eq=False)
class Piece(Generic[Response, Failing]):
    """One message, and what became of its contents."""

    part: Part[Response, Failing]
    entries: list[Entry]
    size: int
    items: list[Failing] | None = None


class Flow(Generic[Response, Failing]):
    """Hands on answers in the order of the contents, however they come. It is bounded: `offer` refuses what there is no room for."""

    def __init__(self, batch: Batch[Response, Failing], *, timeout: float | None = None) -> None:
        self.request_id = uuid4().hex
        self.error: BaseException | None = None
        self._batch: Batch[Response, Failing] = batch
        self._timeout = None if timeout is None else _duration(timeout)
        self._ended = self._full = False
        self._read: list[Entry] = []
        self._size = self._start = self._cut = 0
        self._pieces: dict[int, Piece[Response, Failing]] = {}  # By number, those handed on first stand first.
        self._unsent: deque[int] = deque()
        self._moved = time.monotonic()

    def offer(self, entry: Entry) -> bool:
        """Takes one more content, or tells that there is no room for it yet."""
        if self._read and self._size + weight(entry) > MOST_BYTES:
            self._full = True
        if self._full:
            return False
        self._read.append(entry)
        self._size += weight(entry)
        self._full = len(self._read) == (self._batch.together or MOST_CONTENTS) or self._size > MOST_BYTES
        return True

    def end(self, error: BaseException | None = None) -> None:
        """No more contents come; an `error` is raised when what came before it is handed on."""
        self._ended, self.error = True, self.error or error

    @property
    def due(self) -> bool:
        """Whether a message is to be sent now."""
        return bool(self._unsent) or (bool(self._read) and self._may_cut())

    @property
    def sent(self) -> bool:
        """Whether nothing is left to be sent, now and later."""
        return self._ended and not self._read and not self._unsent

    def begin(self) -> Message:
        """A new stream's first message; all that has no answer is to be sent again after it."""
        self._unsent = deque(number for number, piece in self._pieces.items() if piece.items is None)
        self._moved = time.monotonic()
        return self._batch.message(options=self._batch.options)

    def send(self) -> Message | None:
        """The message that is due; None where all in it has failed before it could be sent."""
        number = self._unsent.popleft() if self._unsent else self._made()
        return self._pieces[number].part.request

    def answer(self, response: Any) -> None:
        """Takes in what came for one message. Raises Internal for a number that nothing was sent under."""
        piece = self._pieces.get(response.sequence)
        if piece is None or piece.items is not None:
            raise Internal(f"the server answered batch {response.sequence} of a stream, which is not under way")
        failed = response.HasField("error")
        piece.items = self._failed(piece, wire.read_status(response.error)) if failed else piece.part.read(response.answer)
        self._moved = time.monotonic()

    def too_large(self, refusal: RequestTooLarge) -> None:
        """Fails the message that was too large for the server, which does not say which one. Raises the refusal where it cannot be told."""
        largest = max((piece for piece in self._pieces.values() if piece.items is None), key=lambda piece: piece.size, default=None)
        if largest is None:
            raise refusal
        largest.items = largest.part.refused(refusal)

    def take(self) -> list[Failing]:
        """The items that are next in order and are answered."""
        taken: list[Failing] = []
        for number, piece in list(self._pieces.items()):
            if piece.items is None:
                break
            taken += piece.items
            del self._pieces[number]
        return taken

    @property
    def ready(self) -> bool:
        """Whether there is something to take."""
        return bool(self._pieces) and next(iter(self._pieces.values())).items is not None

    @property
    def finished(self) -> bool:
        """Whether all is handed on."""
        return self.sent and not self._pieces

    @property
    def answered(self) -> bool:
        """Whether all that was sent has its answer."""
        return all(piece.items is not None for piece in self._pieces.values())

    @property
    def silent(self) -> float:
        """Seconds that something has waited for an answer while none came."""
        return 0.0 if self.answered else time.monotonic() - self._moved

    def _may_cut(self) -> bool:
        if len(self._pieces) >= WINDOW or sum(piece.size for piece in self._pieces.values()) >= WINDOW_BYTES:
            return False
        return self._full or self._ended or sum(piece.items is None for piece in self._pieces.values()) < FEW

    def _made(self) -> int:
        if self.answered:
            self._moved = time.monotonic()
        self._cut += 1
        ask = partial(self._message, self._cut)
        piece = Piece(self._batch.part(self._start, self._read, ask=ask, request_id=self.request_id), self._read, self._size)
        piece.items = None if piece.part.request else piece.part.read(None)
        self._pieces[self._cut] = piece
        self._start, self._read, self._size, self._full = self._start + len(self._read), [], 0, False
        return self._cut

    def _message(self, number: int, contents: list[Any]) -> Message:
        return self._batch.message(sequence=number, contents=contents, timeout=self._timeout)

    def _failed(self, piece: Piece[Response, Failing], error: SamekindError) -> list[Failing]:
        error.metadata.setdefault("request_id", self.request_id)
        failed = [self._batch.failed(entry if isinstance(entry, SamekindError) else error, []) for entry in piece.entries]
        return list(map(self._batch.named, failed, piece.entries))


def _duration(seconds: float) -> Duration:
    made = Duration()
    made.FromNanoseconds(max(1, round(min(seconds, DAY) * 1e9)))
    return made
