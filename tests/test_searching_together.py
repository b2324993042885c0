"""Searches that come while others are under way: answered together, each as if it were alone."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from samekind.errors import DeadlineExceeded
from samekind.filters import F
from samekind.queries import Found, Query, Term
from samekind.types import Report, Vector
from samekind_server.catalog import vectors
from samekind_server.catalog.catalogs import LOOKING
from samekind_server.embedding.askers import Asker
from samekind_server.embedding.engine import Engine
from samekind_server.search.answering import Answering, candidates
from samekind_server.search.asked import Ask
from samekind_server.search.searching import Searching
from samekind_server.search.terms import Meant
from samekind_server.search.together import AT_ONCE, MOST, Together
from tests.keeping import SPACE, Keeper, item

AXIS = np.array([1, 0, 0, 0], np.float32)


@pytest.fixture
def keeper(tmp_path, engine: Engine) -> Iterator[Keeper]:
    keeper = Keeper(tmp_path, engine)
    keeper.make()
    keeper.ask("upsert", [item(f"{n}", 1, n / 100, 0, 0, n=n) for n in range(100)])
    yield keeper
    keeper.close()


@dataclass
class Crowd:
    """Calls of which all but those that came first wait until these are let go."""

    keeper: Keeper
    sizes: list[int] = field(default_factory=list)
    free: threading.Event = field(default_factory=threading.Event)

    def answer(self, call: Sequence[Answering]) -> list[Found]:
        self.sizes.append(len(call))
        self.free.wait()
        candidates(call, 1)
        return [Found(next_page_token=run.asker.name) for run in call]

    def ask(self, *askers: Asker, each: int = 1, leaving: int = 0) -> list[str | BaseException]:
        """Who each answer was for, or what was raised in its place; the last so many do not wait for theirs."""

        async def asked() -> list[str | BaseException]:
            catalog, together = await self.keeper.catalogs.open("", "shop"), Together(self.answer)
            inside, names = await catalog.inside(), vectors.names(catalog.catalog.comparison)
            meant = Meant(dict.fromkeys(names, AXIS), frozenset(), Report("", SPACE, None))
            runs = [Answering(inside, Ask(Query((Term(Vector(AXIS, SPACE)),)), 10), meant, asker) for asker in askers]
            calls = list[asyncio.Future[list[Found]]]()
            for run in runs:
                calls.append(asyncio.ensure_future(together.answered(catalog, [run] * each)))
                await asyncio.sleep(0)
                while len(self.sizes) < min(len(calls), AT_ONCE):
                    await asyncio.sleep(0)
            for gone in calls[len(calls) - leaving :]:
                gone.cancel()
            self.free.set()
            answers = await asyncio.gather(*calls, return_exceptions=True)
            return [answer if isinstance(answer, BaseException) else answer[0].next_page_token for answer in answers]

        return self.keeper.run(asked())


FIRST = [Asker("first")] * AT_ONCE


def test_searches_that_come_meanwhile_are_answered_together_and_in_their_order(keeper):
    crowd = Crowd(keeper)
    assert crowd.ask(*FIRST, Asker("a"), Asker("b"), Asker("c"))[AT_ONCE:] == ["a", "b", "c"]
    assert sorted(crowd.sizes) == [1] * AT_ONCE + [3]


def test_no_more_are_answered_together_than_a_writer_may_wait_for(keeper):
    crowd = Crowd(keeper)
    crowd.ask(*FIRST, *[Asker("a")] * 3, each=MOST // 2)
    assert sorted(crowd.sizes) == [*[MOST // 2] * (AT_ONCE + 1), MOST]


def test_long_calls_keep_no_short_one_waiting(keeper):
    free = threading.Event()

    def answer(call: Sequence[Answering]) -> list[Found]:
        return [Found() for _ in call if len(call) == 1 or free.wait()]

    async def asked() -> list[int]:
        catalog, together = await keeper.catalogs.open("", "shop"), Together(answer)
        run = Answering(await catalog.inside(), Ask(Query(words="x"), 10), Meant({}, frozenset(), Report("", SPACE, None)), Asker())
        long = [asyncio.ensure_future(together.answered(catalog, [run] * (MOST + 1))) for _ in range(LOOKING - 1)]
        short = await together.answered(catalog, [run])
        free.set()
        return [len(short), *map(len, await asyncio.gather(*long))]

    assert keeper.run(asked()) == [1, *[MOST + 1] * (LOOKING - 1)]


def test_what_is_wrong_with_one_is_told_no_other(keeper):
    told = Crowd(keeper).ask(*FIRST, Asker("a"), Asker("late", deadline=0.0), Asker("b"))
    assert [told[AT_ONCE], type(told[AT_ONCE + 1]), told[AT_ONCE + 2]] == ["a", DeadlineExceeded, "b"]


def test_one_who_is_gone_keeps_nobody_from_an_answer_and_is_not_searched_for(keeper):
    crowd = Crowd(keeper)
    told = crowd.ask(*FIRST, Asker("a"), Asker("gone"), leaving=1)
    assert [told[AT_ONCE], type(told[AT_ONCE + 1])] == ["a", asyncio.CancelledError]
    assert crowd.sizes == [1] * (AT_ONCE + 1)


def test_together_searches_find_what_they_find_alone(keeper, engine):
    queries = [Query((Term(Vector(np.array([n / 40, 1, 0, 0], np.float32), SPACE)),), where=F.n < 50 if n % 2 else None, limit=5) for n in range(40)]

    async def found(*, together: bool) -> list[Found]:
        catalog, searching = await keeper.catalogs.open("", "shop"), Searching(engine)
        asked = (searching.search(catalog, each) for each in queries)
        return list(await asyncio.gather(*asked)) if together else [await each for each in asked]

    alone, crowd = keeper.run(found(together=False)), keeper.run(found(together=True))
    assert [answer.hits for answer in crowd] == [answer.hits for answer in alone]
    assert all(answer.report.wait_ms > 0 for answer in crowd)
