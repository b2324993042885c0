"""A Parquet file of answers. Its rows are JSON lines in a file beside it until all are there, so that it can be gone on with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from samekind import rows
from samekind.outputs import JsonLines, Unfit, partial
from samekind.rows import Row

PER_GROUP = 10_000  # Rows in memory at once.


class Parquet:
    """A table. Its rows are JSON lines in a file beside it, until all are there."""

    def __init__(self, path: Path, sets: Sequence[str] = ()) -> None:
        if not find_spec("pyarrow"):
            raise Unfit('Parquet needs pyarrow; install it with pip install "samekind[parquet]"')
        self._path, self._sets = path, sets
        self._written, failed = rows.told(self._rows_before()) if path.exists() else (np.empty(0, np.uint64), 0)
        self._lines = JsonLines(partial(path))
        self.done = np.union1d(self._written, self._lines.done)
        self.failed = failed + self._lines.failed

    def write(self, row: Row) -> None:
        """See Output."""
        self._lines.write(row)

    def finish(self) -> None:
        """See Output."""
        from pyarrow import Table, parquet

        made = self._path.with_name(self._path.name + ".new")
        with parquet.ParquetWriter(made, _schema(self._sets)) as writer:
            if self._path.exists():
                for batch in self._before().iter_batches(PER_GROUP):
                    writer.write_batch(batch)
            for group in self._groups():
                writer.write_table(Table.from_pylist(group, schema=_schema(self._sets)))
        os.replace(made, self._path)
        partial(self._path).unlink()

    def close(self) -> None:
        """See Output."""
        self._lines.close()

    def _groups(self) -> Iterator[list[dict[str, Any]]]:
        group: list[dict[str, Any]] = []
        for row in self._lines.read():
            if rows.holds(self._written, row["input"]):
                continue  # A run was killed after it had made the table and before it removed the lines.
            group.append(_flat(row, self._sets))
            if len(group) == PER_GROUP:
                yield group
                group = []
        yield group

    def _before(self) -> Any:
        from pyarrow import ArrowInvalid, parquet

        try:
            file = parquet.ParquetFile(self._path)
        except ArrowInvalid as error:
            raise Unfit(f"{self._path} is no whole Parquet file: {error}") from None
        if file.schema_arrow.names != rows.columns(self._sets):
            raise Unfit(f"{self._path} has other columns than this run writes; give the label sets it was begun with, or another file")
        return file

    def _rows_before(self) -> Iterator[tuple[str, bool]]:
        for batch in self._before().iter_batches(PER_GROUP, columns=["input", "error"]):
            yield from ((row["input"], row["error"] is not None) for row in batch.to_pylist())


def _flat(row: Row, sets: Sequence[str]) -> dict[str, Any]:
    return {name: rows.written(value) if isinstance(value, str) else value for name, value in rows.flat(row, sets).items()}


def _schema(sets: Sequence[str]) -> Any:
    import pyarrow as pa

    score = pa.struct([("label", pa.string()), ("probability", pa.float32()), ("similarity", pa.float32())])
    types = {"probability": pa.float32(), "similarity": pa.float32(), "scores": pa.list_(score)}
    return pa.schema([(name, types.get(name.rpartition(".")[2], pa.string())) for name in rows.columns(sets)])
