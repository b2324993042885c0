import contextvars
import json
import logging
import os
import signal
from pathlib import Path

import pytest

import samekind
from samekind.types import Image
from samekind_server.edge import handlers, keys, logs
from tests.running import address, process

EMBED = "samekind.v1.EmbeddingService/Embed"


def logged(data: Path, png: bytes, *arguments: str) -> tuple[str, str]:
    """What a server wrote to stdout and stderr about a few calls, all of it."""
    with process(data, *arguments) as server:
        with samekind.connect(address(server)) as sk:
            sk.embed(["swordfish", Image(png)])
            with pytest.raises(samekind.errors.NotFound):
                sk.embed("swordfish", model="nano")
        server.send_signal(signal.SIGTERM)
        return server.communicate(timeout=60)


def test_each_call_is_one_line_that_tells_who_asked_what_and_how_it_went(tmp_path: Path, png: bytes) -> None:
    _, told = logged(tmp_path, png, "--access-log", "stderr", "--log-format", "json")
    good, bad = [line for line in map(json.loads, told.splitlines()) if line["method"] == EMBED]
    assert (good["code"], good["contents"], good["requests"], bad["code"], bad["reason"]) == ("OK", 2, 1, "NOT_FOUND", "NOT_FOUND")
    assert good["bytes"] > len(png)
    assert good["ms"] > 0
    assert good["peer"].startswith("ipv4:127.0.0.1:")
    assert {"time", "request_id"} <= good.keys()
    assert bad["model"] == "nano"


def test_a_line_names_the_key_and_its_tenant_and_not_the_secret(tmp_path: Path) -> None:
    key, secret = keys.new("shop", tenant="acme")
    (tmp_path / "data").mkdir()
    keys.add(tmp_path / "data" / "keys.json", key)
    with process(tmp_path / "data", "--access-log", "stderr", "--log-format", "json") as server:
        at = address(server)
        with samekind.connect(at, key=secret) as sk, samekind.connect(at, key="wrong") as other:
            sk.model()
            with pytest.raises(samekind.errors.Unauthenticated):
                other.model()
        server.send_signal(signal.SIGTERM)
        _, told = server.communicate(timeout=60)
    good, bad = map(json.loads, told.splitlines())
    assert (good["tenant"], good["caller"], good["code"]) == ("acme", "shop", "OK")
    assert ("tenant" in bad, bad["caller"], bad["code"]) == (False, "127.0.0.1", "UNAUTHENTICATED")
    assert secret not in told


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_line_tells_what_was_in_a_call(tmp_path: Path, png: bytes, form: str) -> None:
    _, told = logged(tmp_path, png, "--access-log", "stderr", "--log-format", form, "--log-level", "debug")
    assert EMBED in told
    assert "swordfish" not in told


def test_calls_are_logged_to_a_file_in_words_and_nowhere_else(tmp_path: Path, png: bytes) -> None:
    file = tmp_path / "calls.log"
    _, told = logged(tmp_path / "data", png, "--access-log", str(file))
    first, second = file.read_text().splitlines()
    assert f"method={EMBED} code=OK " in first
    assert f"method={EMBED} code=NOT_FOUND reason=NOT_FOUND " in second
    assert told == ""


def test_a_file_that_is_moved_away_is_begun_again(tmp_path: Path) -> None:
    file = tmp_path / "calls.log"
    with process(tmp_path / "data", "--access-log", str(file)) as server, samekind.connect(address(server)) as sk:
        sk.model()
        os.rename(file, tmp_path / "calls.log.1")
        sk.model()
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)
    assert [len((tmp_path / name).read_text().splitlines()) for name in ("calls.log.1", "calls.log")] in ([1, 1], [0, 2])


def test_health_probes_and_calls_are_not_logged_unasked(tmp_path: Path, png: bytes) -> None:
    assert logged(tmp_path, png)[1] == ""


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with process(tmp_path, "--access-log", "/nowhere/calls.log") as server:
        _, told = server.communicate(timeout=60)
    where = "cannot write the log of calls to /nowhere/calls.log"
    assert told.strip() == f"samekind serve: {where}: No such file or directory; name another with --access-log, or off"
    assert server.returncode == 2


def test_the_server_s_own_log_is_json_when_asked(tmp_path: Path) -> None:
    with process(tmp_path, "--log-format", "json", "--log-level", "info") as server:
        address(server)
        server.send_signal(signal.SIGTERM)
        _, told = server.communicate(timeout=60)
    lines = [json.loads(line) for line in told.splitlines()]
    assert {"level", "logger", "message", "time"} <= set.intersection(*(set(line) for line in lines))


def test_a_log_that_nobody_reads_holds_up_neither_the_calls_nor_the_end(tmp_path: Path) -> None:
    with process(tmp_path, "--access-log", "stderr") as server:
        with samekind.connect(address(server), timeout=60) as sk:
            names = {sk.model().name for _ in range(1000)}
        server.terminate()
        assert (names, server.wait(timeout=60)) == ({"mini"}, 0)


def test_what_is_logged_during_a_call_bears_its_request_id() -> None:
    record = logging.LogRecord("samekind", logging.WARNING, "file", 1, "%s is slow", ("mini",), None)
    context = contextvars.copy_context()
    context.run(handlers.request_id.set, "mine")
    line = json.loads(context.run(logs.Lines("json").format, record))
    assert (line["message"], line["level"], line["request_id"]) == ("mini is slow", "warning", "mine")
    assert "request_id" not in json.loads(logs.Lines("json").format(record))
