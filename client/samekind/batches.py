"""Cuts contents of any number into requests of a good size, and puts their answers together again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Generic, TypeVar, cast
from uuid import uuid4

from google.protobuf.message import Message

from samekind import inputs, wire
from samekind.errors import Internal, RequestTooLarge, SamekindError
from samekind.inputs import Given
from samekind.types import Answer, Embedding, LabelSet, Model
from samekind.v1 import content_pb2 as words

# The proto's own cap, and a size that keeps a request small beside any server's limit on messages.
MOST_CONTENTS = 1024
MOST_BYTES = 4 << 20

Response = TypeVar("Response")
Item = TypeVar("Item", Answer, Embedding, LabelSet, Model)
Failing = TypeVar("Failing", Answer, Embedding)
Result = TypeVar("Result")
Entry = words.Content | SamekindError


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
    """One operation: its parts, each made when it is drawn, and what their items amount to."""

    method: Method[Response]
    parts: Iterator[Part[Response, Item]]
    finish: Callable[[list[Item]], Result]


def batched(
    method: Method[Response], contents: Given | Iterable[Given], batch: Batch[Response, Failing]
) -> Call[Response, Failing, Failing | list[Failing]]:
    """The call for one content or several."""
    if inputs.is_one(contents):
        return Call(method, (batch.part(*each) for each in _split([contents])), _only)
    several = cast("Iterable[Given]", contents)
    return Call(method, (batch.part(*each) for each in _split(several)), list)


def serialized(request: Message) -> bytes:
    """A request as it goes over the wire."""
    return request.SerializeToString()


@dataclass(frozen=True)
class Batch(Generic[Response, Failing]):
    """How an operation asks for many contents, reads their answers, and answers for one that failed (like its neighbours)."""

    ask: Callable[[list[words.Content]], Message]
    read: Callable[[Response], list[Failing]]
    failed: Callable[[SamekindError, list[Failing]], Failing]

    def part(self, start: int, entries: list[Entry]) -> Part[Response, Failing]:
        """The request for those entries that are contents; the others are errors already."""
        contents = [entry for entry in entries if not isinstance(entry, SamekindError)]
        errors = [entry if isinstance(entry, SamekindError) else None for entry in entries]
        request_id = uuid4().hex
        return Part(
            self.ask(contents) if contents else None,
            partial(self._answers, start, errors, request_id),
            partial(self._refused, errors),
            request_id=request_id,
        )

    def _answers(self, start: int, errors: list[SamekindError | None], request_id: str, response: Response | None) -> list[Failing]:
        asked = [start + index for index, error in enumerate(errors) if error is None]
        answers = self.read(response) if response is not None else []
        if len(answers) != len(asked):
            raise Internal(f"the server answered {len(answers)} of {len(asked)} contents", metadata={"request_id": request_id})
        for item in answers:
            if item.error:
                _place(item.error, asked, request_id)
        rest = iter(answers)
        return [self.failed(error, answers) if error else next(rest) for error in errors]

    def _refused(self, errors: list[SamekindError | None], refusal: SamekindError) -> list[Failing]:
        """A content too large for any request fails alone: it travels alone."""
        if not isinstance(refusal, RequestTooLarge) or errors.count(None) > 1:
            raise refusal
        return [self.failed(error or refusal, []) for error in errors]


def _split(contents: Iterable[Given]) -> Iterator[tuple[int, list[Entry]]]:
    """Runs of entries that fit one request, each with the place of its first."""
    start, entries, size = 0, list[Entry](), 0
    for given in contents:
        entry = _entry(given)
        weight = 0 if isinstance(entry, SamekindError) else entry.ByteSize()
        if entries and (len(entries) == MOST_CONTENTS or size + weight > MOST_BYTES):
            yield start, entries
            start, entries, size = start + len(entries), [], 0
        entries.append(entry)
        size += weight
    if entries:
        yield start, entries


def _entry(given: Given) -> Entry:
    try:
        return wire.content(inputs.content(given))
    except SamekindError as error:
        return error


def _place(error: SamekindError, asked: list[int], request_id: str) -> None:
    """Makes an error name the caller's content instead of its request's, and the request it is of."""
    error.violations = tuple(
        replace(each, field=re.sub(r"^contents\[(\d+)\]", lambda found: f"contents[{asked[int(found[1])]}]", each.field)) for each in error.violations
    )
    error.metadata.setdefault("request_id", request_id)


def _only(items: list[Failing]) -> Failing:
    [item] = items
    if item.error:
        raise item.error
    return item
