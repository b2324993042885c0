"""Finds items by the words that their texts and attributes hold, ranked by BM25 (Robertson and Zaragoza 2009)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from samekind.queries import Query
from samekind.types import Floats
from samekind_server.catalog.candidates import Ranked
from samekind_server.catalog.inside import Inside
from samekind_server.index.base import Rows
from samekind_server.search import fusion
from samekind_server.store import spelling, words
from samekind_server.store.base import Row, Transaction

Held = NDArray[np.int64]  # What has a word, (n, 2): rows, and what `words.told` tells of each.
MOST = 64  # Different words of a query that are looked for.
MANY = 5_000  # Items that have a word, above which it only ranks what rarer ones find: looking at each takes a microsecond.
SATURATION, BY_LENGTH = 1.2, 0.75  # BM25's k1 and b.


def ranked(inside: Inside, query: Query, k: int, *, many: int = MANY) -> tuple[Rows, Floats]:
    """The k items that answer the query's words best, with their scores, among those that meet its condition; of the same score the lower row."""
    rows, scores = _among(inside, query, many)
    if len(rows) < k and not query.terms:  # Where there are terms, what they find is better than what a common word does.
        rows, scores = _among(inside, query, words.ALL)
    best = np.lexsort((rows, -scores))[:k]
    return rows[best], scores[best]


def _among(inside: Inside, query: Query, many: int) -> tuple[Rows, Floats]:
    rows, scores = inside.read(partial(scored, inside.id, query.words, query.word_attributes, many=many))
    allowed = inside.memory.among(rows, query.where)
    return rows[allowed], scores[allowed]


def fused(inside: Inside, query: Query, near: Ranked, vectors: Mapping[str, Floats], k: int) -> Ranked:
    """What is near and the k items that answer the query's words best as one ranking; its scores are of ranks alone."""
    rows, scores = fusion.fused([near.rows, ranked(inside, query, k)[0]])
    others = np.setdiff1d(rows, near.rows)
    compared = inside.memory.compared(vectors, others).ranked()
    told = {row: told for each in (near, compared) for row, *told in zip(*(each.rows, each.similarities, each.kinds), strict=True)}
    similarities, kinds = zip(*(told.get(row, (0.0, "")) for row in rows), strict=True) if len(rows) else ((), ())
    return Ranked(rows, scores, np.array(similarities, np.float32), np.array(kinds, np.str_))


def scored(catalog: int, given: str, names: Sequence[str], of: Transaction, *, many: int = MANY) -> tuple[Rows, Floats]:
    """Every item that has one of the words, by row, and its score. A word that more than `many` items have finds none where there are rarer ones."""
    count, total = words.totals(of, catalog)
    found, common = _found(catalog, given, names, of, many)
    if not found:
        found, common = {word: _held(words.holding(of, catalog, word, names)) for word in common}, []
    shares = [_shares(held, count, total / count) for held in found.values()]
    also = [np.array(words.holding_both(of, catalog, [*found], word, names), np.int64) for word in common]
    shares += [(rows, np.full(len(rows), _rarity(count, many), np.float32)) for rows in also]
    rows, which = np.unique(np.concatenate([np.empty(0, np.int64), *(rows for rows, _ in shares)]), return_inverse=True)
    scores = np.bincount(which, np.concatenate([np.empty(0), *(share for _, share in shares)]), len(rows))
    return rows, scores.astype(np.float32)


def _found(catalog: int, given: str, names: Sequence[str], of: Transaction, many: int) -> tuple[dict[str, Held], list[str]]:
    """What has each word that is there, and the words that too many have. Of one that is not there, what `-_./` keeps apart in it is looked for."""
    found, common = dict[str, Held](), list[str]()
    for code in list(dict.fromkeys(spelling.codes(given)))[:MOST]:
        for word in (code, *spelling.parts(code)):
            held = _held(words.holding(of, catalog, word, names, many + 1))
            if len(held) > many:
                common.append(word)
            elif len(held):
                found[word] = held
            if len(held) and word == code:
                break
    return found, list(dict.fromkeys(common))


def _held(found: Sequence[Row]) -> Held:
    return np.fromiter(chain.from_iterable(found), np.int64, 2 * len(found)).reshape(-1, 2)


def _shares(held: Held, count: int, average: float) -> tuple[Rows, Floats]:
    """What one word adds to the score of each item that has it."""
    rows, first, which = np.unique(held[:, 0], return_index=True, return_inverse=True)
    each, lengths = words.told(held[:, 1])
    times = np.bincount(which, each)
    damped = times + SATURATION * (1 - BY_LENGTH + BY_LENGTH * lengths[first] / average)
    return rows, (_rarity(count, len(rows)) * times * (SATURATION + 1) / damped).astype(np.float32)


def _rarity(count: int, having: int) -> float:
    """A word's inverse document frequency."""
    return float(np.log1p(max(0.0, count - having + 0.5) / (having + 0.5)))
