"""Keeps label matrices, so that a question asked again costs one matmul."""

import asyncio
import hashlib
import json
from dataclasses import dataclass, replace

from samekind.errors import BadRequest, Violation
from samekind.types import Floats, Label, Labels, LongText, Report, Text
from samekind_server.classification import head
from samekind_server.embedding.askers import ANYONE, Asker
from samekind_server.embedding.base import Encoder
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.lru import Lru
from samekind_server.embedding.work import Embedded

Key = bytes
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

    async def get(self, encoder: Encoder, labels: Labels, long_text: LongText, asker: Asker = ANYONE) -> Matrix:
        """The labels' matrix, made once however many ask at once. Raises BadRequest, or TextTooLong where cutting is refused."""
        key = _key(asker.tenant, encoder.model.space, labels, long_text)
        lock = self._making.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                return self._again(key) or self._keep(key, await self._make(encoder, labels, long_text, asker))
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

    async def _make(self, encoder: Encoder, labels: Labels, long_text: LongText, asker: Asker) -> Matrix:
        check(labels)
        made = head.sentences(labels)
        embedded = await self._engine.embed(encoder, [Text(text) for text in made.texts], asker=asker, long_text=long_text)
        groups = zip(labels.labels, made.names, made.descriptions, strict=True)
        owners = [label for label, names, descriptions in groups for _ in (*names, *descriptions)]
        _refuse(embedded, made, owners)
        truncated = dict.fromkeys(owners[row].name for row in sorted(embedded.truncated))
        return Matrix(head.matrix(embedded.vectors, made), tuple(truncated), embedded.report)


def _key(tenant: str, space: str, labels: Labels, long_text: LongText) -> Key:
    """A digest, so that what a caller sends as labels takes no memory once it is answered."""
    asked = [[label.name, label.descriptions] for label in labels.labels]
    return hashlib.sha256(json.dumps([tenant, space, asked, labels.template_set, labels.templates, long_text.value]).encode()).digest()


def check(labels: Labels) -> None:
    """Raises BadRequest where there are no labels, or two have one name."""
    if not labels.labels:
        raise BadRequest(message := "there are no labels; give at least one", violations=(Violation("labels.labels", message),))
    first: dict[str, int] = {}
    for index, label in enumerate(labels.labels):
        if first.setdefault(label.name, index) != index:
            message = f"labels {first[label.name]} and {index} are both named {label.name!r}; give each a name of its own"
            raise BadRequest(message, violations=(Violation(f"labels.labels[{index}].name", message),))


def _refuse(embedded: Embedded, made: head.Sentences, owners: list[Label]) -> None:
    for row, error in sorted(embedded.errors.items()):
        message = f"label {owners[row].name!r}, {made.texts[row]!r:.60}: {error.message}"
        raise type(error)(message, violations=(Violation("labels", message),), retry_after=error.retry_after)
