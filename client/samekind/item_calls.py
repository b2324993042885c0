"""One pure builder per operation on a catalog's items."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, overload
from uuid import uuid4

from samekind import filter_text, inputs, wire
from samekind.batches import Asks, AsyncAsks, Batch, Call, Entry, Method, Several, Streamed, several
from samekind.errors import NotFound, SamekindError
from samekind.filters import Filter
from samekind.turns import chained
from samekind.types import Deleted, Item, LongText, Upserted, Value, WriteMode, Written
from samekind.v1 import catalog_service_pb2 as pb

SERVICE = "/samekind.v1.CatalogService"
UPSERT_ITEMS = Method(f"{SERVICE}/UpsertItems", pb.UpsertItemsResponse.FromString)
INGEST_ITEMS = Method(f"{SERVICE}/IngestItems", pb.IngestItemsResponse.FromString)
GET_ITEMS = Method(f"{SERVICE}/GetItems", pb.GetItemsResponse.FromString)
LIST_ITEMS = Method(f"{SERVICE}/ListItems", pb.ListItemsResponse.FromString)
UPDATE_ITEMS = Method(f"{SERVICE}/UpdateItems", pb.UpdateItemsResponse.FromString)
DELETE_ITEMS = Method(f"{SERVICE}/DeleteItems", pb.DeleteItemsResponse.FromString)

MOST = 1024  # Ids, or changes, in one request.
PAGE = 1000
T = TypeVar("T")


@dataclass(frozen=True)
class Pages:
    """Items of any number, a page at a time as they are asked for."""

    page: Callable[[str], Call[pb.ListItemsResponse, pb.ListItemsResponse, pb.ListItemsResponse]]

    def by(self, asks: Asks, /) -> Iterator[Item]:
        """The items."""
        answer = asks._run(self.page(""))
        yield from map(wire.read_item, answer.items)
        while token := answer.next_page_token:
            answer = asks._run(self.page(token))
            yield from map(wire.read_item, answer.items)

    async def awaited_by(self, asks: AsyncAsks, /) -> AsyncIterator[Item]:
        """The items."""
        answer = await asks._run(self.page(""))
        for message in answer.items:
            yield wire.read_item(message)
        while token := answer.next_page_token:
            answer = await asks._run(self.page(token))
            for message in answer.items:
                yield wire.read_item(message)


class Tally:
    """Counts what became of items; of those that failed it keeps all."""

    def __init__(self) -> None:
        self._count = self._created = self._changed = 0
        self._failures: list[Written] = []

    def add(self, written: Written) -> None:
        """One more."""
        if written.error:
            self._failures.append(written)
            return
        self._count, self._created, self._changed = self._count + 1, self._created + written.created, self._changed + written.changed

    @property
    def total(self) -> Upserted:
        """All so far."""
        return Upserted(self._count, self._created, self._changed, tuple(self._failures))


@dataclass(frozen=True)
class Summed:
    """What became of many items."""

    asked: Several[pb.UpsertItemsResponse, Written] | Streamed[pb.UpsertItemsResponse, Written]

    def by(self, asks: Asks, /) -> Upserted:
        """All are written when this returns."""
        tally = Tally()
        for written in self.asked.by(asks):
            tally.add(written)
        return tally.total

    async def awaited_by(self, asks: AsyncAsks, /) -> Upserted:
        """All are written when this returns."""
        tally = Tally()
        if isinstance(self.asked, Streamed):
            async for written in self.asked.awaited_by(asks):
                tally.add(written)
        else:
            for written in await self.asked.awaited_by(asks):
                tally.add(written)
        return tally.total


@overload
def upsert(catalog: str, items: Item, *, mode: WriteMode | str = ..., long_text: LongText | None = ...) -> Call[Any, Written, Written]: ...
@overload
def upsert(
    catalog: str, items: Iterable[Item] | AsyncIterable[Item], *, mode: WriteMode | str = ..., long_text: LongText | None = ..., progress: bool = ...
) -> Summed: ...
def upsert(
    catalog: str,
    items: Item | Iterable[Item] | AsyncIterable[Item],
    *,
    mode: WriteMode | str = WriteMode.UPSERT,
    long_text: LongText | None = None,
    progress: bool = False,
) -> Call[Any, Written, Written] | Summed:
    """Writes items, any number of them; when it returns they are durable, and found by every search from then on.

    Of one item its version, or its error raised; of several how many were written, and each that failed. Of what is written already nothing
    is embedded again, so whoever was interrupted begins again. `mode` `insert` leaves what is there, `update` what is not there yet.
    `long_text` is what happens to texts longer than the model's context, None: what the catalog says.
    """
    write = WriteMode(mode)
    batch = Batch(
        UPSERT_ITEMS,
        lambda given: wire.upsert_items_request(catalog, given, mode=write, long_text=long_text, request_id=uuid4().hex),
        wire.read_written,
        lambda error, _: Written(error.metadata.get("item", ""), error=error),
        INGEST_ITEMS,
        _ingest_message,
        wire.ingest_options(catalog, mode=write, long_text=long_text, stream_id=uuid4().hex),
        lambda item, entry: replace(item, id=entry.id) if isinstance(entry, pb.Item) else item,
    )
    if isinstance(items, Item):
        return Call(batch.method, lambda: batch.part(0, [_entry(items)]), _one_written)
    return Summed(several(items, _entry, batch, progress=progress))


@overload
def get(  # type: ignore[overload-overlap]  # a str is one id, though it can be iterated over
    catalog: str, ids: str, *, vectors: bool = ..., thumbnails: bool = ...
) -> Call[Any, Item | SamekindError, Item]: ...
@overload
def get(catalog: str, ids: Iterable[str], *, vectors: bool = ..., thumbnails: bool = ...) -> Call[Any, Item | SamekindError, list[Item | None]]: ...
def get(catalog: str, ids: str | Iterable[str], *, vectors: bool = False, thumbnails: bool = False) -> Call[Any, Item | SamekindError, Any]:
    """An item by its id, or NotFound raised; of several a list in their order, with None for each that is not there."""
    asked = [ids] if isinstance(ids, str) else list(ids)
    requests = [wire.get_items_request(catalog, some, vectors=vectors, thumbnails=thumbnails) for some in _chunks(asked)]
    return chained(GET_ITEMS, requests, wire.read_get_items_response, _one_found if isinstance(ids, str) else _found)


def list_items(catalog: str, where: Filter | str | None = None, *, vectors: bool = False, thumbnails: bool = False) -> Pages:
    """The items in the order of their ids, all or those that meet a condition, read as they are asked for."""
    condition = filter_text.where(where)

    def page(token: str) -> Call[pb.ListItemsResponse, pb.ListItemsResponse, pb.ListItemsResponse]:
        request = wire.list_items_request(catalog, condition, vectors=vectors, thumbnails=thumbnails, page_size=PAGE, page_token=token)
        return chained(LIST_ITEMS, [request], lambda response: [response], lambda responses: responses[0])

    return Pages(page)


@overload
def update(
    catalog: str, changes: str, attributes: Mapping[str, Value], *, remove: Sequence[str] = ..., replace: bool = ..., version: int = ...
) -> Call[Any, Written, Written]: ...
@overload
def update(
    catalog: str, changes: Mapping[str, Mapping[str, Value]], *, remove: Sequence[str] = ..., replace: bool = ...
) -> Call[Any, Written, list[Written]]: ...
def update(
    catalog: str,
    changes: str | Mapping[str, Mapping[str, Value]],
    attributes: Mapping[str, Value] | None = None,
    *,
    remove: Sequence[str] = (),
    replace: bool = False,
    version: int = 0,
) -> Call[Any, Written, Any]:
    """Changes attributes alone: of one item, by its id, or of several, `{id: {name: value}}`. Nothing is embedded.

    Others stay, but those to `remove`, or all of them with `replace`. With a `version` it is made only where the item is still at it.
    Of one item its error is raised; of several each has its own.
    """
    given = {changes: attributes or {}} if isinstance(changes, str) else changes
    made = [wire.item_update(id, held, remove=remove, replace=replace, version=version) for id, held in given.items()]
    requests = [wire.update_items_request(catalog, some, request_id=uuid4().hex) for some in _chunks(made)]
    return chained(UPDATE_ITEMS, requests, wire.read_written, _one_written if isinstance(changes, str) else list)


def delete(catalog: str, which: Filter | str | Iterable[str]) -> Call[Any, Deleted, Deleted]:
    """Deletes an item by its id, several by theirs, or all that meet a condition."""
    if isinstance(which, Filter):
        requests = [wire.delete_items_request(catalog, which, request_id=uuid4().hex)]
    else:
        ids = [which] if isinstance(which, str) else list(which)
        requests = [wire.delete_items_request(catalog, some, request_id=uuid4().hex) for some in _chunks(ids)]
    return chained(DELETE_ITEMS, requests, lambda response: [wire.read_delete_items_response(response)], _all_deleted)


def _entry(item: Item) -> Entry:
    """The message of an item, its files read and pictures encoded."""
    if not isinstance(item, Item):
        raise TypeError(f"an item is an Item, as Item('sku-1', ['red scarf'], {{'price': 3}}), not {item!r:.100}")
    try:
        contents = [item.contents] if inputs.is_one(item.contents) else item.contents
        return wire.item(replace(item, contents=tuple(map(inputs.content, contents)), vectors={}, thumbnail=b""))
    except SamekindError as error:
        error.metadata["item"] = item.id
        return error


def _ingest_message(*, contents: Sequence[pb.Item] = (), timeout: object = None, **given: Any) -> pb.IngestItemsRequest:
    """A message of the stream; it has as long as it takes."""
    return pb.IngestItemsRequest(items=contents, **given)


def _one_written(outcomes: list[Written]) -> Written:
    [outcome] = outcomes
    if outcome.error:
        raise outcome.error
    return outcome


def _one_found(found: list[Item | SamekindError]) -> Item:
    [item] = _found(found)
    if item is None:
        [error] = found
        assert isinstance(error, SamekindError)
        raise error
    return item


def _found(found: list[Item | SamekindError]) -> list[Item | None]:
    for each in found:
        if isinstance(each, SamekindError) and not isinstance(each, NotFound):
            raise each
    return [None if isinstance(each, SamekindError) else each for each in found]


def _all_deleted(deleted: list[Deleted]) -> Deleted:
    return Deleted(sum(each.count for each in deleted), tuple(itertools.chain(*(each.missing for each in deleted))))


def _chunks(given: Sequence[T]) -> list[Sequence[T]]:
    return [given[start : start + MOST] for start in range(0, len(given), MOST)]
