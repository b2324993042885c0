"""Classifies inputs by the thousand into a file, in constant memory; those that have a row there already are not asked again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import samekind
from samekind import rows
from samekind.errors import RequestTooLarge, SamekindError
from samekind.inputs import Given
from samekind.outputs import Csv, JsonLines, Output, Unfit, partial
from samekind.parquet import Parquet
from samekind.show import answer_json
from samekind.types import Answer

KINDS: dict[str, type[JsonLines | Csv | Parquet]] = {".jsonl": JsonLines, ".ndjson": JsonLines, ".csv": Csv, ".parquet": Parquet}
NAMED = 20  # Failures that are told by name; all are counted.


@dataclass
class Tally:
    """What became of a run: rows written, rows that were there before, inputs that failed, of these and of those, and that have no answer yet."""

    rows: int = 0
    before: int = 0
    failed: int = 0
    failed_before: int = 0
    unanswered: int = 0
    first: list[tuple[str, SamekindError]] = field(default_factory=list)
    cut_labels: list[str] = field(default_factory=list)

    def fail(self, name: str, error: SamekindError) -> None:
        """Counts one."""
        self.failed += 1
        if len(self.first) < NAMED:
            self.first.append((name, error))


class Pending(Iterator[Given]):
    """The contents of inputs that have no row yet. Their names wait in `names` for their answers, which come in the same order."""

    def __init__(self, inputs: Iterator[tuple[str, Given]], done: rows.Digests, total: int) -> None:
        self.names: deque[str] = deque()
        self._inputs, self._done, self._left = inputs, done, max(0, total - len(done))

    def __next__(self) -> Given:
        for name, content in self._inputs:
            if not rows.holds(self._done, name):
                self.names.append(name)
                return content
        raise StopIteration

    def __length_hint__(self) -> int:
        return self._left


def opened(path: Path, sets: Sequence[str], *, resume: bool) -> Output:
    """The file, by its ending; `sets` are the label sets that are asked, where there are several. Raises Unfit, or OSError."""
    if path.suffix not in KINDS:
        raise Unfit(f"{path} does not say its format; give it one of the endings {', '.join(KINDS)}")
    begun = [file for file in (path, partial(path)) if file.exists()]
    if begun and not resume:
        raise Unfit(f"{begun[0]} is there already; go on with it by --resume, or remove it")
    return KINDS[path.suffix](path, sets)


def classify(
    sk: samekind.Client, inputs: Iterator[tuple[str, Given]], output: Output, *, total: int = 0, progress: bool = False, **asked: Any
) -> Tally:
    """Writes a row for each input, in order. One that failed for no fault of its own gets none, and is asked again in another run."""
    pending, tally = Pending(inputs, output.done, total), Tally(before=len(output.done), failed_before=output.failed)
    for answer in sk.classify(pending, progress=progress, **asked):
        name = pending.names.popleft()
        tally.cut_labels = tally.cut_labels or cut_labels(answer)
        if answer.error:
            tally.fail(name, answer.error)
        if answer.error and not _is_final(answer.error):
            tally.unanswered += 1
        else:
            output.write({"input": name, **answer_json(answer)})
            tally.rows += 1
    output.finish()
    return tally


def cut_labels(answer: Answer) -> list[str]:
    """The labels with a text that was longer than the model reads."""
    return [label for each in (answer, *answer.by_label_set.values()) for label in each.truncated_labels]


def _is_final(error: SamekindError) -> bool:
    """Whether the same input would fail again."""
    return error.code == "INVALID_ARGUMENT" or isinstance(error, RequestTooLarge)
