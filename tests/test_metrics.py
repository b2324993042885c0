import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import samekind
from samekind.errors import BadRequest
from samekind.queries import SearchReport
from samekind.recommendations import RecommendationReport, Recorded
from samekind.types import Report
from samekind_server.edge import metrics
from samekind_server.embedding.observer import Drop, Shed
from tests.running import Metrics, address, process

DOC = (Path(__file__).parent.parent / "docs" / "operations.md").read_text()
EMBED = "samekind.v1.EmbeddingService/Embed"


class Monitored(NamedTuple):
    """A server whose metrics can be asked for."""

    grpc: str
    metrics: Metrics


@pytest.fixture(scope="module")
def monitored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitored]:
    with process(tmp_path_factory.mktemp("data"), "--metrics", "0") as server:
        yield Monitored(address(server), Metrics(server))


def test_a_call_is_counted_with_its_code_its_bytes_and_its_contents(monitored: Monitored) -> None:
    with samekind.connect(monitored.grpc) as sk:
        before = monitored.metrics.value("samekind_call_seconds_count", method=EMBED, code="OK")
        sk.embed(["a mug", "a cup"])
        with pytest.raises(samekind.errors.NotFound):
            sk.embed("a mug", model="nano")
    assert monitored.metrics.value("samekind_call_seconds_count", method=EMBED, code="OK") == before + 1
    assert monitored.metrics.value("samekind_call_seconds_count", method=EMBED, code="NOT_FOUND") == 1
    assert monitored.metrics.value("samekind_calls_under_way", method=EMBED) == 0
    assert monitored.metrics.value("samekind_contents_total", method=EMBED) >= 3
    assert monitored.metrics.value("samekind_request_bytes_sum", method=EMBED) > 20


def test_the_metrics_tell_of_the_process_the_version_and_what_serves(monitored: Monitored) -> None:
    assert monitored.metrics.value("process_resident_memory_bytes") > 1e6
    assert monitored.metrics.value("samekind_info", version=samekind.__version__) == 1
    assert monitored.metrics.value("samekind_serving", service="server") == 1


def test_probes_over_http_say_alive_and_serving(monitored: Monitored) -> None:
    assert monitored.metrics.get("/healthz") == (200, "alive\n")
    assert monitored.metrics.get("/readyz") == (200, "serving\n")
    assert monitored.metrics.get("/") == (404, "here are /metrics, /healthz and /readyz\n")


def test_what_is_no_question_does_not_stop_the_next(monitored: Monitored) -> None:
    host, port = monitored.metrics.where.split(":")
    for said in (b"", b"\r\n\r\n", b"POST /metrics HTTP/1.1\r\n\r\n", b"\xff" * 100_000):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(said)
    assert monitored.metrics.get("/healthz")[0] == 200


def test_a_taken_address_for_metrics_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        with process(tmp_path, "--metrics", where) as server:
            _, told = server.communicate(timeout=60)
    assert (
        told.strip() == f"samekind serve: cannot answer /metrics on {where}: address already in use; choose another with --metrics, 0 for a free one"
    )
    assert server.returncode == 2


@pytest.mark.parametrize("where", ["http", "localhost:http", "1:2:70000"])
def test_an_address_for_metrics_that_is_none_is_named(tmp_path: Path, where: str) -> None:
    with process(tmp_path, "--metrics", where) as server:
        _, told = server.communicate(timeout=60)
    assert (told.strip(), server.returncode) == (f"samekind serve: --metrics {where!r} is not PORT or HOST:PORT, as in 127.0.0.1:9464", 2)


def test_what_the_engine_tells_is_counted() -> None:
    counted = metrics.Metrics()
    counted.computed("mini", "images", [0.1, 0.2, 0.3], 0.5)
    counted.dropped("mini", "texts", Drop.DEADLINE, 2)
    counted.restarted("mini", "texts")
    counted.shed(Shed.PIXELS)
    counted.asked("labels", hits=3, misses=1)
    value = counted.registry.get_sample_value
    images, texts = {"model": "mini", "tower": "images"}, {"model": "mini", "tower": "texts"}
    assert (value("samekind_batch_rows_sum", images), value("samekind_batch_rows_count", images)) == (3, 1)
    assert (value("samekind_wait_seconds_count", images), value("samekind_model_seconds_sum", images)) == (3, 0.5)
    assert (value("samekind_dropped_total", texts | {"why": "deadline"}), value("samekind_restarts_total", texts)) == (2, 1)
    assert value("samekind_shed_total", {"why": "pixels"}) == 1
    assert (value("samekind_cache_hits_total", {"cache": "labels"}), value("samekind_cache_misses_total", {"cache": "labels"})) == (3, 1)


def test_a_search_is_counted_by_how_it_was_done() -> None:
    counted = metrics.Metrics()
    for exact in (True, False, False):
        counted.searched(SearchReport(Report("mini", "s", None), exact, 1, 1, complete=True, search_ms=500.0))
    value = counted.registry.get_sample_value
    assert [value("samekind_search_seconds_sum", {"how": how}) for how in ("exact", "graph")] == [0.5, 1.0]


def test_events_and_learning_are_counted_by_what_became_of_them() -> None:
    counted = metrics.Metrics()
    counted.recorded([Recorded(), Recorded(known=True), Recorded(), Recorded(error=BadRequest("no"))])
    counted.learned(2.0, failed=False)
    counted.learned(0.5, failed=True)
    value = counted.registry.get_sample_value
    assert [value("samekind_events_total", {"became": each}) for each in ("new", "known", "failed")] == [2, 1, 1]
    assert [value("samekind_learn_seconds_sum", {"ended": each}) for each in ("learned", "failed")] == [2.0, 0.5]


def test_a_recommendation_is_counted_by_what_it_went_by() -> None:
    counted = metrics.Metrics()
    for behaviour in (0.0, 0.4, 0.9):
        counted.recommended(RecommendationReport(Report("mini", "s", None), behaviour, search_ms=500.0))
    value = counted.registry.get_sample_value
    assert [value("samekind_recommend_seconds_sum", {"by": by}) for by in ("content", "behaviour")] == [0.5, 1.0]


def table() -> dict[str, list[str]]:
    """The table of metrics: name → kind, labels, help."""
    section = DOC.split("## Metrics\n")[1].split("\n## ")[0]
    rows = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| `samekind_")]
    return {name: row for name, *row in rows}


def test_every_metric_is_in_the_table_with_its_kind_and_its_help_and_no_other(monitored: Monitored) -> None:
    served = monitored.metrics.get("/metrics")[1]
    kinds, helps = (dict(re.findall(rf"^# {what} (samekind_\w+) (.+)$", served, re.M)) for what in ("TYPE", "HELP"))
    assert {name: (row[0], row[2]) for name, row in table().items()} == {name: (kinds[name], helps[name]) for name in kinds}


@pytest.mark.parametrize("row", metrics.Metrics().rows, ids=lambda row: row.name)
def test_a_metric_s_labels_are_those_of_the_table(row: metrics.Row) -> None:
    assert table()[row.name][1] == (", ".join(row.labels) or "–")


def test_every_alert_asks_of_metrics_that_there_are(monitored: Monitored) -> None:
    asked = set(re.findall(r"\b((?:samekind|process)_\w+)", DOC.split("## Alerts\n")[1].split("\n## ")[0]))
    families = set(re.findall(r"^# TYPE (\w+)", monitored.metrics.get("/metrics")[1], re.M))
    assert asked
    assert {name for name in asked if not {name, name.rpartition("_")[0]} & families} == set()
