"""What CatalogService is asked of items and answers (catalog_service.proto)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from samekind.errors import BadRequest, SamekindError
from samekind.filters import Filter
from samekind.types import Deleted, Item, LongText, Value, Vector, WriteMode, Written
from samekind.v1 import catalog_service_pb2 as pb
from samekind.v1 import content_pb2 as words
from samekind.wire.contents import LONG_TEXTS, content, number, read_content, read_vectors, utf8, vectors
from samekind.wire.filters import filter_message
from samekind.wire.statuses import read_status, status
from samekind.wire.values import put_moment, read_moment, read_value, value

WRITE_MODES = {
    pb.WRITE_MODE_UNSPECIFIED: WriteMode.UPSERT,
    pb.WRITE_MODE_UPSERT: WriteMode.UPSERT,
    pb.WRITE_MODE_INSERT: WriteMode.INSERT,
    pb.WRITE_MODE_UPDATE: WriteMode.UPDATE,
}


def upsert_items_request(
    catalog: str,
    items: Iterable[pb.Item],
    *,
    mode: WriteMode = WriteMode.UPSERT,
    long_text: LongText | None = None,
    request_id: str = "",
) -> pb.UpsertItemsRequest:
    """A request to write a batch."""
    given = {"mode": number(WRITE_MODES, mode), "long_text": long_text and number(LONG_TEXTS, long_text)}
    return pb.UpsertItemsRequest(catalog=utf8(catalog), items=items, request_id=request_id, **given)  # type: ignore[arg-type]


def upsert_items_response(outcomes: Sequence[Written]) -> pb.UpsertItemsResponse:
    """The response of a batch."""
    return pb.UpsertItemsResponse(results=[_result(f"items[{place}]", each) for place, each in enumerate(outcomes)])


def update_items_response(outcomes: Sequence[Written]) -> pb.UpdateItemsResponse:
    """The response of a batch of changes."""
    return pb.UpdateItemsResponse(results=[_result(f"updates[{place}]", each) for place, each in enumerate(outcomes)])


def read_written(response: pb.UpsertItemsResponse | pb.UpdateItemsResponse) -> list[Written]:
    """What became of each item of a batch."""
    return [_written(each) for each in response.results]


def ingest_options(
    catalog: str, *, mode: WriteMode = WriteMode.UPSERT, long_text: LongText | None = None, stream_id: str = ""
) -> pb.IngestItemsOptions:
    """Where the items of a stream go; with an id a batch that is sent again in another stream is done once."""
    modes = number(WRITE_MODES, mode), long_text and number(LONG_TEXTS, long_text)
    return pb.IngestItemsOptions(catalog=utf8(catalog), mode=modes[0], long_text=modes[1], stream_id=utf8(stream_id))


def get_items_request(catalog: str, ids: Iterable[str], *, vectors: bool = False, thumbnails: bool = False) -> pb.GetItemsRequest:
    """A request for items by their ids."""
    return pb.GetItemsRequest(catalog=utf8(catalog), ids=map(utf8, ids), with_vectors=vectors, with_thumbnails=thumbnails)


def get_items_response(found: Sequence[Item | SamekindError]) -> pb.GetItemsResponse:
    """The response of items by their ids."""
    return pb.GetItemsResponse(
        results=[
            pb.GetItemResult(error=status(each, field=f"ids[{place}]")) if isinstance(each, SamekindError) else pb.GetItemResult(item=item(each))
            for place, each in enumerate(found)
        ]
    )


def read_get_items_response(response: pb.GetItemsResponse) -> list[Item | SamekindError]:
    """Each item, or why there is none."""
    return [read_status(each.error) if each.HasField("error") else read_item(each.item) for each in response.results]


def list_items_request(
    catalog: str,
    where: Filter | None = None,
    *,
    vectors: bool = False,
    thumbnails: bool = False,
    page_size: int = 0,
    page_token: str = "",
) -> pb.ListItemsRequest:
    """A request for a page of items."""
    given = None if where is None else filter_message(where)
    beside = {"with_vectors": vectors, "with_thumbnails": thumbnails, "page_size": page_size, "page_token": page_token}
    return pb.ListItemsRequest(catalog=utf8(catalog), filter=given, **beside)  # type: ignore[arg-type]


def list_items_response(items: Iterable[Item], *, next_page_token: str = "") -> pb.ListItemsResponse:
    """The response of a page of items."""
    response = pb.ListItemsResponse(next_page_token=next_page_token)
    for each in items:
        put_item(response.items.add(), each)
    return response


def update_items_request(catalog: str, updates: Iterable[pb.ItemUpdate], *, request_id: str = "") -> pb.UpdateItemsRequest:
    """A request to change attributes."""
    return pb.UpdateItemsRequest(catalog=utf8(catalog), updates=updates, request_id=request_id)


def item_update(id: str, attributes: Mapping[str, Value], *, remove: Iterable[str] = (), replace: bool = False, version: int = 0) -> pb.ItemUpdate:
    """The message of a change of attributes."""
    held = {utf8(name): value(each) for name, each in attributes.items()}
    return pb.ItemUpdate(id=utf8(id), attributes=held, remove=map(utf8, remove), replace=replace, version=version)


def delete_items_request(catalog: str, which: Filter | Iterable[str], *, request_id: str = "") -> pb.DeleteItemsRequest:
    """A request to delete items by their ids, or those that meet a condition."""
    if isinstance(which, Filter):
        return pb.DeleteItemsRequest(catalog=utf8(catalog), filter=filter_message(which), request_id=request_id)
    return pb.DeleteItemsRequest(catalog=utf8(catalog), ids=pb.ItemIds(ids=map(utf8, which)), request_id=request_id)


def delete_items_response(deleted: Deleted) -> pb.DeleteItemsResponse:
    """The response of what was deleted."""
    return pb.DeleteItemsResponse(deleted=deleted.count, missing=deleted.missing)


def read_delete_items_response(response: pb.DeleteItemsResponse) -> Deleted:
    """What was deleted."""
    return Deleted(response.deleted, tuple(response.missing))


def item(each: Item) -> pb.Item:
    """The message of an item; images are bytes already (see inputs)."""
    message = pb.Item()
    put_item(message, each)
    return message


def put_item(message: pb.Item, each: Item) -> None:
    """Writes an item into an empty message that is in its place already: to copy it there takes as long again."""
    message.id, message.version, message.thumbnail = utf8(each.id), each.version, each.thumbnail
    message.kinds.extend(each.kinds)
    message.contents.extend(map(content, each.contents))
    for name, held in each.attributes.items():
        message.attributes[utf8(name)].CopyFrom(value(held))
    for kind, one in each.vectors.items():
        message.vectors.add(kind=kind, vector=vectors(one.values[None], one.space))
    if each.create_time:
        put_moment(message.create_time, each.create_time)
    if each.update_time:
        put_moment(message.update_time, each.update_time)


def read_item(message: pb.Item) -> Item:
    """The item of a message. Raises BadRequest or BadVector for what cannot be read of it."""
    return Item(
        message.id,
        tuple(map(read_content, message.contents)),
        read_attributes(message.attributes),
        message.version,
        kinds=tuple(message.kinds),
        vectors={each.kind: Vector(read_vectors(_one_row(each.vector))[0], each.vector.space) for each in message.vectors},
        thumbnail=message.thumbnail,
        create_time=read_moment(message.create_time) if message.HasField("create_time") else None,
        update_time=read_moment(message.update_time) if message.HasField("update_time") else None,
    )


def read_attributes(attributes: Mapping[str, words.Value]) -> dict[str, Value]:
    """Values by name, in the order of names."""
    return {name: read_value(attributes[name]) for name in sorted(attributes)}


def read_write_mode(number: pb.WriteMode) -> WriteMode:
    """What becomes of items that are there or not. Raises BadRequest for a number that is not one of the enum."""
    if number not in WRITE_MODES:
        raise BadRequest(f"mode {number} is not known; send WRITE_MODE_UPSERT, WRITE_MODE_INSERT or WRITE_MODE_UPDATE")
    return WRITE_MODES[number]


def _result(field: str, outcome: Written) -> pb.ItemResult:
    if outcome.error:
        return pb.ItemResult(id=outcome.id, error=status(outcome.error, field=field))
    told = pb.WrittenItem(version=outcome.version, created=outcome.created, changed=outcome.changed, truncated=outcome.truncated)
    return pb.ItemResult(id=outcome.id, written=told)


def _written(result: pb.ItemResult) -> Written:
    if result.HasField("error"):
        return Written(result.id, error=read_status(result.error))
    told = result.written
    return Written(result.id, told.version, told.created, told.changed, told.truncated)


def _one_row(message: words.Vectors) -> words.Vectors:
    if message.rows != 1:
        raise BadRequest(f"an item's vector has exactly one row, not {message.rows}")
    return message
