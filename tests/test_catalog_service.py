"""CatalogService on a real server: what a caller in any language sees."""

from collections.abc import Iterator

import grpc
import pytest

from samekind import wire
from samekind.errors import AlreadyExists, BadVector, EtagMismatch, NotFound
from samekind.filters import F
from samekind.types import Catalog, Item, Vector
from samekind.v1 import catalog_service_pb2 as pb
from samekind.v1.catalog_service_pb2_grpc import CatalogServiceStub
from tests.keeping import SPACE, item
from tests.running import started

READY = Catalog("ready", space=SPACE, dimensions=4)


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CatalogServiceStub]:
    with started(tmp_path_factory.mktemp("data")) as address, grpc.insecure_channel(address) as channel:
        yield CatalogServiceStub(channel)


@pytest.fixture
def ready(stub: CatalogServiceStub) -> Iterator[CatalogServiceStub]:
    stub.CreateCatalog(wire.create_catalog_request(READY))
    yield stub
    stub.DeleteCatalog(pb.DeleteCatalogRequest(name="ready", allow_missing=True))


def upsert(stub: CatalogServiceStub, *items: Item, **more: object) -> list[object]:
    asked = wire.upsert_items_request("ready", map(wire.item, items), **more)
    return wire.read_written(stub.UpsertItems(asked))


def listed(stub: CatalogServiceStub, **more: object) -> list[str]:
    ids, token = [], ""
    while True:
        page = stub.ListItems(wire.list_items_request("ready", page_token=token, **more))
        ids += [each.id for each in page.items]
        if not (token := page.next_page_token):
            return ids


def refusal(call: object, request: object) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as refused:
        call(request)
    return refused.value


def test_a_catalog_is_made_told_changed_listed_and_deleted(stub):
    made = stub.CreateCatalog(pb.CreateCatalogRequest(catalog=pb.Catalog(name="shop", dimensions=64), request_id="1")).catalog
    assert (made.model, made.dimensions, made.metric, made.m, made.version) == ("mini", 64, pb.METRIC_COSINE, 16, 1)
    assert stub.CreateCatalog(pb.CreateCatalogRequest(catalog=pb.Catalog(name="shop", dimensions=64), request_id="1")).catalog == made
    assert refusal(stub.CreateCatalog, pb.CreateCatalogRequest(catalog=pb.Catalog(name="shop"))).code().name == AlreadyExists.code
    changed = stub.UpdateCatalog(pb.UpdateCatalogRequest(catalog=pb.Catalog(name="shop", best=pb.Best(), etag=made.etag))).catalog
    assert (changed.WhichOneof("comparison"), changed.version, changed.m) == ("best", 2, 16)
    assert stub.GetCatalog(pb.GetCatalogRequest(name="shop")).catalog == changed
    assert refusal(stub.UpdateCatalog, pb.UpdateCatalogRequest(catalog=pb.Catalog(name="shop", m=8, etag=made.etag))).code().name == EtagMismatch.code
    assert "for good" in refusal(stub.UpdateCatalog, wire.update_catalog_request(Catalog("shop", dimensions=32), ["dimensions"])).details()
    assert [each.name for each in stub.ListCatalogs(pb.ListCatalogsRequest()).catalogs] == ["shop"]
    stub.DeleteCatalog(pb.DeleteCatalogRequest(name="shop"))
    assert refusal(stub.GetCatalog, pb.GetCatalogRequest(name="shop")).code().name == NotFound.code


def test_items_are_written_told_listed_changed_and_deleted(ready):
    written = upsert(ready, *(item(f"{n}", 1, n, 0, 0, n=n) for n in range(5)), item("bad", 0, 0, 0, 0))
    assert [type(each.error) for each in written] == [type(None)] * 5 + [BadVector]
    assert written[5].error.violations[0].field == "items[5]"
    asked = wire.get_items_request("ready", ["0", "none"], vectors=True)
    [found, none] = wire.read_get_items_response(ready.GetItems(asked))
    assert (found.attributes, found.vectors["vector"].values.tolist(), type(none)) == ({"n": 0}, [1, 0, 0, 0], NotFound)
    assert listed(ready, page_size=2) == ["0", "1", "2", "3", "4"]
    assert listed(ready, where=(F.n >= 2) & ~(F.n == 3), page_size=1) == ["2", "4"]
    changes = [wire.item_update("0", {"n": 7}), wire.item_update("", {}), wire.item_update("9", {})]
    results = ready.UpdateItems(wire.update_items_request("ready", changes)).results
    assert [each.error.code for each in results] == [0, 3, 5]
    deleted = ready.DeleteItems(wire.delete_items_request("ready", F.n == 7))
    assert (deleted.deleted, listed(ready)) == (1, ["1", "2", "3", "4"])
    deleted = ready.DeleteItems(wire.delete_items_request("ready", ["1", "x"]))
    assert (deleted.deleted, list(deleted.missing)) == (1, ["x"])
    stats = wire.read_catalog_stats_response(ready.GetCatalogStats(pb.GetCatalogStatsRequest(name="ready")))
    assert (stats.items, [(each.name, each.live, each.graph) for each in stats.indexes]) == (3, [("vector", 3, False)])


def batches(count: int, size: int = 10) -> Iterator[pb.IngestItemsRequest]:
    yield pb.IngestItemsRequest(options=pb.IngestItemsOptions(catalog="ready"))
    for sequence in range(1, count + 1):
        items = [wire.item(item(f"{sequence:03}-{n}", 1, sequence, n, 0)) for n in range(size)]
        yield pb.IngestItemsRequest(sequence=sequence, items=[*items, pb.Item(id="bad")])


def test_a_stream_is_acknowledged_in_order_and_what_is_acknowledged_is_there(ready):
    told = []
    for response in ready.IngestItems(batches(30)):
        told.append(response.sequence)
        assert [each.id for each in response.answer.results if each.HasField("error")] == ["bad"]
        assert f"{response.sequence:03}-9" in listed(ready, where=None, page_size=1000)
    assert told == [*range(1, 31)]
    again = list(ready.IngestItems(batches(30)))
    assert [each.written.changed for one in again for each in one.answer.results if each.HasField("written")] == [False] * 300


def test_the_last_of_a_stream_s_batches_for_an_item_holds(ready):
    def same() -> Iterator[pb.IngestItemsRequest]:
        yield pb.IngestItemsRequest(options=pb.IngestItemsOptions(catalog="ready"))
        for sequence in range(1, 41):
            yield pb.IngestItemsRequest(sequence=sequence, items=[wire.item(item("one", 1, sequence, 0, 0, n=sequence))])

    assert [each.sequence for each in ready.IngestItems(same())] == [*range(1, 41)]
    assert listed(ready, where=F.n == 40) == ["one"]


@pytest.mark.parametrize(
    ("messages", "acknowledged", "told"),
    [
        ([pb.IngestItemsRequest(sequence=1, items=[pb.Item(id="a")])], [], "the first message of a stream has options"),
        ([pb.IngestItemsRequest(options=pb.IngestItemsOptions(catalog="none"))], [], "no catalog 'none'"),
        ([*batches(2), *list(batches(1))[1:]], [1, 2], "the batch 1 comes after 2"),
        ([*batches(1), *batches(1)], [1], "options come with the first message"),
    ],
)
def test_a_stream_that_cannot_be_ends_when_all_that_came_before_is_acknowledged(ready, messages, acknowledged, told):
    answers = ready.IngestItems(iter(messages))
    sequences: list[int] = []
    with pytest.raises(grpc.RpcError, match=told):
        sequences.extend(answer.sequence for answer in answers)
    assert sequences == acknowledged


def test_a_page_token_of_another_request_is_refused(ready):
    upsert(ready, *(item(f"{n}") for n in range(3)))
    token = ready.ListItems(wire.list_items_request("ready", page_size=1)).next_page_token
    assert "page token" in refusal(ready.ListItems, wire.list_items_request("ready", F.n == 1, page_token=token)).details()


def test_texts_are_embedded_by_the_catalog_s_model(stub):
    stub.CreateCatalog(pb.CreateCatalogRequest(catalog=pb.Catalog(name="texts")))
    items = [pb.Item(id="a", contents=[wire.content(each) for each in wire.read_item(wire.item(Item("a"))).contents] or [{"text": "a red scarf"}])]
    [result] = stub.UpsertItems(pb.UpsertItemsRequest(catalog="texts", items=items)).results
    [found] = wire.read_get_items_response(stub.GetItems(wire.get_items_request("texts", ["a"], vectors=True)))
    assert (result.written.created, found.kinds, isinstance(found.vectors["text"], Vector)) == (True, ("text",), True)
    stub.DeleteCatalog(pb.DeleteCatalogRequest(name="texts"))
