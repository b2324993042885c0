"""Sends a server what no client would; `--fuzz-calls` says how much of it, and `make torture` a million."""

import asyncio
import json
import os
import socket
from collections.abc import Iterator, Mapping
from random import Random

import grpc
import pytest

import samekind
from tests.forked import Forked
from tests.fuzzing import METHODS, MIB, damaged, fuzz, request, resident
from tests.running import address, environment, process

SMALL_CACHES = ("--text-cache-bytes", str(MIB), "--label-cache-bytes", str(MIB))
GOOD = {"OK", "ABORTED", "ALREADY_EXISTS", "INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED"}
INTERNAL = grpc.StatusCode.INTERNAL.value[0]
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Fuzzed:
    """A server's process and its address."""

    def __init__(self, pid: int, at: str) -> None:
        self.pid, self.at = pid, at

    def files(self) -> int:
        """Files and connections it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    with process(tmp_path_factory.mktemp("data"), *SMALL_CACHES) as server:
        yield Fuzzed(server.pid, address(server))
        assert server.poll() is None


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """A frame of HTTP/2 (RFC 9113, section 4.1)."""
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def headers(**given: str) -> bytes:
    """Headers of HTTP/2, each as it is (RFC 7541, section 6.2.2)."""
    pairs = [(name.replace("__", ":").replace("_", "-"), value) for name, value in given.items()]
    return b"".join(b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode() for name, value in pairs)


def half_a_call() -> bytes:
    """The beginning of a call that promises a megabyte and never sends it."""
    method = METHODS[0]
    path = f"/{method.containing_service.full_name}/{method.name}"
    asked = headers(__method="POST", __scheme="http", __path=path, __authority="x", content_type="application/grpc", te="trailers")
    return PREFACE + frame(4, 0, 0, b"") + frame(1, 4, 1, asked) + frame(0, 0, 1, b"\0" + MIB.to_bytes(4) + b"half")


def test_the_same_seed_makes_the_same_requests():
    assert [request(method, Random(7)) for method in METHODS] == [request(method, Random(7)) for method in METHODS]


def fault(first: Mapping[str, object]) -> dict[str, object]:
    """The first request of each code that is not one of the caller's making."""
    return {code: request for code, request in first.items() if code not in GOOD}


def test_no_request_is_too_odd_to_be_answered_and_none_leaves_memory_behind(tmp_path, pytestconfig):
    calls = pytestconfig.getoption("--fuzz-calls") * 9 // 10
    with Forked("tests.fuzzing", [str(tmp_path), str(calls)], environment()) as inside:
        told, complaints = inside.communicate()
    assert (complaints, inside.returncode) == ("", 0)
    found = json.loads(told)
    assert sum(found["calls"].values()) == calls
    assert fault(found["first"]) == {}
    assert str(INTERNAL) not in found["contents"]
    assert found["grown"] < 100 * MIB


def test_no_request_over_the_wire_is_either(fuzzed, pytestconfig):
    calls = pytestconfig.getoption("--fuzz-calls") // 10
    found = asyncio.run(fuzz(fuzzed.at, calls // 4, seed=0))
    before = resident(fuzzed.pid)
    found = found.with_(asyncio.run(fuzz(fuzzed.at, calls - calls // 4, seed=calls // 4)))
    assert found.calls.total() == calls
    assert fault(found.first) == {}
    assert INTERNAL not in found.contents
    assert resident(fuzzed.pid) - before < 100 * MIB


def test_bytes_that_are_no_image_fail_alone(fuzzed, png):
    chance = Random(0)
    images = [damaged(png, chance) for _ in range(300)] + [chance.randbytes(chance.randrange(2000)) for _ in range(200)]
    with samekind.connect(fuzzed.at) as sk:
        answers = sk.embed([samekind.Image(data) for data in images] + ["a mug"])
    assert answers[-1].error is None
    assert {type(answer.error).__name__ for answer in answers} <= {"NoneType", "BadImage", "ImageTooLarge"}


@pytest.mark.parametrize(
    "sent", [b"", PREFACE[:10], PREFACE, b"GET / HTTP/1.1\r\n\r\n", half_a_call()], ids=["0", "half", "preface", "HTTP/1", "call"]
)
def test_connections_that_say_little_or_nothing_hold_up_nobody(fuzzed, sent):
    host, _, port = fuzzed.at.rpartition(":")
    with samekind.connect(fuzzed.at) as sk:
        sk.embed("a mug")
        before = fuzzed.files()
        slow = [socket.create_connection((host, int(port))) for _ in range(100)]
        for one in slow:
            one.sendall(sent)
        sk.embed("a cup")
        for one in slow:
            one.close()
        assert any(fuzzed.files() <= before for _ in range(1000) if sk.embed("a mug"))


def test_a_connection_of_any_bytes_ends_and_harms_nobody(fuzzed):
    host, _, port = fuzzed.at.rpartition(":")
    chance = Random(0)
    for _ in range(100):
        with socket.create_connection((host, int(port))) as odd:
            odd.sendall(chance.choice((b"", PREFACE)) + chance.randbytes(500))
    with samekind.connect(fuzzed.at) as sk:
        assert sk.embed("a mug").error is None
