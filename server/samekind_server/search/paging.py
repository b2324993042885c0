"""Pages of an answer: where one ended, so that the next goes on there without anything being held meanwhile."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from samekind.errors import BadRequest, Violation
from samekind_server.catalog.candidates import Ranked

FORM = re.compile(r"(-?\d{1,20}) (\d{1,19}) (\d{1,5})")


@dataclass(frozen=True)
class Mark:
    """The last hit of a page, its score's bits and its row, and how many hits there were up to it on all pages."""

    score: np.float32
    row: int
    given: int

    def dump(self) -> str:
        """As in a page token."""
        return f"{self.score.view(np.int32)} {self.row} {self.given}"


def load(token: str) -> Mark | None:
    """The mark of `dump`; None of nothing. Raises BadRequest for anything else."""
    if not token:
        return None
    if (found := FORM.fullmatch(token)) is None or not -(2**31) <= int(found[1]) < 2**31 or int(found[2]) >= 2**63:
        message = "the page token is damaged; begin without one"
        raise BadRequest(message, violations=(Violation("page_token", message),))
    return Mark(np.int32(found[1]).view(np.float32), int(found[2]), int(found[3]))


def after(ranked: Ranked, mark: Mark | None, *, by_score: bool) -> Ranked:
    """What comes after a mark. In an order that is not by score it is found by its row, or else, once that is gone, by its number."""
    if mark is None:
        return ranked
    if by_score:
        past = (ranked.scores < mark.score) | ((ranked.scores == mark.score) & (ranked.rows > mark.row))
        return ranked.at(past)
    [*found] = np.flatnonzero(ranked.rows == mark.row).tolist()
    return ranked.at(slice(found[0] + 1 if found else mark.given, None))
