"""Bulk work rests after each piece while searches come, and loses and reorders nothing."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from samekind_server.catalog.precedence import PIECE, Precedence
from samekind_server.index.hnsw import SHARE


@pytest.fixture
def one() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def test_bulk_work_rests_between_its_pieces_once_there_was_a_search():
    rests: list[float] = []
    precedence = Precedence(sleep=rests.append)
    assert (list(precedence.among(range(3 * PIECE))), rests) == (list(range(3 * PIECE)), [])
    precedence.searched()
    assert list(precedence.among(range(3 * PIECE))) == list(range(3 * PIECE))
    assert len(rests) == 2
    assert all(rest > 0 for rest in rests)


def test_work_of_one_piece_rests_for_nobody():
    rests: list[float] = []
    precedence = Precedence(sleep=rests.append)
    precedence.searched()
    assert (list(precedence.among(range(PIECE))), rests) == (list(range(PIECE)), [])


def test_a_rest_leaves_bulk_work_its_share_of_the_time():
    precedence = Precedence()
    assert precedence.rest(0.5) == 0
    precedence.searched()
    assert 0.5 / (0.5 + precedence.rest(0.5)) == pytest.approx(SHARE)


def test_threads_that_work_in_bulk_have_one_share_between_them():
    precedence = Precedence()
    precedence.searched()
    precedence.rest(0.5)
    assert 1.0 / (1.0 + precedence.rest(0.5)) == pytest.approx(SHARE, rel=0.01)


@pytest.mark.parametrize("count", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_all_of_what_is_made_piece_by_piece_comes_in_its_order(one, count):
    assert asyncio.run(Precedence().listed(iter(range(count)), one)) == list(range(count))


def test_two_who_share_a_thread_go_in_turns(one):
    made: list[str] = []

    def making(name: str) -> Iterator[str]:
        for _ in range(3 * PIECE):
            made.append(name)
            yield name

    async def both() -> None:
        precedence = Precedence()
        await asyncio.gather(precedence.listed(making("a"), one), precedence.listed(making("b"), one))

    asyncio.run(both())
    assert "".join(made[::PIECE]) == "ababab"
