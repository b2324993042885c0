"""Finds items by the words that their texts and attributes hold, ranked by BM25 (Robertson and Zaragoza 2009)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from samekind.queries import Query
from samekind.types import Floats
from samekind_server.catalog.candidates import Ranked
from samekind_server.catalog.catalog import OpenCatalog
from samekind_server.index.base import Rows
from samekind_server.search import fusion
from samekind_server.store import spelling, words
from samekind_server.store.base import Row, Transaction

MOST = 64  # Different words of a query that are looked for.
SATURATION, BY_LENGTH = 1.2, 0.75  # BM25's k1 and b.


async def ranked(catalog: OpenCatalog, query: Query, k: int) -> tuple[Rows, Floats]:
    """The k items that answer the query's words best, with their scores, among those that meet its condition; of the same score the lower row."""
    rows, scores = await catalog.read(partial(_scored, catalog.id, query.words, query.word_attributes))
    allowed = await catalog.look(lambda memory: memory.among(rows, query.where))
    rows, scores = rows[allowed], scores[allowed]
    best = np.lexsort((rows, -scores))[:k]
    return rows[best], scores[best]


async def fused(catalog: OpenCatalog, query: Query, near: Ranked, vectors: Mapping[str, Floats], k: int) -> Ranked:
    """What is near and the k items that answer the query's words best as one ranking; its scores are of ranks alone."""
    rows, scores = fusion.fused([near.rows, (await ranked(catalog, query, k))[0]])
    others = np.setdiff1d(rows, near.rows)
    compared = (await catalog.look(lambda memory: memory.compared(vectors, others))).ranked()
    told = {row: told for each in (near, compared) for row, *told in zip(*(each.rows, each.similarities, each.kinds), strict=True)}
    similarities, kinds = zip(*(told.get(row, (0.0, "")) for row in rows), strict=True) if len(rows) else ((), ())
    return Ranked(rows, scores, np.array(similarities, np.float32), np.array(kinds, np.str_))


def _scored(catalog: int, given: str, names: Sequence[str], of: Transaction) -> tuple[Rows, Floats]:
    """Every item that has one of the words, by row, and its score."""
    count, total = words.totals(of, catalog)
    looked_for = [_shares(found, count, total / count) for found in _found(catalog, given, names, of) if found]
    rows, which = np.unique(np.concatenate([np.empty(0, np.int64), *(rows for rows, _ in looked_for)]), return_inverse=True)
    scores = np.bincount(which, np.concatenate([np.empty(0), *(shares for _, shares in looked_for)]), len(rows))
    return rows, scores.astype(np.float32)


def _found(catalog: int, given: str, names: Sequence[str], of: Transaction) -> Iterator[list[Row]]:
    """What has each word; where nothing has one that `-_./` holds together, what has its parts."""
    for code in list(dict.fromkeys(spelling.codes(given)))[:MOST]:
        whole = words.holding(of, catalog, code, names)
        yield whole
        if not whole:
            yield from (words.holding(of, catalog, part, names) for part in dict.fromkeys(spelling.parts(code)))


def _shares(found: Sequence[Row], count: int, average: float) -> tuple[Rows, Floats]:
    """What one word adds to the score of each item that has it."""
    told = np.array(found, np.int64)
    rows, first, which = np.unique(told[:, 0], return_index=True, return_inverse=True)
    times, lengths = np.bincount(which, told[:, 1]), told[first, 2]
    rarity = np.log1p((count - len(rows) + 0.5) / (len(rows) + 0.5))
    shares = rarity * times * (SATURATION + 1) / (times + SATURATION * (1 - BY_LENGTH + BY_LENGTH * lengths / average))
    return rows, shares.astype(np.float32)
