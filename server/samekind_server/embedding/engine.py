"""Turns contents into unit rows: decoded beside the event loop, computed in few big calls."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from samekind.errors import BadRequest, BadVector, SamekindError, SpaceMismatch, TextTooLong, Violation
from samekind.types import Content, Floats, Image, LongText, Precision, Report, Text, Vector
from samekind_server.embedding.base import Encoder
from samekind_server.embedding.images import ImageLimits, decode, prepare
from samekind_server.embedding.registry import Registry
from samekind_server.embedding.spaces import truncated

IMAGES_PER_CALL = 32
TEXTS_PER_CALL = 256

T = TypeVar("T")
C = TypeVar("C", Text, Image, Vector)
Decoded = tuple[Floats | SamekindError, float]


@dataclass
class Embedded:
    """A batch's unit rows, (n, dimensions) float32; a failed content's row is zero and its error stands in `errors`."""

    vectors: Floats
    report: Report
    errors: dict[int, SamekindError] = field(default_factory=dict)
    truncated: set[int] = field(default_factory=set)


class Engine:
    """Embeds batches with the registry's models. Its methods are for one event loop; the work runs in threads of its own."""

    def __init__(self, registry: Registry, limits: ImageLimits, *, decoders: int = 2) -> None:
        self.registry = registry
        self._limits = limits
        self._decoding = ThreadPoolExecutor(decoders, "decode")
        self._computing = ThreadPoolExecutor(1, "compute")

    async def encoder(self, name: str) -> Encoder:
        """The model of that name, loaded if need be; "" is the default. Raises NotFound."""
        return await asyncio.to_thread(self.registry.get, name)

    def close(self) -> None:
        """Ends the threads; what they are at is finished first."""
        self._decoding.shutdown(cancel_futures=True)
        self._computing.shutdown(cancel_futures=True)

    async def embed(
        self,
        encoder: Encoder,
        contents: Sequence[Content | SamekindError],
        *,
        long_text: LongText = LongText.TRUNCATE,
        dimensions: int = 0,
    ) -> Embedded:
        """Unit rows for `contents`; a bad one, or one that could not be read and is its error, fails alone.

        Raises BadRequest where `dimensions` is more than the model has.
        """
        model = encoder.model
        kept = _dimensions(encoder, dimensions)
        batch = Embedded(np.zeros((len(contents), model.dimensions), np.float32), Report(model.name, truncated(model.space, kept), None))
        batch.errors.update((index, content) for index, content in enumerate(contents) if isinstance(content, SamekindError))
        await self._vectors(encoder, _of(contents, Vector), batch)
        await self._texts(encoder, _of(contents, Text), long_text, batch)
        await self._images(encoder, _of(contents, Image), batch)
        batch.vectors = cut(batch.vectors, kept)
        return batch

    async def _vectors(self, encoder: Encoder, vectors: dict[int, Vector], batch: Embedded) -> None:
        for index, vector in vectors.items():
            try:
                batch.vectors[index] = _unit(vector, encoder)
            except SamekindError as error:
                batch.errors[index] = error

    async def _texts(self, encoder: Encoder, texts: dict[int, Text], long_text: LongText, batch: Embedded) -> None:
        for some in _chunks(list(texts), TEXTS_PER_CALL):
            tokens = await self._run(self._decoding, encoder.tokenizer, [texts[index].text for index in some])
            long = {index for index, too_long in zip(some, tokens.truncated, strict=True) if too_long}
            if long_text is LongText.REJECT:
                batch.errors.update((index, _too_long(encoder)) for index in long)
            rows = [row for row, index in enumerate(some) if index not in batch.errors]
            batch.truncated |= long - set(batch.errors)
            if rows:
                batch.vectors[[some[row] for row in rows]] = await self._compute(encoder, encoder.runtime.texts, tokens.ids[rows], batch)

    async def _images(self, encoder: Encoder, images: dict[int, Image], batch: Embedded) -> None:
        async for some in self._decoded(encoder, images):
            good = {index: result for index, (result, _) in some.items() if not isinstance(result, SamekindError)}
            batch.errors.update((index, result) for index, (result, _) in some.items() if isinstance(result, SamekindError))
            batch.report = replace(batch.report, decode_ms=batch.report.decode_ms + sum(ms for _, ms in some.values()))
            if good:
                batch.vectors[list(good)] = await self._compute(encoder, encoder.runtime.images, np.stack(list(good.values())), batch)

    async def _decoded(self, encoder: Encoder, images: dict[int, Image]) -> AsyncIterator[dict[int, Decoded]]:
        """Prepared images, a model call's worth at a time; the next ones are decoded while the model computes these."""
        ahead: list[asyncio.Future[list[Decoded]]] = []
        chunks = list(_chunks(list(images), IMAGES_PER_CALL))
        try:
            for number, some in enumerate(chunks):
                for chunk in chunks[number + len(ahead) : number + 2]:
                    ahead.append(asyncio.gather(*(self._run(self._decoding, self._prepare, encoder, images[index]) for index in chunk)))
                yield dict(zip(some, await ahead.pop(0), strict=True))
        finally:
            for decoding in ahead:
                decoding.cancel()

    def _prepare(self, encoder: Encoder, image: Image) -> Decoded:
        started = time.perf_counter()
        at_least = max(encoder.preprocess.height_width) if encoder.runtime.precision is Precision.FAST else None
        try:
            return prepare(decode(_bytes(image), self._limits, at_least=at_least), encoder.preprocess), _ms(started)
        except SamekindError as error:
            return error, _ms(started)

    async def _compute(self, encoder: Encoder, tower: Callable[[Any], Floats], inputs: Any, batch: Embedded) -> Floats:
        asked = time.perf_counter()

        def timed() -> tuple[Floats, float, float]:
            started = time.perf_counter()
            return tower(inputs), 1000 * (started - asked), _ms(started)

        vectors, waited, computed = await self._run(self._computing, timed)
        report = batch.report
        batch.report = replace(report, precision=encoder.runtime.precision, wait_ms=report.wait_ms + waited, compute_ms=report.compute_ms + computed)
        return vectors

    async def _run(self, executor: Executor, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(executor, work, *arguments)


def cut(vectors: Floats, dimensions: int) -> Floats:
    """The rows' first `dimensions` numbers, unit again (Matryoshka representation learning, arXiv 2205.13147); zero rows stay zero."""
    if dimensions == vectors.shape[1]:
        return vectors
    kept = vectors[:, :dimensions]
    norms = np.linalg.norm(kept, axis=1, keepdims=True)
    unit: Floats = np.divide(kept, norms, out=np.zeros_like(kept), where=norms > 0)
    return unit


def _dimensions(encoder: Encoder, asked: int) -> int:
    has = encoder.model.dimensions
    if asked > has:
        message = f"{asked} dimensions are more than the {has} that {encoder.model.name} has; ask for {has} or fewer"
        raise BadRequest(message, violations=(Violation("dimensions", message),))
    return asked or has


def _unit(vector: Vector, encoder: Encoder) -> Floats:
    if vector.space != encoder.model.space:
        theirs, ours = vector.space, encoder.model.space
        raise SpaceMismatch(f"the vector is of space {theirs!r}, but {encoder.model.name} makes {ours!r}; embed the content with this model")
    if vector.values.shape != (encoder.model.dimensions,):
        raise BadVector(f"the vector has {vector.values.size} numbers, but its space {vector.space!r} has {encoder.model.dimensions}")
    norm = float(np.linalg.norm(vector.values.astype(np.float64)))
    if not np.isfinite(norm) or norm == 0:
        raise BadVector(f"the vector is {'zero' if norm == 0 else 'not finite'}, so it points nowhere; send a finite one other than zero")
    return (vector.values / norm).astype(np.float32)


def _too_long(encoder: Encoder) -> TextTooLong:
    model = encoder.model
    return TextTooLong(f"the text is longer than the {model.context_length} tokens {model.name} reads; shorten it, or let it be truncated")


def _bytes(image: Image) -> bytes:
    assert isinstance(image.source, bytes), "the wire makes images of bytes"
    return image.source


def _of(contents: Sequence[Content | SamekindError], kind: type[C]) -> dict[int, C]:
    return {index: content for index, content in enumerate(contents) if isinstance(content, kind)}


def _chunks(items: list[int], size: int) -> Iterator[list[int]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _ms(started: float) -> float:
    return 1000 * (time.perf_counter() - started)
