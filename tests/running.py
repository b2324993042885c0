"""Starts real servers for the tests, in processes of their own."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

LISTENS = "samekind listens on "


@contextmanager
def started(data: Path, *arguments: str) -> Iterator[str]:
    """The address of a server that serves from `data`; told to stop, and waited for, at the end."""
    with process(data, *arguments) as server:
        yield address(server)


@contextmanager
def process(data: Path, *arguments: str, more: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A server's process, on a free port unless `arguments` name one, with `more` in its environment."""
    command = [sys.executable, "-m", "samekind_server", "--port", "0", "--data", str(data), "--offline", *arguments]
    told = environment() | dict(more or {})
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=told) as server:
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


def told(server: subprocess.Popen[str], name: str) -> str:
    """What the server says of `name` at its start, of what it has not said yet. `address` has been read before."""
    assert server.stdout
    line = next(line for line in server.stdout if line.startswith(f"  {name} "))
    return line.removeprefix(f"  {name} ").strip()


class Metrics:
    """What a server that was started with `--metrics 0` says of itself over HTTP. `address` has been read before."""

    def __init__(self, server: subprocess.Popen[str]) -> None:
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
    """This process's environment without settings of samekind's."""
    return {key: value for key, value in os.environ.items() if not key.startswith("SAMEKIND_")}
