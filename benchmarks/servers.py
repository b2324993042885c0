"""Starts servers to measure, in processes of their own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LISTENS = "samekind listens on "


@dataclass(frozen=True)
class Server:
    """A server's process, its address, and where its metrics are."""

    address: str
    pid: int
    metrics: str

    def resident(self) -> int:
        """Bytes of memory it holds."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self) -> float:
        """Seconds of processor time it has used."""
        used = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def started(*arguments: str) -> Iterator[str]:
    """The address of a server on a free port with a temporary data folder; it is told to stop, and waited for, at the end."""
    with _process(*arguments) as server:
        yield _address(server)


@contextmanager
def watched(*arguments: str) -> Iterator[Server]:
    """The same, with a look at its process; `arguments` are to ask for metrics."""
    with _process(*arguments) as server:
        yield Server(_address(server), server.pid, _told(server, "metrics"))


@contextmanager
def resumed(data: Path, *arguments: str) -> Iterator[Server]:
    """The same, with a data folder that outlives it."""
    with _serving(str(data), "--metrics", "0", *arguments) as server:
        yield Server(_address(server), server.pid, _told(server, "metrics"))
        server.terminate()
        server.wait()


@contextmanager
def with_web(*arguments: str) -> Iterator[tuple[str, str]]:
    """The addresses of a server that answers over HTTP too."""
    with _process("--web", "0", *arguments) as server:
        yield _address(server), _told(server, "web").removeprefix("http://")


@contextmanager
def _process(*arguments: str) -> "Iterator[subprocess.Popen[str]]":
    with tempfile.TemporaryDirectory(prefix="samekind-bench-") as data, _serving(data, *arguments) as server:
        yield server


@contextmanager
def _serving(data: str, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
    command = [sys.executable, "-m", "samekind_server", "--port", "0", "--data", data, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environment()) as server:
        try:
            yield server
        finally:
            server.terminate()


def _address(server: subprocess.Popen[str]) -> str:
    assert server.stdout
    line = server.stdout.readline()
    if not line.startswith(LISTENS):
        raise RuntimeError("the server to measure did not start; its message stands above")
    return line.removeprefix(LISTENS).strip()


def _told(server: subprocess.Popen[str], name: str) -> str:
    """What the server says of `name` at its start."""
    assert server.stdout
    return next(line.split()[1] for line in server.stdout if line.split()[:1] == [name])


def _environment() -> dict[str, str]:
    """This process's environment without settings of samekind's, so that defaults are measured."""
    return {key: value for key, value in os.environ.items() if not key.startswith("SAMEKIND_")}
