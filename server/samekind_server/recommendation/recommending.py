"""Recommends: reads what a user did, asks content and behaviour, and tells what comes first and why."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from random import uniform

from samekind.errors import DeadlineExceeded, Overloaded, SamekindError
from samekind.queries import Query, Term
from samekind.recommendations import RecommendationReport, Recommended, Wish
from samekind.types import Report
from samekind_server.catalog.catalog import OpenCatalog
from samekind_server.catalog.inside import Inside
from samekind_server.embedding.askers import ANYONE, Asker
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.observer import Shed
from samekind_server.embedding.room import Room
from samekind_server.recommendation import answering, asked
from samekind_server.recommendation.answering import Ask
from samekind_server.recommendation.links import Linking
from samekind_server.recommendation.model import Model
from samekind_server.search import terms
from samekind_server.search.terms import Meant

PAGE = 1000
MOST = 1024  # Answers under way.
AGAIN = (0.2, 1.0)  # Seconds between which those refused are told to wait.
EXAMPLES = "examples"


def unheard(report: RecommendationReport) -> None:
    """Tells nobody."""


class Recommending:
    """Has examples embedded by one engine; `model` tells what was learned of a catalog by now, `heard` is told how each answer was made.

    For one event loop.
    """

    def __init__(
        self,
        engine: Engine,
        model: Callable[[int], Model | None],
        *,
        heard: Callable[[RecommendationReport], object] = unheard,
        clock: Callable[[], float] = time.time,
        most: int = MOST,
    ) -> None:
        self._engine, self._model, self._heard, self._clock, self._room = engine, model, heard, clock, Room(most)
        self._linking = Linking()

    async def recommend(self, catalog: OpenCatalog, wish: Wish, *, size: int = PAGE, token: str = "", asker: Asker = ANYONE) -> Recommended:
        """A page of so many recommendations, from where the `next_page_token` of the page before says. Raises what is wrong with the wish."""
        asked.check(wish)
        turn = asked.load(token, self._clock())
        await catalog.ready()
        with self._admitted(asker):
            meant = await self._meant(catalog, wish, asker)
            if asker.left <= 0:
                raise DeadlineExceeded("the time given was over before anything was looked for; give it more")
            answer = await catalog.within(partial(self._answer, wish, meant, turn, size))
        if answer.report:
            self._heard(answer.report)
        return answer

    def _answer(self, wish: Wish, meant: Sequence[Meant], turn: asked.Turn, size: int, inside: Inside) -> Recommended:
        report = meant[0].report if meant else Report(inside.catalog.model, inside.catalog.space, None)
        return answering.answer(inside, Ask(wish, meant, report, turn, size), self._model(inside.id), self._linking)

    async def _meant(self, catalog: OpenCatalog, wish: Wish, asker: Asker) -> list[Meant]:
        """Each example by itself, all embedded together. Raises what is wrong with one."""
        queries = [Query((Term(term.content),), long_text=wish.long_text) for term in wish.examples]
        found = list[Meant]()
        for place, each in enumerate(await terms.meant(self._engine, catalog, queries, asker) if queries else ()):
            if isinstance(each, SamekindError):
                raise _blamed(each, place)
            found.append(each)
        return found

    @contextmanager
    def _admitted(self, asker: Asker) -> Iterator[None]:
        """Holds room for an answer. Raises Overloaded."""
        if self._room.lacking(asker, 1):
            self._engine.observer.shed(Shed.QUERIES)
            told = f"{self._room.held:,} recommendations are under way, as many as are made at once; ask again in a moment"
            raise Overloaded(told, retry_after=uniform(*AGAIN))
        with self._room.lent(asker, 1):
            yield


def _blamed(error: SamekindError, place: int) -> SamekindError:
    """The same error, its fields named from the request on."""
    fields = tuple(replace(each, field=each.field.replace("terms[0]", f"{EXAMPLES}[{place}]", 1)) for each in error.violations)
    return type(error)(error.message, violations=fields, metadata=error.metadata, retry_after=error.retry_after)
