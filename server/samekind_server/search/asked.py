"""One query as it is asked: which page of its answer, and how far has to be looked for it."""

from __future__ import annotations

from dataclasses import dataclass

from samekind.errors import BadRequest, SamekindError, Violation
from samekind.queries import Query
from samekind_server.catalog import filters
from samekind_server.search.paging import Mark

MOST = 10_000
MOST_DIVERSE = 1_000  # Each hit is compared with all that are chosen from.
POOL, LEAST_POOL, MOST_POOL = 4, 50, 2_000  # Times as many rows as hits are chosen from where they are to differ.


@dataclass(frozen=True)
class Ask:
    """A query, how many hits a page has, and where the page before ended."""

    query: Query
    size: int
    after: Mark | None = None

    @property
    def left(self) -> int:
        """How many hits are still to come, on this page and all after it."""
        return max(0, self.query.limit - (self.after.given if self.after else 0))

    @property
    def reach(self) -> int:
        """How many rows to choose from."""
        limit = self.query.limit
        return max(limit, LEAST_POOL, min(POOL * limit, MOST_POOL)) if self.query.diversity else limit


def checked(query: Query | SamekindError) -> Query | SamekindError:
    """The query, or what is wrong with it whatever its catalog."""
    try:
        if isinstance(query, Query):
            check(query)
    except SamekindError as error:
        return error
    return query


def check(query: Query) -> None:
    """Raises BadRequest for a query that cannot be answered."""
    if not query.terms and not query.words:
        raise _refused("terms", "a query has no terms and no words; say what is looked for, or list the items")
    if not 0 < query.limit <= MOST:
        raise _refused("limit", f"a query has at least 1 and at most {MOST:,} hits, not {query.limit:,}")
    if query.diversity and query.limit > MOST_DIVERSE:
        raise _refused("limit", f"hits that differ are at most {MOST_DIVERSE:,}, not {query.limit:,}; lower the limit, or leave diversity out")
    if query.where is not None:
        filters.check(query.where)


def _refused(field: str, message: str) -> BadRequest:
    return BadRequest(message, violations=(Violation(field, message),))
