"""Holds towers with an Event and lets their queues fill."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samekind.errors import DeadlineExceeded, Internal, SamekindError, Unavailable
from samekind_server.embedding.askers import ANYONE, Asker, Lane
from samekind_server.embedding.batcher import Batcher, Computed
from samekind_server.embedding.observer import Drop
from samekind_server.embedding.places import Places
from samekind_server.embedding.slot import Slot, bisected
from tests.towers import Seen, Tower

BULK = Asker(lane=Lane.BULK)
SIZE = 16


class Bench:
    """A slot with a batcher for images and one for texts, and what was seen of them."""

    def __init__(self, timeout: float = 60.0) -> None:
        self.seen, self.renewed, self.log = Seen(), [], []
        self.slot = Slot(timeout=timeout, observer=self.seen, renew=self.renewed.append)
        self.images, self.texts = (Batcher("m", kind, SIZE, want=self.slot.want, observer=self.seen) for kind in ("images", "texts"))
        self.tower, self.words = Tower(self.log), Tower(self.log, "texts")

    def ask(self, *numbers: float, batcher: Batcher | None = None, tower: Tower | None = None, asker: Asker = ANYONE) -> "asyncio.Task[Computed]":
        """A task that wants these numbers computed together."""
        inputs = np.array(numbers, np.float32)[:, None]
        return asyncio.create_task((batcher or self.images).compute(tower or self.tower, inputs, asker))

    async def waits(self, rows: int) -> None:
        """Goes on once so many rows wait."""
        while sum(queue.rows for batcher in (self.images, self.texts) for queue in batcher.queues) < rows:
            await asyncio.sleep(0)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Holds the tower at a call of its own meanwhile."""
        self.tower.go.clear()
        first = self.ask(0)
        await asyncio.to_thread(self.tower.begun.wait)
        yield
        self.tower.go.set()
        await first


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.tower.go.set()
    bench.slot.close()


def values(computed: Computed) -> list[float]:
    return [float(row[0]) for row in computed.rows]


async def errors(tasks: Iterable["asyncio.Task[Computed]"]) -> list[type]:
    return [type(error) for error in await asyncio.gather(*tasks, return_exceptions=True)]


def test_a_lone_caller_waits_for_nobody(bench):
    async def alone():
        return values(await bench.ask(7))

    assert asyncio.run(alone()) == [7]
    assert bench.tower.sizes == [1]


def test_those_who_come_while_a_call_computes_go_together_in_the_next(bench):
    async def crowd():
        async with bench.held():
            tasks = [bench.ask(number) for number in range(39)]
            await bench.waits(39)
        return [values(await task) for task in tasks]

    assert asyncio.run(crowd()) == [[number] for number in range(39)]
    assert bench.tower.sizes == bench.seen.batches == [1, 16, 16, 7]


def test_what_is_asked_together_is_computed_together(bench):
    async def blocks():
        async with bench.held():
            tasks = [bench.ask(*range(10)), bench.ask(*range(10)), bench.ask(1)]
            await bench.waits(21)
        return [values(await task) for task in tasks]

    assert asyncio.run(blocks()) == [[*range(10)], [*range(10)], [1]]
    assert bench.tower.sizes == [1, 10, 11]


@given(st.lists(st.lists(st.integers(-2, 20), min_size=1, max_size=SIZE), max_size=30))
@settings(deadline=None, max_examples=30)
def test_each_input_gets_its_own_row_and_only_the_poisoned_fail(blocks):
    bench = Bench()

    async def all_at_once():
        async with bench.held():
            tasks = [bench.ask(*block) for block in blocks]
            await bench.waits(sum(map(len, blocks)))
        return [[type(row) if isinstance(row, SamekindError) else int(row[0]) for row in (await task).rows] for task in tasks]

    assert asyncio.run(all_at_once()) == [[Internal if number < 0 else number for number in block] for block in blocks]
    bench.slot.close()


@given(st.integers(1, 64), st.data())
def test_one_poisoned_input_costs_two_calls_for_each_halving(count, data):
    tower, inputs = Tower(), np.arange(count, dtype=np.float32)[:, None]
    poisoned = data.draw(st.integers(0, count - 1))
    inputs[poisoned] = -1
    rows = bisected(tower, inputs)
    assert [place for place, row in enumerate(rows) if isinstance(row, Exception)] == [poisoned]
    assert len(tower.calls) <= 1 + 2 * np.ceil(np.log2(count))


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_a_row_that_is_not_finite_fails_alone(odd):
    rows = bisected(lambda inputs: inputs, np.array([[1.0], [odd], [2.0]], np.float32))
    assert [type(row) for row in rows] == [np.ndarray, ValueError, np.ndarray]


def test_interactive_work_goes_before_bulk_in_every_tower(bench):
    async def crowd():
        async with bench.held():
            bulk = [bench.ask(1, asker=BULK) for _ in range(2 * SIZE)]
            urgent = [bench.ask(2, batcher=bench.texts, tower=bench.words), bench.ask(3)]
            await bench.waits(2 * SIZE + 2)
        await asyncio.gather(*bulk, *urgent)

    asyncio.run(crowd())
    assert bench.log == [("images", 1), ("texts", 1), ("images", 1), ("images", 16), ("images", 16)]


def test_towers_take_turns(bench):
    async def crowd():
        async with bench.held():
            many = [bench.ask(1) for _ in range(3 * SIZE)]
            few = [bench.ask(1, batcher=bench.texts, tower=bench.words) for _ in range(SIZE + 1)]
            await bench.waits(4 * SIZE + 1)
        await asyncio.gather(*many, *few)

    asyncio.run(crowd())
    assert [name for name, _ in bench.log] == ["images", "texts", "images", "texts", "images", "images"]


def test_what_nobody_waits_for_any_more_is_not_computed(bench):
    async def crowd():
        async with bench.held():
            tasks = [bench.ask(number) for number in range(10)]
            await bench.waits(10)
            for task in tasks[2:]:
                task.cancel()
        await errors(tasks)

    asyncio.run(crowd())
    assert bench.tower.sizes == [1, 2]
    assert bench.seen.counts == {Drop.CANCELLED: 8}


def test_what_is_past_its_deadline_is_not_computed(bench):
    async def crowd():
        async with bench.held():
            late = bench.ask(1, asker=Asker(deadline=time.monotonic()))
            await bench.waits(1)
        return await errors([late, bench.ask(2)])

    assert asyncio.run(crowd()) == [DeadlineExceeded, Computed]
    assert bench.tower.sizes == [1, 1]
    assert bench.seen.counts == {Drop.DEADLINE: 1}


def test_a_call_that_hangs_fails_its_members_and_those_who_wait_for_its_tower():
    bench = Bench(timeout=0.05)

    async def crowd():
        bench.tower.go.clear()
        told = await errors([bench.ask(1), bench.ask(2)])
        assert not bench.slot.well
        fresh = values(await bench.ask(3, tower=bench.words))
        return [*told, *(await errors([bench.ask(4, tower=bench.words)]))], fresh, bench.slot.well

    assert asyncio.run(crowd()) == ([Unavailable, Unavailable, Computed], [3], True)
    assert (bench.renewed, bench.seen.counts) == (["m"], {"restarted": 1})
    bench.tower.go.set()


def test_a_tower_that_hangs_is_not_asked_again_until_it_answers():
    bench = Bench(timeout=0.05)

    async def crowd():
        bench.tower.go.clear()
        told = await errors([bench.ask(1)]) + await errors([bench.ask(2)])
        bench.tower.go.set()
        while not bench.slot.well:
            await asyncio.sleep(0)
        return told, values(await bench.ask(3))

    assert asyncio.run(crowd()) == ([Unavailable, Unavailable], [3])
    assert bench.tower.sizes == [1, 1]


def test_a_worker_that_dies_fails_what_it_was_at_and_is_followed_by_another(bench):
    async def crowd():
        bench.tower.go.clear()
        under_way = bench.ask(1)
        await asyncio.to_thread(bench.tower.begun.wait)
        waiting = bench.ask(2)
        await bench.waits(1)
        next(task for task in asyncio.all_tasks() if task.get_coro().__name__ == "_work").cancel()
        told = await errors([under_way])
        bench.tower.go.set()
        return told, values(await waiting)

    assert asyncio.run(crowd()) == ([Unavailable], [2])
    assert (bench.slot.well, bench.seen.counts) == (True, {"restarted": 1})


def test_an_observer_that_raises_harms_nobody(bench):
    bench.seen.computed = lambda *_: 1 / 0

    async def twice():
        return [values(await bench.ask(number)) for number in (1, 2)]

    assert asyncio.run(twice()) == [[1], [2]]


def test_queues_tell_what_waits_and_for_how_long(bench):
    async def crowd():
        async with bench.held():
            tasks = [bench.ask(1, 2, asker=BULK)]
            await bench.waits(2)
            told = bench.images.queues
        await asyncio.gather(*tasks)
        return told

    interactive, bulk = asyncio.run(crowd())
    assert (interactive.rows, interactive.age, bulk.rows, bulk.lane) == (0, 0.0, 2, Lane.BULK)
    assert bulk.age > 0


def test_a_caller_of_one_is_served_in_turn_with_a_caller_of_many():
    async def crowd():
        places, served = Places(1), []

        async def want(name: str) -> None:
            async with places.lent(1, name):
                served.append(name)
                await asyncio.sleep(0)

        await asyncio.gather(*(want("many") for _ in range(50)), *(want("few") for _ in range(3)))
        return served

    assert asyncio.run(crowd())[1:7] == ["many", "few", "many", "few", "many", "few"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 8), st.booleans()), max_size=40))
def test_no_more_places_are_lent_than_there_are_and_all_come_back(wants):
    async def crowd():
        places, lent = Places(8), [0]

        async def want(name: str, some: int) -> None:
            async with places.lent(some, name):
                lent[0] += some
                assert lent[0] <= 8
                await asyncio.sleep(0)
                lent[0] -= some

        tasks = [asyncio.create_task(want(name, some)) for name, some, _ in wants]
        await asyncio.sleep(0)
        for task, (_, _, cancelled) in zip(tasks, wants, strict=True):
            if cancelled:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(5), places.lent(8, "all"):
            pass

    asyncio.run(crowd())
