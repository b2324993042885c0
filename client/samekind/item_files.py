"""Items from files and folders: a row of a table is an item, and so is an image."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from samekind import folders
from samekind.types import Item, Value

TRUTHS = {"true": True, "false": False}
WHOLE = re.compile(r"-?(0|[1-9]\d{0,18})", re.ASCII)
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,2})?", re.ASCII)
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
OWN = ("id", "text", "image")  # Columns that are no attributes.
Rows = Iterator[tuple[str, Mapping[str, Any]]]


def images(path: Path) -> Iterator[Item]:
    """An item for each image below a folder, called by its path there; or for the one that `path` is."""
    if not path.is_dir():
        yield Item(path.name, [path])
        return
    for file in folders.images(path):
        yield Item(file.relative_to(path).as_posix(), [file])


def read(path: Path, beside: Path | None = None) -> Iterator[Item]:
    """The items of a table, CSV, JSON lines or Parquet, one by one; `-` is JSON lines on standard input.

    Columns are `id`, `text`, `image` (a path, from `beside` or else from where the table is) and attributes. Raises OSError, or
    ValueError naming the row that cannot be read.
    """
    root = beside or path.parent
    for where, row in rows(path):
        yield _item(where, row, root)


def rows(path: Path, plain: Collection[str] = OWN) -> Rows:
    """The rows of a table with where each stands. A cell of a text file is a number or a truth where it reads as one, but for `plain` columns.

    Raises as `read`.
    """
    reader = _reader(path)
    with _opened(path) as file:
        yield from reader(path, file, plain)


def _item(where: str, row: Mapping[str, Any], root: Path) -> Item:
    id = row.get("id")
    if id in (None, ""):
        raise ValueError(f"{where}: has no id; give each row one, in a column named id")
    contents = [str(row["text"])] if row.get("text") else []
    pictures = [root / str(row["image"])] if row.get("image") else []
    return Item(str(id), [*pictures, *contents], {name: value for name, value in row.items() if name not in OWN and value is not None})


def _reader(path: Path) -> Callable[[Path, IO[bytes], Collection[str]], Rows]:
    readers = dict(zip(TABLES, (_csv, _csv, _jsonl, _jsonl, _parquet), strict=True))
    if str(path) == "-":
        return _jsonl
    if path.suffix.lower() not in readers:
        raise ValueError(f"{path} is no table known by its ending; there are {', '.join(readers)}, and - for JSON lines on standard input")
    return readers[path.suffix.lower()]


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    # Standard input by a file of its own: a thread that waits in sys.stdin's would have Python abort when it ends.
    with open(0, "rb", closefd=False) if str(path) == "-" else path.open("rb") as file:
        yield file


def _csv(path: Path, file: IO[bytes], plain: Collection[str]) -> Rows:
    rows = csv.DictReader(_decoded(path, file), delimiter="\t" if path.suffix.lower() == ".tsv" else ",", restkey="", strict=True)
    try:
        for row in rows:
            if "" in row:
                raise ValueError(f"{path}:{rows.line_num}: has more cells than there are columns")
            typed = {name: held if name in plain else _typed(held) for name, held in row.items()}
            yield f"{path}:{rows.line_num}", typed
    except csv.Error as error:
        raise ValueError(f"{path}:{rows.line_num}: {error}") from None


def _jsonl(path: Path, file: IO[bytes], _: Collection[str]) -> Rows:
    for number, line in enumerate(_decoded(path, file), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ValueError(f"{path}:{number}: is not JSON: {str(error).partition(': line ')[0]}") from None
        if not isinstance(row, dict):
            raise ValueError(f'{path}:{number}: is no object; each line is one, as {{"id": "sku-1", "text": "a red scarf"}}')
        yield f"{path}:{number}", row


def _parquet(path: Path, file: IO[bytes], _: Collection[str]) -> Rows:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ModuleNotFoundError:
        raise ValueError('a Parquet file needs pyarrow; install it with pip install "samekind[parquet]"') from None
    try:
        number = 0
        for batch in parquet.ParquetFile(file).iter_batches(1000):
            for row in batch.to_pylist():
                number += 1
                yield f"{path}, row {number}", row
    except ArrowInvalid as error:
        raise ValueError(f"{path} is no Parquet file: {error}") from None


def _decoded(path: Path, file: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise ValueError(f"{path}:{number}: is not UTF-8; save the file as UTF-8") from None


def _typed(cell: str | None) -> Value:
    """A number or a truth where it reads as one, and not as a code such as 007; nothing where it is empty."""
    if not cell:
        return None
    if WHOLE.fullmatch(cell):
        return int(cell)
    return float(cell) if NUMBER.fullmatch(cell) else TRUTHS.get(cell.lower(), cell)
