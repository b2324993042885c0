"""Cuts contents of any number into requests of a good size, or a stream of them, and puts their answers together again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from operator import length_hint
from typing import Any, Generic, Protocol, TypeVar, cast
from uuid import uuid4

from google.protobuf.message import Message

from samekind import inputs, wire
from samekind import progress as bars
from samekind.errors import Internal, RequestTooLarge, SamekindError
from samekind.inputs import Given
from samekind.queries import Found
from samekind.recommendations import Recorded
from samekind.types import Answer, Embedding, Written

# The proto's own cap, and a size that keeps a request small beside any server's limit on messages. What is more is streamed.
MOST_CONTENTS = 1024
MOST_BYTES = 4 << 20

T = TypeVar("T")
Response = TypeVar("Response")
Item = TypeVar("Item")
Failing = TypeVar("Failing", Answer, Embedding, Written, Found, Recorded)
Result = TypeVar("Result")
Answered = TypeVar("Answered", covariant=True)
Later = TypeVar("Later", covariant=True)
Entry = Message | SamekindError


@dataclass(frozen=True)
class Method(Generic[Response]):
    """Where a request goes and what comes back."""

    path: str
    response: Callable[[bytes], Response]


@dataclass(frozen=True)
class Part(Generic[Response, Item]):
    """One request of a call; `request` and the response are None where nothing is left to ask."""

    request: Message | None
    read: Callable[[Response | None], list[Item]]
    refused: Callable[[SamekindError], list[Item]]
    follow: Callable[[Response | None], Part[Response, Item] | None] = lambda _: None
    request_id: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True)
class Call(Generic[Response, Item, Result]):
    """One operation: its first request, made when it is asked for, and what the items of it and those that follow amount to."""

    method: Method[Response]
    part: Callable[[], Part[Response, Item]]
    finish: Callable[[list[Item]], Result]

    def by(self, asks: Asks, /) -> Result:
        """The answer."""
        return asks._run(self)

    def awaited_by(self, asks: AsyncAsks, /) -> Coroutine[Any, Any, Result]:
        """The answer, to await."""
        return asks._run(self)


@dataclass(frozen=True)
class Streamed(Generic[Response, Failing]):
    """One operation on contents of any number, answered as they come; `total` is how many there are, 0 where nobody knows."""

    batch: Batch[Response, Failing]
    entries: Iterator[Entry] | AsyncIterator[Entry]
    total: int = 0
    progress: bool = False

    def by(self, asks: Asks, /) -> Iterator[Failing]:
        """The answers, in order, each once it is asked for."""
        if isinstance(self.entries, AsyncIterator):
            raise TypeError("contents that come asynchronously are for the client of aconnect")
        return asks._stream(self)

    def awaited_by(self, asks: AsyncAsks, /) -> AsyncIterator[Failing]:
        """The answers, in order, each once it is asked for."""
        return asks._stream(self)


@dataclass(frozen=True)
class Several(Generic[Response, Failing]):
    """One operation on several contents, answered with a list: in one request where they fit, else in a stream."""

    batch: Batch[Response, Failing]
    entries: Iterator[Entry]
    total: int
    progress: bool

    def by(self, asks: Asks, /) -> list[Failing]:
        """The answers in order."""
        asked = self._asked()
        return asked.by(asks) if isinstance(asked, Call) else list(asked.by(asks))

    async def awaited_by(self, asks: AsyncAsks, /) -> list[Failing]:
        """The answers in order. Contents are read in a thread, so that files do not hold the event loop."""
        asked = await asyncio.to_thread(self._asked)
        return await asked.awaited_by(asks) if isinstance(asked, Call) else [item async for item in asked.awaited_by(asks)]

    def _asked(self) -> Call[Response, Failing, list[Failing]] | Streamed[Response, Failing]:
        first, more = _first(self.entries)
        if more or self.progress:
            return Streamed(self.batch, chain(first, self.entries), self.total, self.progress)
        return Call(self.batch.method, lambda: self.batch.part(0, first), list)


class Asked(Protocol[Answered, Later]):
    """What can be asked of a client, and of one of an event loop."""

    def by(self, asks: Asks, /) -> Answered: ...

    def awaited_by(self, asks: AsyncAsks, /) -> Later: ...


class Asks(Protocol):
    """A client."""

    def _run(self, call: Call[Response, Item, Result], /) -> Result: ...

    def _stream(self, call: Streamed[Response, Failing], /) -> Iterator[Failing]: ...


class AsyncAsks(Protocol):
    """A client of an event loop."""

    def _run(self, call: Call[Response, Item, Result], /) -> Coroutine[Any, Any, Result]: ...

    def _stream(self, call: Streamed[Response, Failing], /) -> AsyncIterator[Failing]: ...


def batched(
    contents: Given | Iterable[Given] | AsyncIterable[Given], batch: Batch[Response, Failing], *, progress: bool = False
) -> Call[Response, Failing, Failing] | Several[Response, Failing] | Streamed[Response, Failing]:
    """The call for one content; for several; or, of an iterator, for as many as come."""
    if progress:
        bars.check()
    if inputs.is_one(contents):
        return Call(batch.method, lambda: batch.part(0, [_entry(contents)]), _only)
    return several(cast("Iterable[Given] | AsyncIterable[Given]", contents), _entry, batch, progress=progress)


def several(
    given: Iterable[T] | AsyncIterable[T], entry: Callable[[T], Entry], batch: Batch[Response, Failing], *, progress: bool = False
) -> Several[Response, Failing] | Streamed[Response, Failing]:
    """The call for several of what `entry` makes messages of; or, of an iterator, for as many as come."""
    if progress:
        bars.check()
    if isinstance(given, AsyncIterable):
        return Streamed(batch, _entries(given, entry), length_hint(given), progress)
    if isinstance(given, Iterator):
        return Streamed(batch, map(entry, given), length_hint(given), progress)
    return Several(batch, map(entry, given), length_hint(given), progress)


def serialized(request: Message) -> bytes:
    """A request as it goes over the wire."""
    return request.SerializeToString()


@dataclass(frozen=True)
class Batch(Generic[Response, Failing]):
    """How an operation asks for many contents, at once or in a stream, reads their answers, and answers for one that failed (like its neighbours).

    The stream's messages are made by `message`, the first of them with `options`; those that come bear answers as `read` reads them.
    `named` gives what has failed without an answer the name of what was asked. Small ones go `together` in one message, at most so many.
    """

    method: Method[Response]
    ask: Callable[[list[Any]], Message]
    read: Callable[[Response], list[Failing]]
    failed: Callable[[SamekindError, list[Failing]], Failing]
    stream: Method[Any]
    message: Callable[..., Message]
    options: Message
    named: Callable[[Failing, Entry], Failing] = lambda item, _: item
    together: int = 0

    def part(
        self, start: int, entries: list[Entry], *, ask: Callable[[list[Any]], Message] | None = None, request_id: str = ""
    ) -> Part[Response, Failing]:
        """The request for those entries that are contents; the others are errors already."""
        contents = [entry for entry in entries if not isinstance(entry, SamekindError)]
        errors = [entry if isinstance(entry, SamekindError) else None for entry in entries]
        request_id = request_id or uuid4().hex
        return Part(
            (ask or self.ask)(contents) if contents else None,
            partial(self._answers, start, errors, request_id),
            partial(self._refused, errors),
            request_id=request_id,
        )

    def _answers(self, start: int, errors: list[SamekindError | None], request_id: str, response: Response | None) -> list[Failing]:
        answers = self.read(response) if response is not None else []
        return among(start, errors, answers, lambda error: self.failed(error, answers), request_id)

    def _refused(self, errors: list[SamekindError | None], refusal: SamekindError) -> list[Failing]:
        """A content too large for any request fails alone: it travels alone."""
        if not isinstance(refusal, RequestTooLarge) or errors.count(None) > 1:
            raise refusal
        return [self.failed(error or refusal, []) for error in errors]


def among(
    start: int, errors: list[SamekindError | None], answers: list[Failing], failed: Callable[[SamekindError], Failing], request_id: str
) -> list[Failing]:
    """Answers in their places among what was an error before it was asked; their own errors name the caller's content, not the request's."""
    asked = [start + index for index, error in enumerate(errors) if error is None]
    if len(answers) != len(asked):
        raise Internal(f"the server answered {len(answers)} of {len(asked)} contents", metadata={"request_id": request_id})
    for item in answers:
        if item.error:
            _place(item.error, asked, request_id)
    rest = iter(answers)
    return [failed(error) if error else next(rest) for error in errors]


def _first(entries: Iterator[Entry]) -> tuple[list[Entry], bool]:
    """Entries for one request, and whether there are more of them than fit: then one more is here already."""
    first, size = list[Entry](), 0
    for entry in entries:
        first.append(entry)
        size += weight(entry)
        if len(first) > MOST_CONTENTS or (size > MOST_BYTES and len(first) > 1):
            return first, True
    return first, False


def weight(entry: Entry) -> int:
    """Bytes it takes in a request."""
    return 0 if isinstance(entry, SamekindError) else entry.ByteSize()


def _entry(given: Given) -> Entry:
    try:
        return wire.content(inputs.content(given))
    except SamekindError as error:
        return error


async def _entries(given: AsyncIterable[T], entry: Callable[[T], Entry]) -> AsyncIterator[Entry]:
    async for each in given:
        yield await asyncio.to_thread(entry, each)


def _place(error: SamekindError, asked: list[int], request_id: str) -> None:
    """Makes an error name the caller's content instead of its request's, and the request it is of."""
    error.violations = tuple(
        replace(each, field=re.sub(r"^(contents|items|queries|events)\[(\d+)\]", lambda found: f"{found[1]}[{asked[int(found[2])]}]", each.field))
        for each in error.violations
    )
    error.metadata.setdefault("request_id", request_id)


def _only(items: list[Failing]) -> Failing:
    [item] = items
    if item.error:
        raise item.error
    return item
