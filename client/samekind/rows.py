"""What a row of an output tells, as an object and as a row of a table; and which inputs have one already."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

Row = Mapping[str, Any]
Digests = NDArray[np.uint64]
ANSWERED = ("top", "probability", "similarity", "scores")


def digest(name: str) -> int:
    """Of an input's name: 8 bytes for each are held while a file is gone on with."""
    return int.from_bytes(blake2b(written(name).encode(), digest_size=8).digest(), "big")


def columns(sets: Sequence[str]) -> list[str]:
    """What a table has of each input."""
    answered = [f"{name}.{column}" if name else column for name in sets or [""] for column in ANSWERED]
    return ["input", *answered, "error", "message"]


def flat(row: Row, sets: Sequence[str]) -> dict[str, Any]:
    """A row of such a table."""
    told, error = row.get("by_label_set", {}), row.get("error", {})
    made = {"input": row["input"], "error": error.get("reason"), "message": error.get("message")}
    for name in sets or [""]:
        answer = told.get(name, {}) if name else row
        best = (answer.get("scores") or [{}])[0]
        values = (answer.get("top"), best.get("probability"), best.get("similarity"), answer.get("scores"))
        made |= {f"{name}.{column}" if name else column: value for column, value in zip(ANSWERED, values, strict=True)}
    return made


def scores(sets: Sequence[str]) -> list[str]:
    """The columns that hold all scores of an answer."""
    return [name for name in columns(sets) if name.rpartition(".")[2] == "scores"]


def written(name: str) -> str:
    """A name as it stands in a file: what is not Unicode in it is escaped."""
    return name.encode(errors="backslashreplace").decode()


def told(rows: Iterable[tuple[str, bool]]) -> tuple[Digests, int]:
    """Of rows given as their inputs, and whether they tell an error: the sorted digests, and how many tell one."""
    digests, failed = array("Q"), 0
    for name, error in rows:
        digests.append(digest(name))
        failed += error
    return np.unique(np.array(digests, np.uint64)), failed


def holds(digests: Digests, name: str) -> bool:
    """Whether the input of that name is among them."""
    wanted = np.uint64(digest(name))
    place = np.searchsorted(digests, wanted)
    return bool(place < len(digests) and digests[place] == wanted)
