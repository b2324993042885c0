"""Commands at a terminal: whoever waits sees what for, and whoever interrupts is told what is kept."""

import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

import pytest
from typer.testing import CliRunner

import samekind
from samekind import cli
from tests.running import environment, started

COMMAND = [sys.executable, "-c", "from samekind.cli import main; main()"]


@dataclass
class Terminal:
    """A command whose standard error is a terminal, in a session of its own."""

    command: subprocess.Popen[bytes]
    screen: int
    shown: str = ""

    def see(self, pattern: str) -> None:
        """Reads on until the terminal shows it."""
        while not re.search(pattern, self.shown):
            self._read()

    def end(self) -> int:
        """The exit code; what was shown by then is read."""
        with suppress(OSError):  # That is how a terminal ends.
            while True:
                self._read()
        return self.command.wait(timeout=60)

    def _read(self) -> None:
        assert select.select([self.screen], [], [], 60)[0], self.shown
        self.shown += re.sub(r"\x1b\[[\d;?]*\w", "", os.read(self.screen, 4096).decode(errors="replace"))


@contextmanager
def terminal(*arguments: str, **variables: str) -> Iterator[Terminal]:
    screen, inside = os.openpty()
    env = environment() | {"COLUMNS": "150"} | variables
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": inside}
    with os.fdopen(screen) as held, subprocess.Popen([*COMMAND, *arguments], env=env, start_new_session=True, **pipes) as command:
        os.close(inside)
        yield Terminal(command, held.fileno())
        command.kill()


@pytest.fixture
def shop(server: str) -> Iterator[samekind.CatalogHandle]:
    with samekind.connect(server) as sk:
        yield sk.catalog("interrupted")
        sk.delete_catalog("interrupted")


ADDED = ("add", "interrupted", "--from", "-"), '{"id": "%d", "text": "a mug"}\n', "3 stored so far; the same command goes on from there"
RECORDED = ("record", "interrupted", "-"), '{"user": "u%d", "item": "1", "kind": "view"}\n', "3 recorded so far; the same command again"


@pytest.mark.parametrize(("arguments", "row", "told"), [ADDED, RECORDED], ids=["add", "record"])
def test_who_interrupts_is_told_what_is_kept(server, shop, arguments, row, told):
    with terminal(*arguments, "--server", server) as at:
        assert at.command.stdin
        at.command.stdin.write("".join(row % n for n in range(3)).encode())
        at.command.stdin.flush()
        at.see(r"\s3/\? [\d,]+/s 0:\d\d:\d\d")
        os.killpg(at.command.pid, signal.SIGINT)
        assert at.end() == 130
    assert f"samekind: interrupted: {told}" in at.shown


def test_a_table_that_breaks_off_tells_what_is_kept_too(server, shop, tmp_path):
    (tmp_path / "items.csv").write_text("id,text\n1,a mug\n2,a,mug\n")
    ran = CliRunner().invoke(cli.app, ["add", "interrupted", "--from", str(tmp_path / "items.csv"), "--server", server])
    kept = "samekind: interrupted: 1 stored so far; the same command goes on from there"
    assert (ran.exit_code, ran.stderr.splitlines()) == (2, [kept, f"samekind: {tmp_path}/items.csv:3: has more cells than there are columns"])
    assert shop.stats().items == 1


@pytest.mark.parametrize(("arguments", "work"), [(ADDED[0], "add"), (RECORDED[0], "record")], ids=["add", "record"])
def test_a_table_without_rows_is_told(server, shop, tmp_path, arguments, work):
    (tmp_path / "none.csv").write_text("id,text\n")
    ran = CliRunner().invoke(cli.app, [*arguments[:-1], str(tmp_path / "none.csv"), "--server", server])
    assert (ran.exit_code, ran.stdout) == (0, f"interrupted: nothing to {work}; there are no rows in {tmp_path}/none.csv\n")


def test_a_pull_that_is_interrupted_says_that_it_can_be_gone_on_from(tmp_path):
    """A hub that accepts and never answers keeps the command waiting."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hub = {"HF_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}", "HF_HOME": str(tmp_path)}
        with terminal("models", "pull", "hf-hub:someone/small", "--data", str(tmp_path / "data"), **hub) as at, closing(silent.accept()[0]) as heard:
            heard.recv(1)
            os.killpg(at.command.pid, signal.SIGINT)
            assert at.end() == 130
    assert "samekind: what was fetched so far is kept; the same command goes on from there" in at.shown


def test_who_interrupts_before_a_command_has_begun_sees_no_traceback(monkeypatch):
    monkeypatch.setattr(cli, "app", lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(SystemExit, match="130"):
        cli.main()


def test_who_waits_for_many_labels_sees_what_for_and_for_how_long(server):
    labels = ",".join(f"label {n}" for n in range(1000))
    with terminal("classify", "--text", "a mug", "--labels", labels, "--templates", "plain", "--server", server) as at:
        assert at.end() == 0
    assert "samekind: the server reads all 1,000 labels before its first answer, and keeps them for the next" in at.shown
    assert re.search(r"0/1\s+0:00:00", at.shown)


def test_where_there_is_nothing_yet_a_list_says_how_to_begin(tmp_path):
    with started(tmp_path) as address:
        told = [CliRunner().invoke(cli.app, [of, "list", "--server", address]).stdout for of in ("catalogs", "labels")]
    assert told == ["no catalog yet; `samekind add NAME FOLDER` makes one\n", "no label set yet; `samekind labels put FILE` makes one\n"]


def test_help_tells_commands_by_what_they_are_about_and_the_connection_last():
    told, classify = (re.sub(r"\s+", " ", CliRunner().invoke(cli.app, words).stdout) for words in (["--help"], ["classify", "--help"]))
    places = [told.index(word) for word in ("Ask a server", " classify ", " search ", " recommend ", "A server on this machine", " serve ", " keys ")]
    assert places == sorted(places)
    assert classify.index("--labels") < classify.index("--json") < classify.index(" Connection ") < classify.index("--server")


def test_rows_that_failed_are_told_once(server, tmp_path):
    (tmp_path / "broken.jpg").write_text("no image")
    screen, inside = os.openpty()
    with os.fdopen(screen), os.fdopen(inside, "wb") as out:
        command = [*COMMAND, "classify", str(tmp_path), "--labels", "cat", "--server", server]
        ran = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, env=environment(), timeout=60)
        assert (ran.returncode, ran.stderr) == (1, b"")
        assert b"BAD_IMAGE" in os.read(screen, 4096)
