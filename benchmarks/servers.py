"""Starts servers to measure, in processes of their own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

LISTENS = "samekind listens on "


@contextmanager
def started(*arguments: str) -> Iterator[str]:
    """The address of a server on a free port with a temporary data folder; it is told to stop, and waited for, at the end."""
    with tempfile.TemporaryDirectory(prefix="samekind-bench-") as data:
        command = [sys.executable, "-m", "samekind_server", "--port", "0", "--data", data, *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environment()) as server:
            try:
                yield _address(server)
            finally:
                server.terminate()


def _address(server: subprocess.Popen[str]) -> str:
    assert server.stdout
    line = server.stdout.readline()
    if not line.startswith(LISTENS):
        raise RuntimeError("the server to measure did not start; its message stands above")
    return line.removeprefix(LISTENS).strip()


def _environment() -> dict[str, str]:
    """This process's environment without settings of samekind's, so that defaults are measured."""
    return {key: value for key, value in os.environ.items() if not key.startswith("SAMEKIND_")}
