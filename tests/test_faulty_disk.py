"""A disk that is full, read-only or broken is told, loses nothing that was acknowledged, and is written again once it is well."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from samekind import wire
from samekind.errors import StoreUnavailable
from samekind.queries import ItemView
from samekind.types import Catalog
from samekind.v1 import catalog_service_pb2 as pb
from samekind.v1.catalog_service_pb2_grpc import CatalogServiceStub
from samekind_server.embedding.engine import Engine
from tests.afterwards import opened
from tests.faulty import FAULTS, fail
from tests.keeping import SPACE, item, modelless
from tests.losing import built
from tests.running import address, environment, executed

pytestmark = pytest.mark.skipif(not shutil.which("c++"), reason="a library makes the disk fail, and there is no c++ to make it")


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Iterator[Engine]:
    with modelless(tmp_path_factory.mktemp("models")) as engine:
        yield engine


@pytest.fixture(scope="module")
def failing(tmp_path_factory) -> dict[str, str]:
    """The environment of a process whose disk can fail."""
    folder = tmp_path_factory.mktemp("failing")
    (folder / "data").mkdir()
    (folder / "fault").write_bytes(bytes(4096))
    return {"LD_PRELOAD": str(built(folder)), "DISK_FOLDER": str(folder / "data"), "DISK_FAULT": str(folder / "fault")}


@pytest.fixture(scope="module")
def told(failing) -> dict[str, Any]:
    """What a life on such a disk told."""
    command = [sys.executable, "-m", "tests.faulty", failing["DISK_FOLDER"], failing["DISK_FAULT"]]
    ended = subprocess.run(command, env=environment() | failing | {"OPENBLAS_NUM_THREADS": "1"}, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.parametrize(
    ("fault", "way_out"), [("full", "make room on its disk"), ("read-only", "see that its disk can be written"), ("broken", "see that its disk")]
)
def test_a_write_is_refused_clearly_reads_and_searches_go_on_and_so_do_writes_once_the_disk_is_well(told, fault, way_out):
    assert told[fault]["refused"].startswith("UNAVAILABLE STORE_UNAVAILABLE the store ")
    assert way_out in told[fault]["refused"]
    assert told[fault]["deleted"] in ("", "STORE_UNAVAILABLE")
    assert (told[fault]["whole"], told[fault]["again"]) == ([True, True, True], "")


def test_all_that_was_acknowledged_on_a_failing_disk_is_there_afterwards(told, failing, engine):
    assert told.keys() == {*FAULTS, "acknowledged"}
    keeper = opened(Path(failing["DISK_FOLDER"]), engine)
    assert [each.id for each in keeper.ask("page", "", 10_000, ItemView())] == told["acknowledged"]
    keeper.close()


def test_a_server_tells_that_its_disk_is_full_and_serves_on(failing, tmp_path):
    fault = tmp_path / "fault"
    fault.write_bytes(bytes(4096))
    more = failing | {"DISK_FOLDER": str(tmp_path / "data"), "DISK_FAULT": str(fault)}
    with executed(tmp_path / "data", **more) as server, grpc.insecure_channel(address(server)) as channel:
        stub = CatalogServiceStub(channel)
        stub.CreateCatalog(wire.create_catalog_request(Catalog("shop", space=SPACE, dimensions=4)))
        request = wire.upsert_items_request("shop", [wire.item(item("a", text="x" * 60_000))])
        fail(fault, "full")
        with pytest.raises(grpc.RpcError) as refused:
            stub.UpsertItems(request)
        assert refused.value.code().name == StoreUnavailable.code
        assert "full; make room on its disk" in refused.value.details()
        assert list(stub.ListItems(pb.ListItemsRequest(catalog="shop")).items) == []
        fail(fault)
        assert wire.read_written(stub.UpsertItems(request))[0].created


def test_a_server_that_finds_its_disk_full_says_so_instead_of_starting(failing, tmp_path):
    fault = tmp_path / "fault"
    fault.write_bytes(bytes(4096))
    fail(fault, "full")
    more = failing | {"DISK_FOLDER": str(tmp_path / "data"), "DISK_FAULT": str(fault)}
    with executed(tmp_path / "data", **more) as server:
        assert server.stderr
        assert "No space left on device; make room" in server.stderr.read()


def test_a_store_on_a_full_disk_says_so(failing, tmp_path):
    fault = tmp_path / "fault"
    fault.write_bytes(bytes(4096))
    fail(fault, "full")
    script = "import sys; from pathlib import Path; from samekind_server.store.sqlite import SqliteStore; SqliteStore(Path(sys.argv[1]))"
    more = failing | {"DISK_FOLDER": str(tmp_path), "DISK_FAULT": str(fault)}
    ended = subprocess.run([sys.executable, "-c", script, tmp_path], env=environment() | more, capture_output=True, text=True, check=False)
    assert "see that its disk has room and can be written" in ended.stderr
