"""Makes items into what can be written: checks each by itself, and embeds what is not stored already."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from samekind.errors import BadRequest, SamekindError, SpaceMismatch, Violation
from samekind.types import Catalog, Content, Floats, Image, Item, LongText, Text, Vector
from samekind_server.catalog import attributes, vectors
from samekind_server.catalog.precedence import Precedence
from samekind_server.catalog.writing import Draft, duplicates
from samekind_server.embedding import spaces, windows
from samekind_server.embedding.askers import Asker, Lane
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.images import ImageLimits, decode
from samekind_server.store import items
from samekind_server.store.base import Transaction
from samekind_server.store.items import Embedded, Windows
from samekind_server.threads import give_way

LONGEST_ID = 512
AT_ONCE = 64  # Drafts that are made before other calls have their turn.
QUALITY = 85
IN_WINDOWS = b"in windows:"  # Before a text that was read so, in what is digested of it.
T = TypeVar("T")
Held = Mapping[str, frozenset[tuple[str, bytes]]]  # By id: the modality and digest of each content whose vector is stored.


@dataclass(frozen=True)
class Part:
    """One content of an item, by place: its modality, its digest, and its vector where it is one."""

    place: int
    content: Content
    modality: str
    digest: bytes
    data: bytes = b""


@dataclass(frozen=True)
class Made:
    """The vector of a part, and the windows whose mean it is."""

    data: bytes
    windows: Windows | None = None


@dataclass
class Sketch:
    """An item that was checked; its parts have still to be embedded."""

    item: Item
    told: bytes
    parts: list[Part]


class Drafting:
    """Embeds with one engine, in its bulk lane."""

    def __init__(self, engine: Engine, precedence: Precedence) -> None:
        self._engine, self._limits, self._precedence = engine, engine.limits, precedence
        self._pool = ThreadPoolExecutor(2, "items")
        # One thread, as Python has one at work at a time, and a search waits for each that wants to.
        self._reading = ThreadPoolExecutor(1, "items-read", initializer=give_way)

    async def read(self, given: Iterable[T]) -> list[T]:
        """All of what is read one by one, batches in turns."""
        return await self._precedence.listed(given, self._reading)

    async def sketches(self, given: Sequence[Item | SamekindError], catalog: Catalog, long_text: LongText) -> list[Sketch | SamekindError]:
        """Each item checked, or what is wrong with it."""
        return await self.read(sketched(given, catalog, long_text))

    async def drafts(
        self, sketches: Sequence[Sketch | SamekindError], catalog: Catalog, held: Held, *, asker: Asker, long_text: LongText
    ) -> list[Draft | SamekindError]:
        """Each item ready to be written, or what is wrong with it. Raises Overloaded."""
        parts = [part for sketch in sketches if isinstance(sketch, Sketch) for part in _new(sketch, held)]
        rows, errors, long = await self._embedded(parts, catalog, replace(asker, lane=Lane.BULK), long_text)
        pictures = await self._thumbnails([part for part in parts if part.modality == "image" and part.place not in errors], catalog)
        made = {(part.place, part.modality): row for part, row in zip(parts, rows, strict=True)}
        drafts: list[Draft | SamekindError] = []
        for place, sketch in enumerate(sketches):
            if place % AT_ONCE == 0:
                await asyncio.sleep(0)
            error = sketch if isinstance(sketch, SamekindError) else errors.get(place)
            drafts.append(error or _draft(place, sketch, catalog, made, pictures.get(place, b""), truncated=place in long))  # type: ignore[arg-type]
        return drafts

    def close(self) -> None:
        """Ends the threads."""
        for pool in (self._pool, self._reading):
            pool.shutdown(cancel_futures=True)

    async def _embedded(
        self, parts: Sequence[Part], catalog: Catalog, asker: Asker, long_text: LongText
    ) -> tuple[list[Made], dict[int, SamekindError], set[int]]:
        """A vector for each part, and by place what went wrong and whose text was cut."""
        rows, errors, long = [Made(part.data) for part in parts], dict[int, SamekindError](), set[int]()
        asked = [index for index, part in enumerate(parts) if not part.data]
        if not asked:
            return rows, errors, long
        if refusal := await misfit(self._engine, catalog):
            return rows, {parts[index].place: refusal for index in asked}, long
        encoder = await self._engine.encoder(catalog.model)
        contents = [parts[index].content for index in asked]
        answer = await self._engine.embed(encoder, contents, asker=asker, long_text=long_text, dimensions=catalog.dimensions)
        for place, index in enumerate(asked):
            rows[index] = Made(_bytes(answer.vectors[place]), _windows(answer.windows.get(place)))
            if place in answer.errors:
                errors.setdefault(parts[index].place, answer.errors[place])
            if place in answer.truncated:
                long.add(parts[index].place)
        return rows, errors, long

    async def _thumbnails(self, images: Sequence[Part], catalog: Catalog) -> dict[int, bytes]:
        if not catalog.thumbnail_size:
            return {}
        loop, size = asyncio.get_running_loop(), catalog.thumbnail_size
        made = [loop.run_in_executor(self._pool, thumbnail, part.content, size, self._limits) for part in images]
        return dict(zip([part.place for part in images], await asyncio.gather(*made), strict=True))


def sketched(given: Sequence[Item | SamekindError], catalog: Catalog, long_text: LongText) -> Iterator[Sketch | SamekindError]:
    """Each item checked, or what is wrong with it; of those with one id the first alone is right."""
    ids = [item.id if isinstance(item, Item) else f"\0{place}" for place, item in enumerate(given)]
    twice = duplicates(ids)
    for place, item in enumerate(given):
        yield twice.get(place) or _sketch(place, item, catalog, long_text)


async def misfit(engine: Engine, catalog: Catalog) -> SamekindError | None:
    """Why texts and images cannot be embedded for this catalog."""
    if not catalog.model:
        told = f"the catalog {catalog.name!r} has no model, so it takes ready vectors of its space {catalog.space!r} alone"
        return BadRequest(f"{told}; embed the content yourself, or make a catalog with a model")
    model = (await engine.encoder(catalog.model)).model
    if spaces.truncated(model.space, catalog.dimensions) == catalog.space:
        return None
    told = f"the catalog {catalog.name!r} is of space {catalog.space!r}, but {catalog.model} now makes {model.space!r}"
    return SpaceMismatch(f"{told}; serve the model it was made with, or put its items in a new catalog")


def stored(catalog: int, sketches: Sequence[Sketch | SamekindError], of: Transaction) -> Held:
    """Which contents of these items are stored with their vectors."""
    ids = [sketch.item.id for sketch in sketches if isinstance(sketch, Sketch)]
    rows = items.rows_of(of, catalog, ids)
    return {id: frozenset((each.modality, each.content) for each in items.vectors(of, row) if each.sound) for id, row in rows.items()}


def check_id(id: str) -> None:
    """Raises BadRequest where that is no item's id."""
    if not 0 < len(id.encode()) <= LONGEST_ID:
        message = f"an item's id has 1 to {LONGEST_ID} bytes, and {id!r:.40} has {len(id.encode())}"
        raise BadRequest(message, violations=(Violation("id", message),))


def thumbnail(content: Content, size: int, limits: ImageLimits) -> bytes:
    """A small JPEG of an image; nothing where it cannot be made."""
    assert isinstance(content, Image) and isinstance(content.source, bytes)
    try:
        picture = decode(content.source, limits, at_least=size)
    except SamekindError:
        return b""
    picture.thumbnail((size, size))
    picture.save(file := io.BytesIO(), "JPEG", quality=QUALITY)
    return file.getvalue()


def _sketch(place: int, item: Item | SamekindError, catalog: Catalog, long_text: LongText) -> Sketch | SamekindError:
    if isinstance(item, SamekindError):
        return item
    try:
        check_id(item.id)
        return Sketch(item, attributes.dump(item.attributes), _parts(place, item, catalog, long_text))
    except SamekindError as error:
        return error


def _parts(place: int, item: Item, catalog: Catalog, long_text: LongText) -> list[Part]:
    parts = [_part(place, content, catalog, long_text) for content in item.contents]
    kinds = [part.modality for part in parts]
    if not kinds or len(set(kinds)) < len(kinds):
        has = f"has {len(kinds)} contents: {', '.join(kinds)}" if kinds else "has none"
        message = f"an item has at least one content, and at most one text, one image and one vector; {item.id!r:.80} {has}"
        raise BadRequest(message, violations=(Violation("contents", message),))
    return parts


def _part(place: int, content: Content, catalog: Catalog, long_text: LongText) -> Part:
    match content:
        case Text(text):
            return Part(place, content, "text", _digest((IN_WINDOWS if long_text is LongText.WINDOWS else b"") + text.encode()))
        case Image(bytes(data)):
            return Part(place, content, "image", _digest(data))
        case Vector():
            data = _bytes(vectors.ready(content, catalog))
            return Part(place, content, "vector", _digest(data), data)
    raise TypeError(f"no content: {content!r:.100}")


def _new(sketch: Sketch, held: Held) -> list[Part]:
    """The parts whose vectors are not stored."""
    stored = held.get(sketch.item.id, frozenset())
    return [part for part in sketch.parts if (part.modality, part.digest) not in stored]


def _draft(place: int, sketch: Sketch, catalog: Catalog, made: Mapping[tuple[int, str], Made], picture: bytes, *, truncated: bool) -> Draft:
    item = sketch.item
    text = next((content.text for content in item.contents if isinstance(content, Text)), None)
    rows = tuple(_row(part, catalog, made.get((place, part.modality), Made(b""))) for part in sketch.parts)
    return Draft(item.id, item.version, item.attributes, sketch.told, text, rows, picture, truncated)


def _row(part: Part, catalog: Catalog, made: Made) -> Embedded:
    return Embedded(part.modality, catalog.space, part.digest, made.data, windows=made.windows)


def _windows(given: windows.Windows | None) -> Windows | None:
    return Windows(np.array(given.places, "<u4").tobytes(), _bytes(given.rows)) if given else None


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:16]


def _bytes(row: Floats) -> bytes:
    return row.astype("<f4").tobytes()
