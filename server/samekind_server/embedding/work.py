"""One request's batch while it is worked on: rows as they come, and what they cost."""

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np

from samekind.errors import SamekindError, TextTooLong
from samekind.types import Floats, LongText, Report
from samekind_server.embedding import spans, vectors
from samekind_server.embedding.askers import Asker
from samekind_server.embedding.base import Encoder
from samekind_server.embedding.batcher import Computed, Row
from samekind_server.embedding.room import Loan
from samekind_server.embedding.spaces import truncated
from samekind_server.embedding.windows import Windows

Span = tuple[float, float]


@dataclass
class Embedded:
    """A batch's unit rows, (n, dimensions) float32; a failed content's row is zero and its error stands in `errors`.

    Where texts were to be read in windows, the row of one that did not fit is the mean of its `windows`.
    """

    vectors: Floats
    report: Report
    errors: dict[int, SamekindError] = field(default_factory=dict)
    truncated: set[int] = field(default_factory=set)
    windows: dict[int, Windows] = field(default_factory=dict)


class Work:
    """The rows of `count` contents, in their order; each gives back its share of the loan when it is placed or fails."""

    def __init__(self, encoder: Encoder, asker: Asker, long_text: LongText, loan: Loan, count: int) -> None:
        self.encoder, self.asker, self._long_text = encoder, asker, long_text
        self._loan, self._count = loan, count
        self._vectors = np.zeros((count, encoder.model.dimensions), np.float32)
        self._errors: dict[int, SamekindError] = {}
        self._truncated: set[int] = set()
        self._begun = time.monotonic()
        self._decoding: list[Span] = []
        self._computing: set[Span] = set()

    def place(self, index: int, row: Row) -> None:
        """Puts a content's row, or what went wrong with it, in its place."""
        if isinstance(row, SamekindError):
            self._errors[index] = row
        else:
            self._vectors[index] = row
        self._loan.give_back(1 / self._count)

    @asynccontextmanager
    async def failing(self, indexes: Iterable[int]) -> AsyncIterator[None]:
        """Fails these contents, where they have not failed yet, with what is raised within."""
        try:
            yield
        except SamekindError as error:
            for index in indexes:
                if index not in self._errors:
                    self.place(index, error)

    def takes(self, index: int, *, long: bool) -> bool:
        """Whether a text, cut where it is too long, is to be computed; else it fails."""
        if long and self._long_text is LongText.REJECT:
            self.place(index, _too_long(self.encoder))
            return False
        if long:
            self._truncated.add(index)
        return True

    def decoded(self, began: float, ended: float) -> None:
        """Counts the time it took to decode a content, or to tokenize some."""
        self._decoding.append((began, ended))
        spans.tell("decode", began, ended)

    def computed(self, call: Computed) -> None:
        """Counts the time of a model's call, once for all contents that were in it."""
        self._computing.add((call.started, call.ended))
        spans.tell("wait", call.asked, call.started)
        spans.tell("compute", call.started, call.ended)

    def embedded(self, dimensions: int) -> Embedded:
        """All of it, in so many dimensions."""
        model = self.encoder.model
        report = Report(
            model.name,
            truncated(model.space, dimensions),
            self.encoder.runtime.precision if self._computing else None,
            wait_ms=1000 * (time.monotonic() - self._begun - _covered([*self._decoding, *self._computing])),
            decode_ms=1000 * sum(ended - began for began, ended in self._decoding),
            compute_ms=1000 * sum(ended - began for began, ended in self._computing),
        )
        return Embedded(vectors.cut(self._vectors, dimensions), report, self._errors, self._truncated)


def _covered(parts: Iterable[Span]) -> float:
    """Seconds in at least one of the parts."""
    covered = until = 0.0
    for began, ended in sorted(parts):
        covered += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return covered


def _too_long(encoder: Encoder) -> TextTooLong:
    model = encoder.model
    return TextTooLong(f"the text is longer than the {model.context_length} tokens {model.name} reads; shorten it, or let it be truncated")
