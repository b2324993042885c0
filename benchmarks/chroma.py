"""Chroma's server, in an environment of its own, spoken to over HTTP without its client, which is slower."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

from benchmarks.contenders import BUCKETS, NONE, K
from samekind.types import Floats

HOME = next((Path(__file__).parent.parent / ".tools").glob("chroma-*"), None)
COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"
AT_ONCE = 1000
STARTS = 60.0


def version() -> str | None:
    """The version that is measured; None where there is none."""
    return HOME.name.removeprefix("chroma-") if HOME else None


class Missing(Exception):
    """Chroma is not installed."""


class Chroma:
    """A collection of a running server. Connections are kept, and each has one call at a time."""

    def __init__(self, address: str, queries: Floats) -> None:
        self.address, self._queries, self._idle = address, queries.tolist(), list[http.client.HTTPConnection]()
        made = self._call("POST", COLLECTIONS, {"name": "bench", "get_or_create": True, "configuration": {"hnsw": {"space": "cosine"}}})
        self._collection = f"{COLLECTIONS}/{made['id']}"

    @classmethod
    @contextmanager
    def opened(cls, address: str, queries: Floats = NONE) -> Iterator[Self]:
        """Of a server that runs."""
        with closing(cls(address, queries)) as one:
            yield one

    def add(self, first: int, vectors: Floats) -> None:
        """See Contender."""
        for start in range(0, len(vectors), AT_ONCE):
            numbers = range(first + start, first + min(start + AT_ONCE, len(vectors)))
            rows = vectors[start : start + AT_ONCE].tolist()
            body = {"ids": list(map(str, numbers)), "embeddings": rows, "metadatas": [{"bucket": number % BUCKETS} for number in numbers]}
            self._call("POST", f"{self._collection}/upsert", body)

    def settle(self) -> None:
        """See Contender: it answers from what it has."""
        for number in range(20):
            self.ask(number)

    def ask(self, number: int, below: int = BUCKETS) -> list[str]:
        """See Contender."""
        ids: list[str] = self._query([self._queries[number]], below)["ids"][0]
        return ids

    def ask_many(self, numbers: Sequence[int]) -> object:
        """See Contender."""
        return self._query([self._queries[number] for number in numbers], BUCKETS)

    def close(self) -> None:
        """Closes its connections."""
        for connection in self._idle:
            connection.close()

    def _query(self, queries: list[Any], below: int) -> Any:
        where = {"where": {"bucket": {"$lt": below}}} if below < BUCKETS else {}
        return self._call("POST", f"{self._collection}/query", {"query_embeddings": queries, "n_results": K, "include": []} | where)

    def _call(self, verb: str, path: str, body: Any) -> Any:
        connection = self._idle.pop() if self._idle else http.client.HTTPConnection(self.address, timeout=600)
        connection.request(verb, path, json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        told = answer.read()
        self._idle.append(connection)
        if answer.status >= 300:
            raise RuntimeError(f"chroma answered {answer.status}: {told[:300]!r}")
        return json.loads(told or "null")


@contextmanager
def started(queries: Floats) -> Iterator[Chroma]:
    """A server of its own with an empty collection. Raises Missing."""
    if HOME is None:
        raise Missing("Chroma is not measured: it is not there; make bench-search installs it")
    with tempfile.TemporaryDirectory(prefix="chroma-bench-") as data, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        command = [str(HOME / "bin" / "chroma"), "run", "--path", data, "--host", "127.0.0.1", "--port", str(port)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                _await(port, server)
                with Chroma.opened(f"127.0.0.1:{port}", queries) as chroma:
                    yield chroma
            finally:
                server.terminate()


def _await(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + STARTS
    while time.monotonic() < until and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("Chroma's server did not start")
