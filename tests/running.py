"""Starts real servers for the tests, in processes of their own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LISTENS = "samekind listens on "


@contextmanager
def started(data: Path, *arguments: str) -> Iterator[str]:
    """The address of a server that serves from `data`; told to stop, and waited for, at the end."""
    with process(data, *arguments) as server:
        yield address(server)


@contextmanager
def process(data: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A server's process, on a free port unless `arguments` name one."""
    command = [sys.executable, "-m", "samekind_server", "--port", "0", "--data", str(data), "--offline", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()) as server:
        try:
            yield server
        finally:
            server.terminate()


def address(server: subprocess.Popen[str]) -> str:
    """Where the server listens, once it says so."""
    assert server.stdout
    assert server.stderr
    line = server.stdout.readline()
    assert line.startswith(LISTENS), line + server.stderr.read()
    return line.removeprefix(LISTENS).strip()


def environment() -> dict[str, str]:
    """This process's environment without settings of samekind's."""
    return {key: value for key, value in os.environ.items() if not key.startswith("SAMEKIND_")}
