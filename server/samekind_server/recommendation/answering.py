"""One wish on its way, in one thread: what is known, what may come, in which order, and the items of one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import numpy as np

from samekind.queries import ById
from samekind.recommendations import Recommendation, RecommendationReport, Recommended, ScoreParts, Wish
from samekind.types import Report
from samekind_server.catalog.inside import Inside
from samekind_server.recommendation import ordering, past
from samekind_server.recommendation.asked import Turn
from samekind_server.recommendation.interactions import Scale
from samekind_server.recommendation.links import Linking, Links
from samekind_server.recommendation.model import Model
from samekind_server.recommendation.ordering import Places, Scored
from samekind_server.recommendation.past import Past
from samekind_server.recommendation.pool import Pool, pool
from samekind_server.recommendation.reasons import parts, reasons
from samekind_server.recommendation.untaught import untaught
from samekind_server.recommendation.wanted import Wanted, wanted
from samekind_server.search.reporting import Spent
from samekind_server.search.terms import Meant
from samekind_server.store.base import Transaction


@dataclass(frozen=True, eq=False)
class Ask:
    """A wish, what its examples mean and how they were embedded, which page of the answer, and how many recommendations a page has."""

    wish: Wish
    meant: Sequence[Meant]
    embedding: Report
    turn: Turn
    size: int


def answer(inside: Inside, ask: Ask, model: Model | None, linking: Linking) -> Recommended:
    """The page."""
    spent, wish = Spent(), ask.wish
    with spent.on("search"):
        model = model if model and len(model.signals.centre) == inside.catalog.dimensions else untaught(inside.memory)
        links, known = inside.read(partial(_known, inside, linking, wish, ask.turn.now, model.about.scale))
        want = wanted(inside, model, wish, ask.meant, known)
        among = pool(inside, want, links)
        found = ordering.scored(inside, want, links, among, ask.turn.now)
        places = ordering.order(want, found)
    with spent.on("load"):
        left = _left(places, found, ask.turn)
        page, last, gone = _page(inside, want, found, left, ask)
    given = ask.turn.given + len(page)
    more = bool(page) and last + 1 < len(left) and given < wish.limit
    token = Turn(given, int(found.rows[left[last]]), ask.turn.now, ask.turn.attribution).dump() if more else ""
    report = replace(_report(ask, want, among, found, parts(found, places), spent), complete=not gone)
    return Recommended(page, ask.turn.attribution, report, token)


def _known(inside: Inside, linking: Linking, wish: Wish, now: float, scale: Scale | None, of: Transaction) -> tuple[Links, Past]:
    """Where the items with events are, and what is known of whom it is for."""
    links = linking.now(inside.memory, of)
    return links, past.read(of, inside.memory, links, wish, _named(wish), now, scale)


def _named(wish: Wish) -> dict[str, float]:
    """The items among the examples, with their weights; of one that is named again the sum."""
    found = dict[str, float]()
    for term in wish.examples:
        if isinstance(term.content, ById):
            found[term.content.id] = found.get(term.content.id, 0.0) + term.weight
    return found


def _left(places: Places, found: Scored, turn: Turn) -> Places:
    """What comes after the page before: after its last row, or else, once that is gone, after as many."""
    if not turn.given:
        return places
    [*at] = np.flatnonzero(found.rows[places] == turn.row).tolist()
    return places[at[0] + 1 if at else turn.given :]


def _page(inside: Inside, want: Wanted, found: Scored, left: Places, ask: Ask) -> tuple[tuple[Recommendation, ...], int, int]:
    """The recommendations of a page, the place in `left` of the last, and how many items went meanwhile."""
    most = min(ask.size, ask.wish.limit - ask.turn.given)
    items, gone = inside.told(found.rows[left].tolist(), most, ask.wish.view, ask.wish.where)
    numbers = np.flatnonzero([row in items for row in found.rows[left].tolist()])
    places, totals = left[numbers], found.totals
    made = zip(places.tolist(), parts(found, places), reasons(inside, want, found, places), strict=True)
    page = tuple(Recommendation(items[int(found.rows[place])], float(totals[place]), part, why) for place, part, why in made)
    return page, int(numbers[-1]) if len(numbers) else -1, gone


def _report(ask: Ask, want: Wanted, among: Pool, found: Scored, made: Sequence[ScoreParts], spent: Spent) -> RecommendationReport:
    about, wish, embedding = want.model.about, ask.wish, ask.embedding
    return RecommendationReport(
        embedding,
        behaviour=_share(made),
        interests=len(want.interests),
        events=want.past.events,
        candidates=len(found.rows),
        shortfall=_shortfall(wish, among, len(made)),
        learn_time=datetime.fromtimestamp(about.learned, UTC) if about.method else None,
        wait_ms=embedding.wait_ms,
        embed_ms=embedding.decode_ms + embedding.compute_ms,
        search_ms=spent.search,
        load_ms=spent.load,
    )


def _share(made: Sequence[ScoreParts]) -> float:
    """How much behaviour counts beside content, over all hits."""
    behaviour, content = (sum(max(0.0, getattr(each, name)) for each in made) for name in ("behaviour", "content"))
    return behaviour / (behaviour + content) if behaviour > 0 else 0.0


def _shortfall(wish: Wish, among: Pool, hits: int) -> str:
    """Why there are fewer hits than the limit; nothing where there are not."""
    if hits >= wish.limit:
        return ""
    matching, left_out = len(among.eligible.matching), len(among.eligible.matching) - len(among.eligible.free)
    if not matching:
        return "no item meets the condition" if wish.where is not None else "the catalog is empty"
    items, meet, those = ("1 item", "meets", "it") if matching == 1 else (f"{matching:,} items", "meet", f"{left_out:,} of them")
    told = f"{items} {meet} the condition" if wish.where is not None else f"the catalog has {items}"
    return f"{told}; {those} {'was seen or is' if left_out == 1 else 'were seen or are'} left out" if left_out else told
