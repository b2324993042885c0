"""Calls of several requests that are made in turn: one after the other, or page by page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from google.protobuf.message import Message

from samekind.batches import Call, Method, Part
from samekind.errors import SamekindError

Response = TypeVar("Response")
Result = TypeVar("Result")
T = TypeVar("T")


class Page(Protocol):
    """A response of which there may be more."""

    next_page_token: str


Paged = TypeVar("Paged", bound=Page)


def chained(
    method: Method[Response], requests: Sequence[Message], read: Callable[[Response], list[T]], finish: Callable[[list[T]], Result]
) -> Call[Response, T, Result]:
    """One request after the other."""

    def part(place: int) -> Part[Response, T]:
        request = requests[place] if requests else None
        more = place + 1 < len(requests)
        return Part(request, lambda response: [] if response is None else read(response), refuse, lambda _: part(place + 1) if more else None)

    return Call(method, lambda: part(0), finish)


def paged(
    method: Method[Paged], request: Callable[[str], Message], read: Callable[[Paged], list[T]], finish: Callable[[list[T]], Result]
) -> Call[Paged, T, Result]:
    """A request for each page, made of the token of the page before."""

    def part(token: str) -> Part[Paged, T]:
        return Part(request(token), lambda response: read(response) if response else [], refuse, following)

    def following(response: Paged | None) -> Part[Paged, T] | None:
        return part(response.next_page_token) if response and response.next_page_token else None

    return Call(method, lambda: part(""), finish)


def refuse(error: SamekindError) -> list[Any]:
    """Nothing is left of a call where a request of it is refused."""
    raise error
