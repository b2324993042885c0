"""Starts real servers for the tests, in processes of their own."""

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, CompletedProcess, Popen
from threading import Event

from prometheus_client.parser import text_string_to_metric_families

from tests.forked import Forked, Program

LISTENS = "samekind listens on "
PAUSE = 0.02  # Seconds between two questions of one who waits.


@contextmanager
def started(data: Path, *arguments: str) -> Iterator[str]:
    """The address of a server that serves from `data`; told to stop, and waited for, at the end."""
    with process(data, *arguments) as server:
        yield address(server)


@contextmanager
def process(data: Path, *arguments: str) -> Iterator[Forked]:
    """A server's process, on a free port unless `arguments` name one."""
    with Forked("samekind_server.__main__", served(data, *arguments), environment()) as server:
        try:
            yield server
        finally:
            server.terminate()


@contextmanager
def executed(data: Path, *arguments: str, **variables: str) -> Iterator[Popen[str]]:
    """The same begun as a person would, with `variables` in its environment: for what is decided before anything is imported."""
    command = [sys.executable, "-m", "samekind_server", *served(data, *arguments)]
    with Popen(command, stdout=PIPE, stderr=PIPE, text=True, env=environment() | variables) as server:
        try:
            yield server
        finally:
            server.terminate()


def samekind(*arguments: object, folder: Path | None = None, timeout: float = 60, **variables: str) -> CompletedProcess[str]:
    """A command's run, from its beginning to its end, with `variables` in its environment."""
    told = [str(each) for each in arguments]
    with Forked("samekind.cli", told, environment() | variables, folder) as command:
        out, err = command.communicate(timeout)
    return CompletedProcess(told, command.wait(), out, err)


def served(data: Path, *arguments: str) -> list[str]:
    """What a server is told at its start."""
    return ["--port", "0", "--data", str(data), "--offline", *arguments]


def address(server: Program) -> str:
    """Where the server listens, once it says so."""
    assert server.stdout
    assert server.stderr
    line = server.stdout.readline()
    assert line.startswith(LISTENS), line + server.stderr.read()
    return line.removeprefix(LISTENS).strip()


def told(server: Program, name: str) -> str:
    """What the server says of `name` at its start, of what it has not said yet. `address` has been read before."""
    assert server.stdout
    line = next(line for line in server.stdout if line.startswith(f"  {name} "))
    return line.removeprefix(f"  {name} ").strip()


def until(met: Callable[[], bool]) -> None:
    """Asks again and again, as a caller would, with pauses: without them, asking would take the processor from what it waits for."""
    while not met():
        Event().wait(PAUSE)


class Metrics:
    """What a server that was started with `--metrics 0` says of itself over HTTP. `address` has been read before."""

    def __init__(self, server: Program) -> None:
        assert server.stdout
        line = next(line for line in server.stdout if line.startswith("  metrics  "))
        self.where = line.split("//")[1].removesuffix("/metrics\n")

    def get(self, path: str) -> tuple[int, str]:
        """Status and body."""
        try:
            with urllib.request.urlopen(f"http://{self.where}{path}", timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def value(self, name: str, **labels: str) -> float:
        """The sum of the series with these labels; 0 where there is none yet."""
        families = text_string_to_metric_families(self.get("/metrics")[1])
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


def environment() -> dict[str, str]:
    """This process's environment without settings of samekind's and of gRPC's."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("SAMEKIND_", "GRPC_"))}
