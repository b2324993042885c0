"""What is looked for in a catalog, and what is found: the values of search, shared by both sides of the wire."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from samekind.errors import SamekindError
from samekind.filters import Filter
from samekind.types import ById, Item, LongText, Report, Term, Value

__all__ = ["ById", "Cutoff", "Facet", "Found", "Grouping", "Hit", "ItemView", "Passage", "Query", "SearchReport", "Term"]


class Cutoff(Enum):
    """Where an answer ends before its limit: nowhere, or where scores are no more than other items have by chance."""

    OFF = "off"
    AUTO = "auto"


@dataclass(frozen=True)
class Grouping:
    """At most `each` hits of one value of an attribute; items without it are a group of their own each."""

    attribute: str
    each: int = 1


@dataclass(frozen=True)
class ItemView:
    """What of an item is told; no `attributes` named: all of them."""

    text: bool = True
    attributes: bool = True
    only: tuple[str, ...] = ()
    vectors: bool = False
    thumbnails: bool = False


@dataclass(frozen=True)
class Query:
    """What is looked for, among which items, and how the answer is put together; `search_service.proto` tells each."""

    terms: tuple[Term, ...] = ()
    where: Filter | None = None
    limit: int = 10
    min_similarity: float | None = None
    cutoff: Cutoff = Cutoff.OFF
    words: str = ""
    word_attributes: tuple[str, ...] = ()
    grouping: Grouping | None = None
    diversity: float = 0.0
    facets: tuple[str, ...] = ()
    exact: bool = False
    keep_modality_gap: bool = False
    view: ItemView = field(default_factory=ItemView)
    long_text: LongText = LongText.TRUNCATE


@dataclass(frozen=True)
class Passage:
    """A part of a text, from `start` to `end` in characters."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Hit:
    """An item that was found: its score, its similarity by the catalog's metric, and which of its contents is nearest."""

    item: Item
    score: float
    similarity: float = 0.0
    kind: str = ""
    passage: Passage | None = None


@dataclass(frozen=True)
class Facet:
    """How often the most frequent values of an attribute occur; `items` have it, with so many different `values`."""

    attribute: str
    counts: tuple[tuple[Value, int], ...]
    items: int
    values: int


@dataclass(frozen=True)
class SearchReport:
    """How an answer was made; `cut` is the lowest score that the relevance cut let through, None where it did not cut."""

    embedding: Report
    exact: bool
    candidates: int
    matching: int
    complete: bool
    shortfall: str = ""
    cut: float | None = None
    cut_reason: str = ""
    gap_corrected: bool = False
    wait_ms: float = 0.0
    embed_ms: float = 0.0
    search_ms: float = 0.0
    load_ms: float = 0.0


@dataclass(frozen=True)
class Found:
    """A page of hits, best first, or the error a query of several failed with."""

    hits: tuple[Hit, ...] = ()
    facets: Mapping[str, Facet] = field(default_factory=dict, hash=False)
    report: SearchReport | None = None
    next_page_token: str = ""
    error: SamekindError | None = None

    def __iter__(self) -> Iterator[Hit]:
        """The hits; raises the query's own error where it failed."""
        if self.error:
            raise self.error
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)

    def __getitem__(self, place: int) -> Hit:
        return self.hits[place]
