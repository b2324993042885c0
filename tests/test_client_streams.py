"""Long questions of the clients: streamed without being asked, in order, in bounded memory, and through servers that come and go."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest
from google.protobuf.descriptor_pool import Default

import samekind
from samekind import errors, progress
from samekind.connection import SERVICES, STREAMS
from samekind.errors import Violation
from samekind.flow import MOST_CONTENTS, WINDOW
from samekind.types import Answer
from tests.echo import Echo, dropped, failure
from tests.running import address as address_of
from tests.running import environment, process

AHEAD = (WINDOW + 2) * MOST_CONTENTS
AWAY = failure(errors.Unavailable("away"))


@pytest.fixture
def sk(address: str) -> Iterator[samekind.Client]:
    with samekind.connect(address, timeout=60) as client:
        yield client


def numbers(count: int) -> Iterator[str]:
    return map(str, range(count))


def tops(answers: list[Answer]) -> list[str]:
    return [answer.top for answer in answers]


def test_an_iterator_is_answered_by_an_iterator_and_what_is_there_by_a_list(sk: samekind.Client, echo: Echo, tmp_path: Path) -> None:
    answers = sk.classify(numbers(3000), ["cat"])
    assert echo.opened == []
    assert tops(list(answers)) == list(numbers(3000))
    assert tops(sk.classify(dict.fromkeys(numbers(3000)), ["cat"])) == list(numbers(3000))
    assert list(sk.classify(iter([]), ["cat"])) == []
    assert {type(answer.error) for answer in sk.classify(iter([tmp_path / "no.jpg"] * 200), ["cat"])} == {errors.BadImage}


def test_each_content_of_a_slow_source_is_answered_before_the_next_comes(server: str) -> None:
    given: SimpleQueue[str] = SimpleQueue()
    with samekind.connect(server, timeout=60) as sk:
        answers = sk.embed(iter(given.get, ""))
        for text in ("a mug", "a lamp"):
            given.put(text)
            assert next(answers).space
        given.put("")
        assert list(answers) == []


def test_answers_come_in_order_though_the_server_makes_them_as_they_are_ready(server: str, photos: list[Path]) -> None:
    contents = [[photos[0], f"a mug {number}"][number % 5 > 0] for number in range(200)]
    with samekind.connect(server, timeout=60) as sk:
        streamed, expected = list(sk.embed(iter(contents))), {str(one): sk.embed(one).vector for one in contents[:5]}
    assert [abs(one.vector - expected[str(contents[index])]).max() < 0.01 for index, one in enumerate(streamed[:5])] == [True] * 5
    assert len({tuple(one.vector[:8].round(2)) for one in streamed[::5]}) == 1


@pytest.mark.parametrize("slow", ["the server", "who takes the answers"])
def test_contents_are_read_ahead_only_as_far_as_there_is_room(sk: samekind.Client, echo: Echo, slow: str) -> None:
    taken, most, far = 0, 0, threading.Event()
    echo.busy = threading.Barrier(2 if slow == "the server" else 1)

    def contents() -> Iterator[str]:
        nonlocal most
        for read in range(5000):
            most = max(most, read - taken)
            if most >= AHEAD - 3 * MOST_CONTENTS:
                far.set()
            yield str(read)

    def let_go() -> None:
        assert far.wait(60)
        echo.busy.wait(60)
        echo.busy = threading.Barrier(1)

    holding = threading.Thread(target=let_go if slow == "the server" else far.wait)
    holding.start()
    for answer in sk.classify(contents(), ["cat"]):
        assert answer.top == str(taken)
        taken += 1
        holding.join()
    assert (taken, most <= AHEAD) == (5000, True)


def test_one_bad_content_fails_alone_and_is_named_by_its_place(sk: samekind.Client) -> None:
    answers = list(sk.classify(iter([*["a"] * 200, "bad", "b"]), ["cat"]))
    assert [answer.error is None for answer in answers] == [True] * 200 + [False, True]
    assert answers[200].error
    assert answers[200].error.violations == (Violation("contents[200]", "bad: bad"),)


def test_a_stream_that_breaks_goes_on_with_what_has_no_answer(sk: samekind.Client, echo: Echo) -> None:
    echo.failures.extend([None, None, AWAY, None, dropped(), None, failure(errors.QuotaExceeded("later", retry_after=0.01))])
    assert tops(list(sk.classify(numbers(3000), ["cat"]))) == list(numbers(3000))
    assert len(echo.opened) == 4


def test_a_stream_goes_on_where_its_server_ended_it_too_soon(sk: samekind.Client, echo: Echo) -> None:
    echo.ends.extend([2, 0, 0, 1])
    assert tops(list(sk.classify(numbers(3000), ["cat"]))) == list(numbers(3000))
    assert len(echo.opened) == 5


def test_a_server_that_ends_one_stream_after_another_without_an_answer_is_asked_a_few_times(sk: samekind.Client, echo: Echo) -> None:
    echo.ends.extend([0] * 10)
    with pytest.raises(errors.Internal, match="without answering all of it"):
        list(sk.classify(numbers(3000), ["cat"]))
    assert len(echo.opened) == 4


def test_grpc_itself_asks_no_stream_of_requests_again_and_the_client_does(sk: samekind.Client, echo: Echo) -> None:
    methods = [method for service in SERVICES for method in Default().FindServiceByName(service).methods]
    assert {(method.containing_service.full_name, method.name) for method in methods if method.client_streaming} == {*STREAMS}
    echo.failures.extend([AWAY, AWAY])
    assert tops(list(sk.classify(numbers(3000), ["cat"]))) == list(numbers(3000))
    assert len(echo.opened) == 3


def test_a_server_that_never_answered_is_not_waited_for(sk: samekind.Client, echo: Echo) -> None:
    for told in (errors.NotFound("no such model"), errors.BadRequest("no such labels")):
        echo.failures.append(failure(told))
        with pytest.raises(type(told), match=told.message) as caught:
            list(sk.classify(numbers(3000), ["cat"]))
        assert caught.value.metadata["request_id"] == echo.metadata[-1]["x-request-id"]


def test_a_list_goes_on_at_another_server_when_one_is_stopped(tmp_path: Path) -> None:
    with process(tmp_path / "a") as first, process(tmp_path / "b") as second:
        both, read = f"ipv4:{address_of(first)},{address_of(second)}", 0

        def contents() -> Iterator[str]:
            nonlocal read
            for read in range(600):
                if read == 300:
                    first.send_signal(signal.SIGTERM)
                yield f"a mug {read}"

        with samekind.connect(both) as sk:
            made = list(sk.embed(contents()))
        assert ([each.error for each in made], first.wait(timeout=300)) == ([None] * 600, 0)


def test_what_the_contents_raise_is_raised_after_the_answers_before_it(sk: samekind.Client) -> None:
    def contents() -> Iterator[str]:
        yield from numbers(100)
        raise LookupError("no more")

    answers = sk.classify(contents(), ["cat"])
    assert tops([next(answers) for _ in range(100)]) == list(numbers(100))
    with pytest.raises(LookupError, match="no more"):
        next(answers)


def test_who_takes_no_more_hangs_up(sk: samekind.Client, echo: Echo) -> None:
    answers = sk.classify(iter(lambda: "a", "b"), ["cat"])
    next(answers)
    del answers
    assert echo.left.wait(60)


def test_a_server_that_says_nothing_is_given_up(echo: Echo, address: str) -> None:
    echo.busy = threading.Barrier(2)
    with samekind.connect(address, timeout=0.1) as sk, pytest.raises(errors.DeadlineExceeded, match=r"within 0\.1 s"):
        list(sk.classify(numbers(10), ["cat"]))
    assert [request.timeout.ToMilliseconds() for request in echo.requests][:1] == [100]  # type: ignore[union-attr]
    echo.busy.abort()


def test_the_async_client_streams_alike(echo: Echo, address: str) -> None:
    async def contents() -> AsyncIterator[str]:
        for number in range(2000):
            yield str(number)

    async def ask() -> tuple[list[Answer], list[Answer], Answer]:
        async with samekind.aconnect(address, timeout=60) as client:
            echo.failures.extend([None, AWAY])
            of_an_async_iterator = [answer async for answer in client.classify(contents(), ["cat"])]
            of_an_iterator = [answer async for answer in client.classify(numbers(2000), ["cat"])]
            async with contextlib.aclosing(client.classify(iter(lambda: "a", "b"), ["cat"])) as endless:  # type: ignore[type-var]
                return of_an_async_iterator, of_an_iterator, await anext(endless)

    of_an_async_iterator, of_an_iterator, first = asyncio.run(ask())
    assert tops(of_an_async_iterator) == tops(of_an_iterator) == list(numbers(2000))
    assert first.top == "a"
    with samekind.connect(address) as sk, pytest.raises(TypeError, match="aconnect"):
        sk.classify(contents(), ["cat"])


def test_each_content_of_a_slow_async_source_is_answered_before_the_next_comes(server: str) -> None:
    async def ask() -> list[bool]:
        given: asyncio.Queue[str] = asyncio.Queue()

        async def contents() -> AsyncIterator[str]:
            while True:
                yield await given.get()

        async with samekind.aconnect(server, timeout=60) as client:
            answers = client.embed(contents())
            given.put_nowait("a mug")
            first = await anext(answers)
            given.put_nowait("a lamp")
            return [first.error is None, (await anext(answers)).error is None]

    assert asyncio.run(ask()) == [True, True]


def test_progress_is_shown_on_standard_error(address: str) -> None:
    code = f"import samekind; print(len(samekind.connect({address!r}).classify(['a'] * 100, ['cat'], progress=True)))"
    env = environment() | {"FORCE_COLOR": "1", "COLUMNS": "100"}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=60)
    assert ran.stdout == "100\n"
    assert "100/100" in ran.stderr and "/s" in ran.stderr


def test_progress_without_rich_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "rich", raising=False)
    monkeypatch.setattr(sys, "path", [os.devnull])
    with pytest.raises(ModuleNotFoundError, match=r'pip install "samekind\[cli\]"'):
        progress.check()
