"""The words of items in the store, by which they are found: written and forgotten in the transaction of the item itself."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samekind_server.store import spelling
from samekind_server.store.base import Cell, Row, Transaction

TIMES = 4  # How often a word counts at most in one text or attribute.
LENGTHS = 8  # Classes of how many words an item has: up to 4, 8, 16 and so on.
# Which column of the index a word stands in tells both, so that one look finds all there is to know; where it stood in the text is not kept.
COLUMNS = tuple(f"c{number}" for number in range(TIMES * LENGTHS))
ALL = 1 << 40  # More than there are.
MERGED = 256  # Pages of the index that are put in order at once.


def add(to: Transaction, catalog: int, row: int, text: str | None, attributes: bytes) -> None:
    """An item is found by these words from now on; `attributes` is an object in JSON."""
    counts, count = _counted(catalog, text, attributes)
    _put(to, row, _cells(counts, count))
    sql = (
        "INSERT INTO word_totals (catalog, items, words) VALUES (?, 1, ?) ON CONFLICT DO UPDATE SET items = items + 1, words = words + excluded.words"
    )
    to.rows(sql, catalog, count)


def remove(to: Transaction, catalog: int, row: int, text: str | None, attributes: bytes) -> None:
    """An item is not found any more by the words that were added, which these have to be."""
    counts, count = _counted(catalog, text, attributes)
    _put(to, row, _cells(counts, count), "delete")
    to.rows("UPDATE word_totals SET items = items - 1, words = words - ? WHERE catalog = ?", count, catalog)


def fill(to: Transaction) -> None:
    """Gives the items of catalogs that have no words theirs: of a store that is older than words are."""
    for (catalog,) in to.rows("SELECT id FROM catalogs WHERE id NOT IN (SELECT catalog FROM word_totals)"):
        last = 0
        while some := to.rows("SELECT row, text, attributes FROM items WHERE catalog = ? AND row > ? ORDER BY row LIMIT 1000", catalog, last):
            for row, text, attributes in some:
                with suppress(ValueError, AttributeError):  # Of what the disk changed there are none.
                    add(to, catalog, row, text, attributes)
            last = some[-1][0]


def holding(of: Transaction, catalog: int, word: str, names: Sequence[str], most: int = ALL) -> list[Row]:
    """The row of each item that has a word in its text or one of these attributes, once for each, with what `told` tells; of each at most so many."""
    sql = "SELECT doc, CAST(substr(col, 2) AS INTEGER) FROM word_places WHERE term = ? LIMIT ?"
    return [row for begin in _beginnings(catalog, names) for row in of.rows(sql, begin + word, most)]


def holding_both(of: Transaction, catalog: int, some: Sequence[str], word: str, names: Sequence[str]) -> list[int]:
    """The rows of the items that have a word and one of others, which are fewer."""
    # No word has a quotation mark.
    others, these = (" OR ".join(f'"{begin}{each}"' for begin in _beginnings(catalog, names) for each in wanted) for wanted in (some, [word]))
    return [int(row) for (row,) in of.rows("SELECT rowid FROM words WHERE words MATCH ?", f"({others}) AND ({these})")]


def told(numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How often the word is there, up to 4 times, and about how many words the item has, by what `holding` tells."""
    return numbers % TIMES + 1, 3 << numbers // TIMES


def totals(of: Transaction, catalog: int) -> tuple[int, int]:
    """How many items a catalog has, and words in all."""
    found = of.rows("SELECT items, words FROM word_totals WHERE catalog = ?", catalog)
    return (int(found[0][0]), int(found[0][1])) if found else (0, 0)


def merge(to: Transaction) -> None:
    """Puts some of the index in order; until then words that were removed lie in it, though nobody finds them."""
    to.rows("INSERT INTO words (words, rank) VALUES ('merge', ?)", -MERGED)


def digests(of: Transaction) -> dict[int, int]:
    """By row, a sum over all words the index has of it."""
    sums: dict[int, int] = {}
    for row, term, column in of.rows("SELECT doc, term, col FROM word_places"):
        sums[row] = sums.get(row, 0) + zlib.crc32(f"{column} {term}".encode())
    return sums


def digest(catalog: int, text: str | None, attributes: bytes) -> int:
    """The sum of `digests` for an item as it should be."""
    cells = _cells(*_counted(catalog, text, attributes))
    return sum(zlib.crc32(f"{column} {term}".encode()) for column, terms in cells.items() for term in terms)


def _counted(catalog: int, text: str | None, attributes: bytes) -> tuple[Counter[str], int]:
    """How often each term occurs, and how many words there are."""
    counts: Counter[str] = Counter()
    for name, value in {"": text, **json.loads(attributes)}.items():
        begin = _beginning(catalog, name)
        counts.update(begin + word for told in _texts(value) for word in spelling.words(told))
    return counts, counts.total()


def _cells(counts: Mapping[str, int], count: int) -> dict[str, list[str]]:
    """The terms of each column."""
    length = min(LENGTHS - 1, max(0, (count - 1).bit_length() - 2))
    cells: dict[str, list[str]] = {}
    for term in sorted(counts):
        cells.setdefault(COLUMNS[TIMES * length + min(TIMES, counts[term]) - 1], []).append(term)
    return cells


def _put(to: Transaction, row: int, cells: Mapping[str, Iterable[str]], command: str = "") -> None:
    if not cells:
        return
    names = ["rowid", *cells, *(["words"] if command else [])]
    values: list[Cell] = [row, *(" ".join(terms) for terms in cells.values()), *([command] if command else [])]
    to.rows(f"INSERT INTO words ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", *values)


def _beginnings(catalog: int, names: Sequence[str]) -> list[str]:
    """Those of the text and of attributes."""
    return [_beginning(catalog, name) for name in dict.fromkeys(["", *names])]


def _beginning(catalog: int, name: str) -> str:
    """What stands before a word in the index, which is one of all catalogs and attributes: no word has its colons."""
    return f"{catalog}:{hashlib.blake2b(name.encode(), digest_size=6).hexdigest() if name else ''}:"


def _texts(value: Any) -> Iterator[str]:
    """What can be looked for in an attribute's value: texts and numbers."""
    match value:
        case bool() | None | dict():  # A time is a dict.
            return
        case list():
            for each in value:
                yield from _texts(each)
        case float():
            yield f"{value:.0f}" if value.is_integer() else repr(value)
        case _:
            yield str(value)
