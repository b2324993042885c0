"""Answers queries of catalogs, one page by page or several at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from random import uniform

from samekind.errors import Overloaded, SamekindError
from samekind.queries import Cutoff, Found, Query, SearchReport
from samekind.types import LongText, Metric
from samekind_server.catalog.candidates import Candidates
from samekind_server.catalog.catalog import OpenCatalog
from samekind_server.catalog.drafts import misfit
from samekind_server.classification import templates
from samekind_server.classification.matrices import Matrices
from samekind_server.embedding.askers import ANYONE, Asker
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.lru import Lru
from samekind_server.embedding.observer import Shed
from samekind_server.embedding.room import Room
from samekind_server.search import answering, judging, paging, rivals, terms
from samekind_server.search.answering import Answering
from samekind_server.search.asked import Ask, checked
from samekind_server.search.rivals import Rivals
from samekind_server.search.terms import Meant
from samekind_server.search.together import Together

PAGE = 1000
MOST = 1024  # Queries under way. One caller may ask as many as are left, so half of them where nobody else does.
SPACES = 8  # Models, each with a number of dimensions, whose rivals are kept.
AGAIN = (0.2, 1.0)  # Seconds between which those refused are told to wait.


def unheard(report: SearchReport) -> None:
    """Tells nobody."""


class Searching:
    """Has contents embedded by one engine. For one event loop. `heard` is told how each answer was made."""

    def __init__(self, engine: Engine, *, heard: Callable[[SearchReport], object] = unheard, most: int = MOST) -> None:
        self._engine, self._heard, self._room, self._together = engine, heard, Room(most), Together(_answered)
        self._matrices = Matrices(engine, capacity=0)
        self._known: Lru[tuple[str, int], Rivals] = Lru(SPACES)

    async def search(self, catalog: OpenCatalog, query: Query, *, size: int = PAGE, token: str = "", asker: Asker = ANYONE) -> Found:
        """A page of so many hits, from where the `next_page_token` of the page before says. Raises what is wrong with the query."""
        after = paging.load(token)
        [found] = await self._answers(catalog, [query], lambda query: Ask(query, size, after), asker)
        if found.error:
            raise found.error
        return found

    async def batch(self, catalog: OpenCatalog, queries: Sequence[Query | SamekindError], *, asker: Asker = ANYONE) -> list[Found]:
        """Each query's hits, all on one page, or its error. Queries of one condition and limit are compared together."""
        return await self._answers(catalog, queries, lambda query: Ask(query, query.limit), asker)

    async def close(self) -> None:
        """Ends what goes on for nobody."""
        await self._matrices.close()

    async def _answers(
        self, catalog: OpenCatalog, queries: Sequence[Query | SamekindError], asked: Callable[[Query], Ask], asker: Asker
    ) -> list[Found]:
        await catalog.ready()
        with self._admitted(len(queries), asker):
            given = [checked(query) for query in queries]
            meant = await terms.meant(self._engine, catalog, given, asker)
            scale = await self._scale(catalog, given)
            against = await self._rivals(catalog, given, scale)
            inside = await catalog.inside()
            call = [
                Answering(inside, asked(query), each, asker, scale, against)
                for query, each in zip(given, meant, strict=True)
                if isinstance(query, Query) and isinstance(each, Meant)
            ]
            answers = await self._together.answered(catalog, call) if call else []
            self._tell(answers)
            found = iter(answers)
            return [Found(error=each) if isinstance(each, SamekindError) else next(found) for each in meant]

    @contextmanager
    def _admitted(self, count: int, asker: Asker) -> Iterator[None]:
        """Holds room for so many queries. Raises Overloaded."""
        if self._room.lacking(asker, count):
            self._engine.observer.shed(Shed.QUERIES)
            raise Overloaded(f"{self._room.held:,} queries are under way, as many as are taken; ask again in a moment", retry_after=uniform(*AGAIN))
        with self._room.lent(asker, count):
            yield

    async def _scale(self, catalog: OpenCatalog, queries: Sequence[Query | SamekindError]) -> float | None:
        """How many logits of the catalog's model a cosine of 1 is, where that matters."""
        of = catalog.catalog
        if not any(_cut(query) for query in queries) or of.metric is not Metric.COSINE or not of.model or await misfit(self._engine, of):
            return None
        return (await self._engine.encoder(of.model)).logit_scale

    async def _rivals(self, catalog: OpenCatalog, queries: Sequence[Query | SamekindError], scale: float | None) -> Rivals | None:
        """What queries of words compete with, where that matters. A model is asked once for all of it."""
        if scale is None or not any(_cut(query) and judging.worded(query) for query in queries if isinstance(query, Query)):
            return None
        of = catalog.catalog
        key = (of.space, of.dimensions)
        if (known := self._known.get(key)) is None:
            made = await self._matrices.get(await self._engine.encoder(of.model), rivals.asked(), LongText.TRUNCATE)
            known = Rivals(templates.kinds(), made.rows, scale, of.dimensions)
            self._known.put(key, known, 1)
        return known

    def _tell(self, found: Iterable[Found]) -> None:
        for answer in found:
            if answer.report:
                self._heard(answer.report)


def _cut(query: Query | SamekindError) -> bool:
    return isinstance(query, Query) and query.cutoff is Cutoff.AUTO


def _answered(runs: Sequence[Answering]) -> list[Found]:
    """What is found for each of several queries of one catalog, all in this thread."""
    first = _first(runs)
    return [run.answer(first[place]) for place, run in enumerate(runs)]


def _first(runs: Sequence[Answering]) -> dict[int, Candidates]:
    """What is nearest to each query."""
    alike: dict[Hashable, list[int]] = defaultdict(list)
    for place, run in enumerate(runs):
        query = run.ask.query
        alike[repr(query.where), query.exact, run.first, bool(run.meant.vectors)].append(place)
    found: dict[int, Candidates] = {}
    for places in alike.values():
        some = [runs[place] for place in places]
        found |= zip(places, answering.candidates(some, some[0].first), strict=True)
    return found
