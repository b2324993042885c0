"""Keeps label matrices, so that a question asked again costs one matmul."""

import asyncio
from dataclasses import dataclass, replace

from samekind.errors import Violation
from samekind.types import Floats, Label, LongText, Report, Text
from samekind_server.classification import head
from samekind_server.classification.prepared import Prepared
from samekind_server.embedding.askers import ANYONE, Asker, Lane
from samekind_server.embedding.base import Encoder
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.lru import Lru
from samekind_server.embedding.work import Embedded

# Tenant, space and the labels' digest: what a caller sends as labels takes no memory once it is answered.
Key = tuple[str, str, bytes, LongText]
MANY = 1000  # Texts; so many are no interactive work.
ENTRY = 1024  # About what one costs beside its numbers and names, in bytes.


@dataclass(frozen=True)
class Matrix:
    """The labels' unit rows, (labels, dimensions) float32, the labels with a text that was cut, and how it was made."""

    rows: Floats
    truncated: tuple[str, ...]
    report: Report

    @property
    def size(self) -> int:
        """Bytes it takes to keep."""
        return ENTRY + self.rows.nbytes + sum(4 * len(name) for name in self.truncated)


class Matrices:
    """Label matrices by space and labels, least recently used ones dropped beyond `capacity` bytes. For one event loop."""

    def __init__(self, engine: Engine, *, capacity: int = 256 << 20) -> None:
        self._engine = engine
        self._kept: Lru[Key, Matrix] = Lru(capacity)
        self._making: dict[Key, asyncio.Lock] = {}

    async def get(self, encoder: Encoder, asked: Prepared, long_text: LongText, asker: Asker = ANYONE) -> Matrix:
        """The labels' matrix, made once however many ask at once. Raises TextTooLong where cutting is refused."""
        key = (asker.tenant, encoder.model.space, asked.digest, long_text)
        lock = self._making.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                return self._again(key) or self._keep(key, await self._make(encoder, asked, long_text, asker))
        finally:
            if not lock.locked():
                self._making.pop(key, None)

    def _again(self, key: Key) -> Matrix | None:
        kept = self._kept.get(key)
        self._engine.observer.asked("labels", hits=int(kept is not None), misses=int(kept is None))
        return kept and replace(kept, report=replace(kept.report, wait_ms=0.0, decode_ms=0.0, compute_ms=0.0))

    def _keep(self, key: Key, matrix: Matrix) -> Matrix:
        self._kept.put(key, matrix, matrix.size)
        return matrix

    async def _make(self, encoder: Encoder, asked: Prepared, long_text: LongText, asker: Asker) -> Matrix:
        labels = asked.labels
        made = head.sentences(labels)
        asker = replace(asker, lane=Lane.BULK) if len(made.texts) > MANY else asker
        embedded = await self._engine.embed(encoder, [Text(text) for text in made.texts], asker=asker, long_text=long_text)
        groups = zip(labels.labels, made.names, made.descriptions, strict=True)
        owners = [label for label, names, descriptions in groups for _ in (*names, *descriptions)]
        _refuse(embedded, made, owners)
        truncated = dict.fromkeys(owners[row].name for row in sorted(embedded.truncated))
        return Matrix(head.matrix(embedded.vectors, made), tuple(truncated), embedded.report)


def _refuse(embedded: Embedded, made: head.Sentences, owners: list[Label]) -> None:
    for row, error in sorted(embedded.errors.items()):
        message = f"label {owners[row].name!r}, {made.texts[row]!r:.60}: {error.message}"
        raise type(error)(message, violations=(Violation("labels", message),), retry_after=error.retry_after)
