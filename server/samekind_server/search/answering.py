"""One query on its way: the rows that are near, those of them that are chosen, and the items of one page."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from samekind.errors import DeadlineExceeded
from samekind.filters import Exists
from samekind.queries import Cutoff, Facet, Found, Hit
from samekind.types import Floats, Fused, Item
from samekind_server.catalog import filters
from samekind_server.catalog.candidates import Candidates, Ranked
from samekind_server.catalog.inside import Inside
from samekind_server.catalog.vectors import FUSED, WINDOW
from samekind_server.embedding.askers import Asker
from samekind_server.search import cutoff, facets, judging, paging, passages, ranking, words
from samekind_server.search.asked import Ask
from samekind_server.search.cutoff import Cut
from samekind_server.search.paging import Mark
from samekind_server.search.reporting import Spent, report
from samekind_server.search.rivals import Rivals
from samekind_server.search.terms import Meant

TRIES = 3  # Times that is searched where rows are gone when they are read.
WIDER = 4  # Times as many rows are asked for where too few of them could be chosen,
GROUPED = 2  # and from the beginning where some will be of the same group.


@dataclass(frozen=True, eq=False)
class Chosen:
    """The rows of an answer past the pages before, what they were chosen from, and what cut them; `enough` where no more of that are needed."""

    among: Candidates
    left: Ranked
    enough: bool
    cut: Cut | None


@dataclass(frozen=True, eq=False)
class Answering:
    """One query in one catalog, for as long as its answer takes."""

    inside: Inside
    ask: Ask
    meant: Meant
    asker: Asker
    scale: float | None = None
    rivals: Rivals | None = None
    spent: Spent = field(default_factory=Spent)

    @property
    def first(self) -> int:
        """How many rows to ask for at first."""
        least = cutoff.NEAREST if self.ask.query.cutoff is Cutoff.AUTO else 1
        return max(self.ask.reach * (GROUPED if self.ask.query.grouping else 1), least) + len(self.meant.rows)

    def answer(self, found: Candidates) -> Found:
        """The page, chosen from these candidates, or from more of them where they do not suffice."""
        query = self.ask.query
        for again in range(TRIES):
            chosen = self._chosen(found)
            with self.spent.on("load"):
                rows, most = chosen.left.rows.tolist(), min(self.ask.size, self.ask.left)
                items, gone = self.inside.told(rows, most, query.view, query.where)
            if not gone or again == TRIES - 1:
                break
            found = self._candidates(chosen.among.k + gone)
        hits, mark = self._hits(chosen, items), self._mark(chosen.left, items)
        given = query.limit if mark else query.limit - self.ask.left + len(hits)
        made = report(query, chosen.among, given, self.meant, self.spent, chosen.cut, self._unheld(chosen.among))
        return Found(hits, self._facets(), made, mark.dump() if mark else "")

    def _chosen(self, found: Candidates) -> Chosen:
        """As many as are still to come, where there are so many."""
        while True:
            with self.spent.on("search"):
                chosen = self._choose(found)
            if chosen.enough:
                return chosen
            found = self._candidates(WIDER * found.k)

    def _choose(self, found: Candidates) -> Chosen:
        query, reach = self.ask.query, self.ask.reach
        cut = judging.cut(found, query, self.meant, self.inside, self.scale, self.rivals)
        ranked = ranking.without(self._ranked(judging.standing_out(found.ranked(), cut), found.k), self.meant.rows)
        near = self._grouped(ranking.similar(ranked, query.min_similarity if query.terms else None))
        ended = self._ended(found, ranked, cut)
        if query.diversity and (ended or len(near) >= reach):
            near = self._diverse(near.at(slice(reach)))
        left = paging.after(near, self.ask.after, by_score=not query.diversity)
        return Chosen(found, left, ended or (len(near) >= self.ask.query.limit and len(left) >= self.ask.left), cut)

    def _ranked(self, near: Ranked, k: int) -> Ranked:
        """What is near, and what has the words that are asked for."""
        if self.ask.query.words:
            near = words.fused(self.inside, self.ask.query, near, self.meant.vectors, k)
        return near

    def _ended(self, found: Candidates, ranked: Ranked, cut: Cut | None) -> bool:
        """Whether nothing that is not among the candidates could be chosen."""
        least = self.ask.query.min_similarity
        if not self.meant.vectors:
            return len(ranked) < found.k
        if cut and found.beyond(cut.least):
            return not self.ask.query.words or len(ranked) < found.k
        return found.last is None or (least is not None and found.beyond(dict.fromkeys(found.found, least)))

    def _grouped(self, near: Ranked) -> Ranked:
        if (grouping := self.ask.query.grouping) is None:
            return near
        groups = self.inside.memory.groups(grouping.attribute, near.rows)
        return ranking.grouped(near, groups, grouping.each)

    def _diverse(self, near: Ranked) -> Ranked:
        metric, query = self.inside.catalog.metric, self.ask.query
        return ranking.diverse(*self.inside.memory.vectors(near), metric, query.limit, query.diversity)

    def _hits(self, chosen: Chosen, items: dict[int, Item]) -> tuple[Hit, ...]:
        with self.spent.on("load"):
            parts = passages.found(self.inside, chosen.among, self.meant.vectors.get(WINDOW), [*items])
        left, fused = chosen.left, isinstance(self.inside.catalog.comparison, Fused)
        places = {row: place for place, row in enumerate(left.rows.tolist()) if row in items}
        scores, similarities, kinds = left.scores.tolist(), left.similarities.tolist(), left.kinds.tolist()
        hits = ((row, item, places[row]) for row, item in items.items())
        return tuple(Hit(item, scores[at], similarities[at], _kind(kinds[at], item, fused=fused), parts.get(row)) for row, item, at in hits)

    def _unheld(self, found: Candidates) -> list[str]:
        """Attributes of the condition that no item has, where nothing meets it."""
        where = self.ask.query.where
        if where is None or found.matching:
            return []
        return [name for name in filters.names(where) if not len(self.inside.memory.matching(Exists(name)))]

    def _facets(self) -> dict[str, Facet]:
        """On the first page alone."""
        query = self.ask.query
        if self.ask.after or not query.facets:
            return {}
        return facets.counted(query.facets, query.where, self.inside.memory)

    def _candidates(self, k: int) -> Candidates:
        [found] = candidates([self], k)
        return found

    def _mark(self, left: Ranked, items: dict[int, Item]) -> Mark | None:
        """Where the next page begins, if there is one."""
        given = self.ask.query.limit - self.ask.left + len(items)
        last = int(np.flatnonzero(left.rows == [*items][-1])[0]) if items else 0
        more = bool(items) and last + 1 < len(left) and given < self.ask.query.limit
        return Mark(left.scores[last], int(left.rows[last]), given) if more else None


def candidates(some: Sequence[Answering], k: int) -> list[Candidates]:
    """The rows nearest to each of several queries of one catalog and condition, compared together. Raises DeadlineExceeded."""
    one, query = some[0], some[0].ask.query
    if any(each.asker.left <= 0 for each in some):
        raise DeadlineExceeded("the time given was over before all was searched; give it more, or ask for less")
    began, memory, metric = time.perf_counter(), one.inside.memory, one.inside.catalog.metric
    if one.meant.vectors:
        found = memory.candidates(_stacked(some), k, where=query.where, exact=query.exact)
    else:
        matching = memory.items if query.where is None else len(memory.matching(query.where))
        found = [Candidates({}, k, matching)] * len(some)
    took = 1000 * (time.perf_counter() - began)
    for each in some:
        each.spent.search += took
    return [judging.levelled(each, run.ask.query, run.meant, metric) for each, run in zip(found, some, strict=True)]


def _stacked(some: Sequence[Answering]) -> dict[str, Floats]:
    """Each index's queries as one matrix; made once where they are the same, as they are of all but items."""
    made, found = dict[tuple[int, ...], Floats](), dict[str, Floats]()
    for name in some[0].meant.vectors:
        rows = [each.meant.vectors[name] for each in some]
        key = tuple(map(id, rows))
        if key not in made:
            made[key] = np.array(rows)
        found[name] = made[key]
    return found


def _kind(index: str, item: Item, *, fused: bool) -> str:
    """Which of an item's contents an index is of: windows are of its text, or of all where those are fused."""
    if index != WINDOW:
        return index
    return FUSED if fused and len(item.kinds) > 1 else "text"
