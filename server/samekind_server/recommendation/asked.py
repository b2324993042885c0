"""One wish as it is asked: what of it cannot be, and which page of its answer."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from samekind.errors import BadRequest, Violation
from samekind.recommendations import Wish
from samekind_server.catalog import filters

MOST = 1_000
MOST_EXAMPLES = 64
FORM = re.compile(r"(\d{1,5}) (\d{1,19}) (\d{1,12}) ([\w-]{1,64})", re.ASCII)


@dataclass(frozen=True)
class Turn:
    """A page: how many hits came before it, the row of the last of them, and when, in seconds since 1970, the first was asked for.

    `attribution` names the answer, whichever of its pages it is.
    """

    given: int
    row: int
    now: int
    attribution: str

    def dump(self) -> str:
        """As in a page token."""
        return f"{self.given} {self.row} {self.now} {self.attribution}"


def first(now: float) -> Turn:
    """The first page of a new answer."""
    return Turn(0, 0, int(now), secrets.token_urlsafe(12))


def load(token: str, now: float) -> Turn:
    """The page of `dump`, or the first. Raises BadRequest for anything else."""
    if not token:
        return first(now)
    if (found := FORM.fullmatch(token)) is None or int(found[2]) >= 2**63:
        raise _refused("page_token", "the page token is damaged; begin without one")
    return Turn(int(found[1]), int(found[2]), int(found[3]), found[4])


def check(wish: Wish) -> None:
    """Raises BadRequest for a wish that cannot be met, whatever the catalog."""
    if not 0 < wish.limit <= MOST:
        raise _refused("limit", f"an answer has at least 1 and at most {MOST:,} recommendations, not {wish.limit:,}")
    if len(wish.examples) > MOST_EXAMPLES:
        raise _refused("examples", f"at most {MOST_EXAMPLES} examples are taken, not {len(wish.examples)}; leave some out")
    if wish.new_days <= 0:
        raise _refused("new_days", f"what is new is so for more than 0 days, not {wish.new_days:g}")
    for name in ("behaviour", "diversity", "new_boost"):
        value = getattr(wish, name)
        if value is not None and not 0 <= value <= 1:
            raise _refused(name, f"{name} is from 0 to 1, not {value:g}")
    if wish.where is not None:
        filters.check(wish.where)


def _refused(field: str, message: str) -> BadRequest:
    return BadRequest(message, violations=(Violation(field, message),))
