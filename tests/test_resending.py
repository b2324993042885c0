"""Batches of a stream that are sent again, as their acknowledgement was lost, are done once: answered as if nothing had happened."""

from collections.abc import Iterator

import grpc
import pytest

from samekind import wire
from samekind.types import Catalog, WriteMode
from samekind.v1 import catalog_service_pb2 as pb
from samekind.v1.catalog_service_pb2_grpc import CatalogServiceStub
from samekind_server.store import requests
from samekind_server.store.requests import BATCHES, Request
from samekind_server.store.sqlite import SqliteStore
from tests.keeping import SPACE, item
from tests.running import address, process, started


def batches(*sequences: int, stream: str = "one", times: int = 1) -> Iterator[pb.IngestItemsRequest]:
    yield pb.IngestItemsRequest(options=wire.ingest_options("shop", mode=WriteMode.INSERT, stream_id=stream))
    for sequence in sequences:
        items = [wire.item(item(f"{sequence}-{n}", 1, n, 0, 0, n=n * times)) for n in range(3)]
        yield pb.IngestItemsRequest(sequence=sequence, items=items)


def created(responses: Iterator[pb.IngestItemsResponse]) -> list[bool]:
    return [each.written.created for response in responses for each in response.answer.results]


def made(channel: grpc.Channel) -> CatalogServiceStub:
    stub = CatalogServiceStub(channel)
    stub.CreateCatalog(wire.create_catalog_request(Catalog("shop", space=SPACE, dimensions=4)))
    return stub


@pytest.fixture
def stub(tmp_path) -> Iterator[CatalogServiceStub]:
    with started(tmp_path) as at, grpc.insecure_channel(at) as channel:
        yield made(channel)


def test_a_batch_sent_again_in_another_stream_of_the_same_id_is_answered_as_the_first_time(stub):
    assert created(stub.IngestItems(batches(1, 2))) == [True] * 6
    assert created(stub.IngestItems(batches(1, 2, 3))) == [True] * 9
    others = [each for one in stub.IngestItems(batches(1, stream="other")) for each in one.answer.results]
    assert [each.error.code for each in others] == [grpc.StatusCode.ALREADY_EXISTS.value[0]] * 3
    [changed] = stub.IngestItems(batches(2, times=2))
    assert "batch 2 of the stream 'one' was another when it was sent first" in changed.error.message


def test_what_a_killed_server_had_written_and_not_acknowledged_is_not_refused_by_the_next(tmp_path):
    with process(tmp_path) as server, grpc.insecure_channel(address(server)) as channel:
        stub = made(channel)
        unheard = stub.IngestItems(batches(1, 2, 3))
        while len(stub.ListItems(pb.ListItemsRequest(catalog="shop")).items) < 9:
            pass
        server.kill()
        server.wait()
        unheard.cancel()
    with started(tmp_path) as at, grpc.insecure_channel(at) as channel:
        assert created(CatalogServiceStub(channel).IngestItems(batches(1, 2, 3, 4))) == [True] * 12


def test_of_a_stream_the_last_batches_are_kept_and_requests_are_left_alone(tmp_path):
    store = SqliteStore(tmp_path)
    alone = Request("", "stream", b"")
    for each in (alone, *(Request("", f"{n:020}", b"", stream=one) for n in range(BATCHES + 5) for one in ("a", "ab"))):
        store.write(lambda to, each=each: requests.once(to, each, lambda: b"done", now=0)).result()
    kept = [id for (id,) in store.read(lambda of: of.rows("SELECT id FROM requests ORDER BY id")).result()]
    assert kept == ["stream", *(f"stream {one} {n:020}" for one in ("a", "ab") for n in range(4, BATCHES + 5))]
    store.close()
