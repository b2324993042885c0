"""Keeps label matrices, so that a question asked again costs one matmul."""

import asyncio
import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from samekind.errors import Violation
from samekind.types import Floats, Label, Labels, LongText, Report, Text
from samekind_server.classification import head
from samekind_server.classification.prepared import Prepared
from samekind_server.embedding.askers import ANYONE, Asker, Lane
from samekind_server.embedding.base import Encoder
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.lru import Lru
from samekind_server.embedding.work import Embedded

# Tenant, space and the labels' digest: what a caller sends as labels takes no memory once it is answered.
Key = tuple[str, str, bytes, LongText]
KeptSet = tuple[str, str, int, LongText]
MANY = 1000  # Texts; so many are no interactive work.
ENTRY = 1024  # About what one costs beside its numbers and names, in bytes.
DIGEST = 60  # What a label's costs.
SETS = 4096  # Sets whose last matrix is known.


@dataclass(frozen=True)
class Matrix:
    """The labels' unit rows, (labels, dimensions) float32, the labels with a text that was cut, and how it was made.

    That of a kept set also has each label's digest, so that the next version's matrix is made of what both have.
    """

    rows: Floats
    truncated: tuple[str, ...]
    report: Report
    digests: tuple[bytes, ...] = ()

    @property
    def size(self) -> int:
        """Bytes it takes to keep."""
        return ENTRY + self.rows.nbytes + DIGEST * len(self.digests) + sum(4 * len(name) for name in self.truncated)


class Matrices:
    """Label matrices by space and labels, least recently used ones dropped beyond `capacity` bytes. For one event loop."""

    def __init__(self, engine: Engine, *, capacity: int = 256 << 20) -> None:
        self._engine = engine
        self._kept: Lru[Key, Matrix] = Lru(capacity)
        self._last: Lru[KeptSet, Key] = Lru(SETS)
        self._making: dict[Key, asyncio.Lock] = {}
        self._outliving: dict[Key, asyncio.Task[Matrix]] = {}

    async def get(self, encoder: Encoder, asked: Prepared, long_text: LongText, asker: Asker = ANYONE) -> Matrix:
        """The labels' matrix, made once however many ask at once. Raises TextTooLong where cutting is refused."""
        key = (asker.tenant, encoder.model.space, asked.digest, long_text)
        if asked.set_id and (kept := self._again(key)):
            return kept
        if asked.set_id:
            return await asyncio.shield(self._shared(key, encoder, asked, asker))
        lock = self._making.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                return self._again(key) or self._keep(key, await self._make(encoder, asked.labels, long_text, asker))
        finally:
            if not lock.locked():
                self._making.pop(key, None)

    async def close(self) -> None:
        """Ends what goes on for nobody."""
        ending = list(self._outliving.values())
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def _shared(self, key: Key, encoder: Encoder, asked: Prepared, asker: Asker) -> asyncio.Task[Matrix]:
        """The making of a kept set's matrix; who asked may leave, and the next finds what has been done."""
        if key not in self._outliving:
            self._outliving[key] = asyncio.create_task(self._of_kept(key, encoder, asked, replace(asker, deadline=math.inf)))
            self._outliving[key].add_done_callback(partial(self._ended, key))
        return self._outliving[key]

    def _ended(self, key: Key, task: asyncio.Task[Matrix]) -> None:
        self._outliving.pop(key)
        # Asked for, or it would be told of as lost where nobody waits any more.
        _ = task.cancelled() or task.exception()

    def _again(self, key: Key) -> Matrix | None:
        kept = self._kept.get(key)
        self._engine.observer.asked("labels", hits=int(kept is not None), misses=int(kept is None))
        return kept and replace(kept, report=_done_before(kept.report))

    def _keep(self, key: Key, matrix: Matrix) -> Matrix:
        self._kept.put(key, matrix, matrix.size)
        return matrix

    async def _of_kept(self, key: Key, encoder: Encoder, asked: Prepared, asker: Asker) -> Matrix:
        """Made of the rows of the set's last matrix, where there are such, and of what is new."""
        tenant, space, _, long_text = key
        family = (tenant, space, asked.set_id, long_text)
        last = self._last.get(family)
        before = self._kept.get(last) if last else None
        known = {digest: row for row, digest in enumerate(before.digests)} if before else {}
        new = tuple(label for label, digest in zip(asked.labels.labels, asked.digests, strict=True) if digest not in known)
        made = await self._make(encoder, replace(asked.labels, labels=new), long_text, asker) if new else None
        matrix = _joined(asked, before, known, made) if before else made
        assert matrix, "labels that are known are of a matrix before"
        self._last.put(family, key, 1)
        return self._keep(key, replace(matrix, digests=asked.digests))

    async def _make(self, encoder: Encoder, labels: Labels, long_text: LongText, asker: Asker) -> Matrix:
        made = head.sentences(labels)
        asker = replace(asker, lane=Lane.BULK) if len(made.texts) > MANY else asker
        embedded = await self._engine.embed(encoder, [Text(text) for text in made.texts], asker=asker, long_text=long_text)
        groups = zip(labels.labels, made.names, made.descriptions, strict=True)
        owners = [label for label, names, descriptions in groups for _ in (*names, *descriptions)]
        _refuse(embedded, made, owners)
        truncated = dict.fromkeys(owners[row].name for row in sorted(embedded.truncated))
        return Matrix(head.matrix(embedded.vectors, made), tuple(truncated), embedded.report)


def _joined(asked: Prepared, before: Matrix, known: dict[bytes, int], made: Matrix | None) -> Matrix:
    """The labels' matrix, of rows known before and, for the others in their order, of those just made."""
    is_new = np.array([digest not in known for digest in asked.digests])
    rows = np.empty((len(is_new), before.rows.shape[1]), np.float32)
    rows[~is_new] = before.rows[[known[digest] for digest in asked.digests if digest in known]]
    if made:
        rows[is_new] = made.rows
    cut = {False: {*before.truncated}, True: {*(made.truncated if made else ())}}
    truncated = tuple(name for name, new in zip(asked.names, is_new.tolist(), strict=True) if name in cut[new])
    return Matrix(rows, truncated, made.report if made else _done_before(before.report))


def _done_before(report: Report) -> Report:
    return replace(report, wait_ms=0.0, decode_ms=0.0, compute_ms=0.0)


def _refuse(embedded: Embedded, made: head.Sentences, owners: list[Label]) -> None:
    for row, error in sorted(embedded.errors.items()):
        message = f"label {owners[row].name!r}, {made.texts[row]!r:.60}: {error.message}"
        raise type(error)(message, violations=(Violation("labels", message),), retry_after=error.retry_after)
