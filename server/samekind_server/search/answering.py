"""One query on its way: the rows that are near, those of them that are chosen, and the items of one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from samekind.errors import DeadlineExceeded
from samekind.queries import Found, Hit
from samekind.types import Item
from samekind_server.catalog.candidates import Candidates, Ranked
from samekind_server.catalog.catalog import OVERFETCHED, OpenCatalog
from samekind_server.catalog.reading import told
from samekind_server.embedding.askers import Asker
from samekind_server.search import paging, ranking
from samekind_server.search.asked import Ask
from samekind_server.search.paging import Mark
from samekind_server.search.reporting import Spent, report
from samekind_server.search.terms import Meant

WIDER = 4  # Times as many rows are asked for where too few of them could be chosen.


@dataclass(frozen=True, eq=False)
class Chosen:
    """The rows of an answer past the pages before, and what they were chosen from; `ended` where no others could be."""

    among: Candidates
    left: Ranked
    ended: bool


@dataclass(frozen=True, eq=False)
class Answering:
    """One query in one catalog, for as long as its answer takes."""

    catalog: OpenCatalog
    ask: Ask
    meant: Meant
    asker: Asker
    spent: Spent = field(default_factory=Spent)

    @property
    def first(self) -> int:
        """How many rows to ask for at first."""
        return self.ask.reach + len(self.meant.rows)

    async def answer(self, found: Candidates) -> Found:
        """The page, chosen from these candidates, or from more of them where they do not suffice."""
        query = self.ask.query
        for again in range(OVERFETCHED):
            chosen = await self._chosen(found)
            with self.spent.on("load"):
                rows, view = chosen.left.rows[: self.ask.left].tolist(), query.view
                items, gone = await self.catalog.read(partial(told, rows, self.ask.size, view, query.where))
            if not gone or again == OVERFETCHED - 1:
                break
            found = await self._candidates(chosen.among.k + gone)
        hits, mark = _hits(chosen.left, items), self._mark(chosen.left, items)
        given = query.limit if mark else self.ask.query.limit - self.ask.left + len(hits)
        made = report(query, chosen.among, given, self.meant.report, self.spent)
        return Found(hits, report=made, next_page_token=mark.dump() if mark else "")

    async def _chosen(self, found: Candidates) -> Chosen:
        """As many as are still to come, where there are so many."""
        while True:
            with self.spent.on("search"):
                chosen = await self._choose(found)
            if chosen.ended or len(chosen.left) >= self.ask.left:
                return chosen
            found = await self._candidates(WIDER * found.k)

    async def _choose(self, found: Candidates) -> Chosen:
        query = self.ask.query
        ranked = ranking.without(found.ranked(), self.meant.rows)
        near = ranking.similar(ranked, query.min_similarity)
        ended = found.whole or len(near) < len(ranked)
        return Chosen(found, paging.after(near, self.ask.after, by_score=not query.diversity), ended)

    async def _candidates(self, k: int) -> Candidates:
        [found] = await candidates([self], k)
        return found

    def _mark(self, left: Ranked, items: dict[int, Item]) -> Mark | None:
        """Where the next page begins, if there is one."""
        given = self.ask.query.limit - self.ask.left + len(items)
        last = int(np.flatnonzero(left.rows == [*items][-1])[0]) if items else 0
        more = bool(items) and last + 1 < len(left) and given < self.ask.query.limit
        return Mark(left.scores[last], int(left.rows[last]), given) if more else None


async def candidates(some: Sequence[Answering], k: int) -> list[Candidates]:
    """The rows nearest to each of several queries of one catalog and condition, compared together. Raises DeadlineExceeded."""
    one, query = some[0], some[0].ask.query
    if one.asker.left <= 0:
        raise DeadlineExceeded("the time given was over before all was searched; give it more, or ask for less")
    vectors = {name: np.stack([each.meant.vectors[name] for each in some]) for name in one.meant.vectors}
    with one.spent.on("search"):
        return await one.catalog.candidates(vectors, k, where=query.where, exact=query.exact)


def _hits(ranked: Ranked, items: dict[int, Item]) -> tuple[Hit, ...]:
    places = {row: place for place, row in enumerate(ranked.rows.tolist()) if row in items}
    scores, similarities, kinds = ranked.scores.tolist(), ranked.similarities.tolist(), ranked.kinds.tolist()
    return tuple(Hit(item, scores[at], similarities[at], kinds[at]) for row, item in items.items() for at in [places[row]])
