"""Files of answers, a row for each input: JSON lines, or CSV. What was killed while it wrote one can be gone on with."""

from __future__ import annotations

import csv
import io
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from samekind import rows
from samekind.rows import Digests, Row

LARGEST = (1 << 31) - 1  # Bytes in a field of CSV, which Python's own reader else takes for a mistake.


class Unfit(ValueError):
    """A file that cannot be written, or is not the one that a run began."""


class Output(Protocol):
    """Where rows go; `done` are the digests of the inputs that have one already, sorted, and `failed` says how many of those tell an error."""

    done: Digests
    failed: int

    def write(self, row: Row) -> None:
        """Adds a row; once this returns, being killed does not lose it."""

    def finish(self) -> None:
        """All rows are there."""

    def close(self) -> None:
        """Lets go of the file."""


class _Appended(ABC):
    """A file that only grows; a half-written last row is cut off before it does."""

    def __init__(self, path: Path, *, quoted: bool = False) -> None:
        self._path = path
        self._file: BinaryIO = path.open("r+b" if path.exists() else "x+b")
        try:
            self._file.truncate(_whole(self._file, quoted=quoted))
            self.done, self.failed = rows.told(self._rows())
            self._file.seek(0, os.SEEK_END)
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def _rows(self) -> Iterator[tuple[str, bool]]:
        """Of each row its input, and whether it tells an error."""

    def _append(self, line: str) -> None:
        self._file.write(line.encode(errors="backslashreplace"))
        self._file.flush()

    def finish(self) -> None:
        """See Output."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """See Output."""
        self._file.close()


class JsonLines(_Appended):
    """An object for each input, as `--json` has it among its results."""

    def __init__(self, path: Path, sets: Sequence[str] = ()) -> None:
        super().__init__(path)

    def write(self, row: Row) -> None:
        """See Output."""
        self._append(json.dumps(row, ensure_ascii=False) + "\n")

    def read(self) -> Iterator[dict[str, Any]]:
        """All rows."""
        self._file.seek(0)
        for number, line in enumerate(self._file, 1):
            try:
                row = json.loads(line)
                yield {"input": row.pop("input"), **row}
            except (ValueError, LookupError, TypeError, AttributeError):
                raise Unfit(f"line {number} of {self._path} is no row of `samekind classify`; remove the line, or give another file") from None

    def _rows(self) -> Iterator[tuple[str, bool]]:
        return ((row["input"], "error" in row) for row in self.read())


class Csv(_Appended):
    """A line for each input, with its best label and, as JSON, the probabilities of all."""

    def __init__(self, path: Path, sets: Sequence[str] = ()) -> None:
        self._sets = sets
        super().__init__(path, quoted=True)
        if not self._file.tell():
            self._append(_line(rows.columns(sets)))

    def write(self, row: Row) -> None:
        """See Output."""
        told = rows.flat(row, self._sets)
        for name in rows.scores(self._sets):
            told[name] = json.dumps({score["label"]: score["probability"] for score in told[name] or ()}, ensure_ascii=False)
        self._append(_line([told[name] for name in rows.columns(self._sets)]))

    def _rows(self) -> Iterator[tuple[str, bool]]:
        self._file.seek(0)
        text = io.TextIOWrapper(self._file, encoding="utf-8", newline="")
        csv.field_size_limit(LARGEST)
        try:
            lines = csv.DictReader(text)
            if lines.fieldnames not in (None, rows.columns(self._sets)):
                raise Unfit(f"{self._path} has other columns than this run writes; give the label sets it was begun with, or another file")
            yield from ((row["input"], bool(row["error"])) for row in lines)
        finally:
            text.detach()


def partial(path: Path) -> Path:
    """Where the rows of a file are that can only be written at the end."""
    return path.with_name(path.name + ".partial")


def _whole(file: BinaryIO, *, quoted: bool) -> int:
    """Bytes of whole rows; within quotes a line's end ends no row."""
    whole = read = quotes = 0
    file.seek(0)
    for line in file:
        read += len(line)
        quotes += line.count(b'"') if quoted else 0
        whole = read if line.endswith(b"\n") and quotes % 2 == 0 else whole
    return whole


def _line(values: Sequence[object]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerow(values)
    return file.getvalue()
