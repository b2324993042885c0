"""Who is refused hears of it after a pause, together with all who were meanwhile; the more there are, the longer the next one is."""

import asyncio
from contextlib import suppress

import pytest

from samekind_server.edge.pauses import LEAST, LONGEST, PACE, Pauses


async def paused(pauses: Pauses, count: int) -> None:
    await asyncio.gather(*(pauses.pause() for _ in range(count)))


def test_all_who_came_during_a_pause_go_on_together():
    async def together() -> list[int]:
        pauses, gone = Pauses(), list[int]()

        async def one(number: int) -> None:
            await pauses.pause()
            gone.append(number)

        first, second = asyncio.ensure_future(one(1)), asyncio.ensure_future(one(2))
        await first
        await asyncio.sleep(0)
        assert second.done()
        return gone

    assert asyncio.run(together()) == [1, 2]


@pytest.mark.parametrize(("count", "seconds"), [(1, LEAST), (round(0.2 * PACE), 0.2), (10_000, LONGEST)])
def test_a_pause_is_the_longer_the_more_came_during_the_one_before(count, seconds):
    async def after() -> float:
        pauses = Pauses()
        await paused(pauses, count)
        return pauses.seconds

    assert asyncio.run(after()) == pytest.approx(seconds)


def test_after_a_while_without_anybody_it_is_short_again():
    async def after() -> float:
        now = 0.0
        pauses = Pauses(clock=lambda: now)
        await paused(pauses, 10_000)
        now += 2 * LONGEST
        waiting = asyncio.ensure_future(pauses.pause())
        await asyncio.sleep(0)
        seconds = pauses.seconds
        await waiting
        return seconds

    assert asyncio.run(after()) == LEAST


def test_who_gives_up_ends_nobody_elses_pause():
    async def left() -> bool:
        pauses = Pauses()
        gives_up, stays = asyncio.ensure_future(pauses.pause()), asyncio.ensure_future(pauses.pause())
        await asyncio.sleep(0)
        gives_up.cancel()
        with suppress(asyncio.CancelledError):
            await gives_up
        assert not stays.done()
        await stays
        return gives_up.cancelled()

    assert asyncio.run(left())
