"""Quotas: each key's requests and bytes per second, with a clock that the test moves, and as a real server tells them."""

from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

import samekind
from samekind.errors import QuotaExceeded
from samekind_server.edge import keys
from samekind_server.edge.keys import Key
from samekind_server.edge.quotas import Quotas
from tests.running import started


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def quotas(clock: Clock) -> Quotas:
    return Quotas(clock)


def key(name: str = "k", *, requests: float = 0.0, bytes: float = 0.0) -> Key:
    return keys.new(name, requests_per_second=requests, bytes_per_second=bytes)[0]


def wait(ask: object, *arguments: object) -> float:
    """Seconds that the refusal tells to wait."""
    with pytest.raises(QuotaExceeded) as caught:
        ask(*arguments)  # type: ignore[operator]
    assert caught.value.retry_after
    return caught.value.retry_after


def test_a_second_s_requests_may_come_at_once_and_then_as_fast_as_the_quota(quotas: Quotas, clock: Clock) -> None:
    mine = key(requests=5)
    for _ in range(5):
        quotas.request(mine)
    assert wait(quotas.request, mine) == pytest.approx(0.2)
    clock.now += 0.2
    quotas.request(mine)
    assert wait(quotas.request, mine) == pytest.approx(0.2)


def test_whoever_waits_as_told_is_let_in(quotas: Quotas, clock: Clock) -> None:
    mine = key(requests=0.3, bytes=1000)
    for _ in range(5):
        quotas.request(mine)
        quotas.arrived(mine, 700)
        clock.now += wait(quotas.request, mine) + 1e-6


def test_a_quiet_time_saves_no_more_than_a_second_s_worth(quotas: Quotas, clock: Clock) -> None:
    mine = key(requests=2)
    quotas.request(mine)
    clock.now += 3600
    for _ in range(2):
        quotas.request(mine)
    assert wait(quotas.request, mine)


def test_a_large_request_is_taken_and_paid_for_before_the_next(quotas: Quotas, clock: Clock) -> None:
    mine = key(bytes=1000)
    quotas.arrived(mine, 5000)
    assert wait(quotas.request, mine) == pytest.approx(4.0)
    assert wait(quotas.arrived, mine, 1) == pytest.approx(4.0)
    clock.now += 4.0
    quotas.request(mine)
    quotas.arrived(mine, 1)


def test_a_key_without_quotas_is_never_refused(quotas: Quotas) -> None:
    mine = key()
    for _ in range(1000):
        quotas.request(mine)
        quotas.arrived(mine, 1 << 30)
    assert len(quotas) == 0


def test_one_key_s_requests_are_not_held_against_another(quotas: Quotas) -> None:
    mine, other = key("mine", requests=1), key("other", requests=1)
    quotas.request(mine)
    quotas.request(other)
    assert wait(quotas.request, mine)


def test_what_is_kept_is_of_keys_that_are_there(quotas: Quotas) -> None:
    some = [key(f"k{number}", requests=1, bytes=1) for number in range(100)]
    for each in some:
        quotas.request(each)
    assert len(quotas) == 200
    quotas.keep(some[:3])
    assert len(quotas) == 6


def test_a_changed_quota_begins_anew_and_reading_the_file_again_does_not(quotas: Quotas) -> None:
    mine = key(requests=1)
    quotas.request(mine)
    quotas.keep([replace(mine)])
    assert wait(quotas.request, replace(mine))
    quotas.request(replace(mine, requests_per_second=2))


def test_the_client_asks_again_when_it_is_told_to_and_soon_and_else_raises(tmp_path: Path) -> None:
    for name, requests in (("slow", 0.001), ("brisk", 10.0)):
        made, secret = keys.new(name, requests_per_second=requests)
        keys.add(tmp_path / "keys.json", made)
        (tmp_path / name).write_text(secret)
    with started(tmp_path) as address:
        with samekind.connect(address, key=(tmp_path / "slow").read_text()) as sk:
            sk.model()
            with pytest.raises(QuotaExceeded, match=r"the key 'slow' has 0\.001 requests per second and has used them") as caught:
                sk.model()
        with samekind.connect(address, key=(tmp_path / "brisk").read_text()) as sk:
            assert [sk.model().name for _ in range(15)] == ["mini"] * 15
    assert (caught.value.retry_after or 0) > 900


def test_a_stream_s_messages_are_held_to_its_key_s_bytes(tmp_path: Path) -> None:
    made, secret = keys.new("slow", bytes_per_second=0.01)
    keys.add(tmp_path / "keys.json", made)
    with started(tmp_path) as address, grpc.insecure_channel(address) as channel:
        ask = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo
        asked = (reflection_pb2.ServerReflectionRequest(list_services="") for _ in range(3))
        answers = ask(asked, metadata=[("authorization", f"Bearer {secret}")])
        assert next(answers).list_services_response.service
        with pytest.raises(grpc.RpcError, match="bytes per second and has used them"):
            next(answers)
