"""Turns contents into unit rows: let in, decoded beside the event loop, computed in few big calls."""

import asyncio
import hashlib
import itertools
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from samekind.errors import SamekindError
from samekind.types import Content, Floats, Image, LongText, Precision, Text, Vector
from samekind_server.embedding import joining, vectors
from samekind_server.embedding.admission import Admission
from samekind_server.embedding.askers import ANYONE, Asker, Lane
from samekind_server.embedding.base import Encoder
from samekind_server.embedding.batcher import Batcher, Queue, Row
from samekind_server.embedding.images import ImageLimits, decode, prepare
from samekind_server.embedding.lru import Lru
from samekind_server.embedding.observer import Observer, Unobserved
from samekind_server.embedding.registry import Registry
from samekind_server.embedding.slot import Slot
from samekind_server.embedding.windows import Place, cut
from samekind_server.embedding.work import Embedded, Work
from samekind_server.threads import give_way

IMAGES_PER_CALL, TEXTS_PER_CALL = 16, 64  # More gain no speed, and let those wait longer who come next.
BULK = 4  # Calls; what takes more of them is bulk, whatever its caller says.
ENTRY = 256  # About what a text kept costs beside its numbers, in bytes.

T = TypeVar("T")
C = TypeVar("C", Text, Image, Vector)


class Engine:
    """Embeds batches with the registry's models. Its methods are for one event loop; the work runs in threads of its own."""

    def __init__(
        self,
        registry: Registry,
        limits: ImageLimits,
        *,
        decoders: int = 2,
        admission: Admission | None = None,
        model_timeout: float = 60.0,
        text_cache_bytes: int = 64 << 20,
        observer: Observer | None = None,
    ) -> None:
        self.registry = registry
        self.admission = admission or Admission()
        self.limits = limits
        self.observer = observer or Unobserved()
        self._decoding = {lane: ThreadPoolExecutor(decoders, f"decode-{lane.name.lower()}", initializer=give_way) for lane in Lane}
        self._tokenizing = ThreadPoolExecutor(1, "tokenize", initializer=give_way)
        self._slot = Slot(timeout=model_timeout, observer=self.observer, renew=registry.renew)
        self._batchers: dict[tuple[str, str], Batcher] = {}
        self._texts: Lru[bytes, tuple[Floats, bool]] = Lru(text_cache_bytes)

    @property
    def well(self) -> bool:
        """Whether every model has answered since it last hung or its worker died."""
        return self._slot.well

    @property
    def ill(self) -> list[str]:
        """The models that have not."""
        return self._slot.ill

    @property
    def queues(self) -> list[Queue]:
        """What waits for each tower used so far, in each lane."""
        return [queue for batcher in self._batchers.values() for queue in batcher.queues]

    async def encoder(self, name: str) -> Encoder:
        """The model of that name, loaded if need be; "" is the default. Raises NotFound."""
        return await asyncio.to_thread(self.registry.get, name)

    def close(self) -> None:
        """Ends the threads; what they are at is finished first, but for a call that hangs."""
        for pool in (*self._decoding.values(), self._tokenizing):
            pool.shutdown(cancel_futures=True)
        self._slot.close()

    async def embed(
        self,
        encoder: Encoder,
        contents: Sequence[Content | SamekindError],
        *,
        asker: Asker = ANYONE,
        long_text: LongText = LongText.TRUNCATE,
        dimensions: int = 0,
    ) -> Embedded:
        """Unit rows for `contents`; a bad one, or one that could not be read and is its error, fails alone.

        Raises Overloaded, or BadRequest where `dimensions` is more than the model has.
        """
        if long_text is LongText.WINDOWS:
            with self.admission.admitted(contents, asker):
                cuts = await self._cut(encoder, _of(contents, Text), _laned(asker, contents).lane)
            pieces, owners = joining.apart(contents, cuts)
            return joining.together(await self.embed(encoder, pieces, asker=asker, dimensions=dimensions), owners, cuts)
        kept, asker = vectors.kept(encoder.model, dimensions), _laned(asker, contents)
        with self.registry.using(encoder), self.admission.admitted(contents, asker) as loan:
            work = Work(encoder, asker, long_text, loan, len(contents))
            async with asyncio.TaskGroup() as parts:
                for part in self._parts(work, contents):
                    parts.create_task(part)
        return work.embedded(kept)

    async def _cut(self, encoder: Encoder, texts: dict[int, Text], lane: Lane) -> dict[int, list[Place]]:
        """The windows of those texts that do not fit."""
        loop, pool = asyncio.get_running_loop(), self._decoding[lane]
        found = await asyncio.gather(*(loop.run_in_executor(pool, cut, text.text, encoder.tokenizer) for text in texts.values()))
        return {index: places for index, places in zip(texts, found, strict=True) if places}

    def _parts(self, work: Work, contents: Sequence[Content | SamekindError]) -> Iterator[Coroutine[Any, Any, None]]:
        """What is to be waited for; places the rest at once."""
        for index, content in enumerate(contents):
            if isinstance(content, SamekindError):
                work.place(index, content)
        for index, vector in _of(contents, Vector).items():
            work.place(index, _unit(vector, work.encoder))
        for some in _chunks(self._unknown(work, _of(contents, Text)), TEXTS_PER_CALL):
            yield self._embed_texts(work, some)
        for index, image in _of(contents, Image).items():
            yield self._embed_image(work, index, image)

    def _unknown(self, work: Work, texts: dict[int, Text]) -> dict[int, str]:
        """Places the texts that were asked before, and leaves the others."""
        unknown = {}
        for index, text in texts.items():
            if not (kept := self._texts.get(_key(work, text.text))):
                unknown[index] = text.text
            elif work.takes(index, long=kept[1]):
                work.place(index, kept[0])
        if texts:
            self.observer.asked("texts", hits=len(texts) - len(unknown), misses=len(unknown))
        return unknown

    async def _embed_texts(self, work: Work, texts: dict[int, str]) -> None:
        encoder, batcher = work.encoder, self._batcher(work.encoder, "texts", TEXTS_PER_CALL)
        async with work.failing(texts), batcher.room(len(texts), work.asker):
            tokens = await self._decoded(work, self._tokenizing, encoder.tokenizer, list(texts.values()))
            long = dict(zip(texts, tokens.truncated.tolist(), strict=True))
            taken = [place for place, index in enumerate(texts) if work.takes(index, long=long[index])]
            if not taken:
                return
            call = await batcher.compute(encoder.runtime.texts, tokens.ids[taken], work.asker)
            work.computed(call)
            indexes = list(texts)
            for place, row in zip(taken, call.rows, strict=True):
                index = indexes[place]
                work.place(index, row)
                self._keep(work, texts[index], row, long=long[index])

    async def _embed_image(self, work: Work, index: int, image: Image) -> None:
        encoder, batcher = work.encoder, self._batcher(work.encoder, "images", IMAGES_PER_CALL)
        async with work.failing([index]), batcher.room(1, work.asker):
            pixels = await self._decoded(work, self._decoding[work.asker.lane], self._prepare, encoder, image)
            call = await batcher.compute(encoder.runtime.images, pixels[None], work.asker)
            work.computed(call)
            work.place(index, call.rows[0])

    def _keep(self, work: Work, text: str, row: Row, *, long: bool) -> None:
        """Keeps a text's row for when it is asked again, which what is read in by the thousand is not."""
        if work.asker.lane is Lane.INTERACTIVE and not isinstance(row, SamekindError):
            self._texts.put(_key(work, text), (row.copy(), long), row.nbytes + ENTRY)

    def _prepare(self, encoder: Encoder, image: Image) -> Floats:
        at_least = max(encoder.preprocess.height_width) if encoder.runtime.precision is Precision.FAST else None
        return prepare(decode(_bytes(image), self.limits, at_least=at_least), encoder.preprocess)

    def _batcher(self, encoder: Encoder, kind: str, size: int) -> Batcher:
        name = encoder.model.name
        if (name, kind) not in self._batchers:
            self._batchers[name, kind] = Batcher(name, kind, size, want=self._slot.want, observer=self.observer)
        return self._batchers[name, kind]

    async def _decoded(self, work: Work, pool: Executor, decode: Callable[..., T], *arguments: Any) -> T:
        result, *span = await asyncio.get_running_loop().run_in_executor(pool, _timed, decode, *arguments)
        work.decoded(*span)
        return result


def _timed(run: Callable[..., T], *arguments: Any) -> tuple[T, float, float]:
    began = time.monotonic()
    return run(*arguments), began, time.monotonic()


def _laned(asker: Asker, contents: Sequence[object]) -> Asker:
    """The caller, in the bulk lane where so much is asked that it would hold up the others."""
    images = sum(isinstance(content, Image) for content in contents)
    calls = images / IMAGES_PER_CALL + (len(contents) - images) / TEXTS_PER_CALL
    return replace(asker, lane=Lane.BULK) if calls > BULK else asker


def _unit(vector: Vector, encoder: Encoder) -> Row:
    try:
        return vectors.unit(vector, encoder.model)
    except SamekindError as error:
        return error


def _key(work: Work, text: str) -> bytes:
    """A digest, so that what a caller sends as text takes no memory once it is answered."""
    return hashlib.sha256(f"{work.asker.tenant} {work.encoder.model.space} {text}".encode(errors="surrogatepass")).digest()


def _bytes(image: Image) -> bytes:
    assert isinstance(image.source, bytes), "the wire makes images of bytes"
    return image.source


def _of(contents: Sequence[Content | SamekindError], kind: type[C]) -> dict[int, C]:
    return {index: content for index, content in enumerate(contents) if isinstance(content, kind)}


def _chunks(items: dict[int, T], size: int) -> Iterator[dict[int, T]]:
    left = iter(items.items())
    while some := dict(itertools.islice(left, size)):
        yield some
