"""Tells how an answer was made, and why it has fewer hits than it might."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from samekind.queries import Query, SearchReport
from samekind_server.catalog.candidates import Candidates
from samekind_server.search import judging
from samekind_server.search.cutoff import Cut
from samekind_server.search.terms import Meant


@dataclass
class Spent:
    """Milliseconds of waiting for a thread, of searching indexes and of reading items."""

    wait: float = 0.0
    search: float = 0.0
    load: float = 0.0

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        """Counts the time of the `with` as spent on `search` or `load`."""
        began = time.perf_counter()
        try:
            yield
        finally:
            setattr(self, what, getattr(self, what) + 1000 * (time.perf_counter() - began))


def report(query: Query, found: Candidates, hits: int, meant: Meant, spent: Spent, cut: Cut | None, unheld: Sequence[str] = ()) -> SearchReport:
    """Of an answer with so many hits on all pages up to this one and, where it is not the last, the limit; no item has the attributes `unheld`."""
    embedding, cut = meant.report, cut if cut and hits < query.limit and judging.cuts(cut, found) else None
    return SearchReport(
        embedding,
        exact=found.exact,
        candidates=found.seen,
        matching=found.matching,
        complete=hits >= query.limit or found.last is None or query.min_similarity is not None or cut is not None,
        shortfall=shortfall(query, found, hits, len(meant.rows), cut, unheld),
        cut=judging.lowest(cut, found) if cut else None,
        cut_reason=cut.reason if cut else "",
        gap_corrected=bool(found.levels),
        wait_ms=embedding.wait_ms + spent.wait,
        embed_ms=embedding.decode_ms + embedding.compute_ms,
        search_ms=spent.search,
        load_ms=spent.load,
    )


def shortfall(query: Query, found: Candidates, hits: int, named: int, cut: Cut | None, unheld: Sequence[str] = ()) -> str:
    """Why there are fewer hits than the limit; nothing where there are not. So many items are `named` by terms."""
    if hits >= query.limit:
        return ""
    if not found.matching:
        lacking = f"; none has {', '.join(f'{name!r:.60}' for name in unheld)}" if unheld else ""
        return f"no item meets the condition{lacking}" if query.where is not None else "the catalog is empty"
    reasons = []
    if found.matching < query.limit + named:
        reasons.append(_matching(found.matching, given=query.where is not None))
    if named:
        reasons.append("what is a term is no hit")
    if not query.terms:
        reasons.append("no others have the words")
    if query.min_similarity is not None:
        reasons.append(f"others are less similar than {query.min_similarity:g}")
    if cut:
        reasons.append("others do not stand out" if hits else "none stands out")
    if query.grouping:
        reasons.append(f"at most {query.grouping.each} of each {query.grouping.attribute!r:.60} are told")
    return "; ".join(reasons) or "items went while they were looked for"


def _matching(count: int, *, given: bool) -> str:
    items = "1 item" if count == 1 else f"{count:,} items"
    return f"{items} {'meets' if count == 1 else 'meet'} the condition" if given else f"the catalog has {items}"
