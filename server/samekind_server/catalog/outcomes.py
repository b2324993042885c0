"""What became of a batch, as bytes to be kept with its request's id, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from samekind import errors
from samekind.errors import SamekindError, Violation
from samekind.types import Deleted, Written

# What may be otherwise when it is asked again.
PASSING = {"UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "CANCELLED", "INTERNAL", "UNKNOWN"}


def lasting(outcomes: Iterable[Written]) -> bool:
    """Whether the same batch would come to the same if it were done again."""
    return not any(each.error and each.error.code in PASSING for each in outcomes)


def placed(made: Sequence[Written], ids: Sequence[str], twice: Mapping[int, SamekindError]) -> list[Written]:
    """What was made of the good ones, and between them those that stood twice, each with its error."""
    each = iter(made)
    return [Written(id, error=twice[place]) if place in twice else next(each) for place, id in enumerate(ids)]


def dump(outcomes: Sequence[Written]) -> bytes:
    """Outcomes without the ids, which their request has."""
    rows = [[each.version, each.created, each.changed, each.truncated, _plain(each.error)] for each in outcomes]
    return json.dumps(rows, separators=(",", ":")).encode()


def load(data: bytes, ids: Sequence[str]) -> list[Written]:
    """The outcomes of `dump`."""
    rows = json.loads(data)
    return [
        Written(id, version, created=created, changed=changed, truncated=truncated, error=_error(error))
        for id, (version, created, changed, truncated, error) in zip(ids, rows, strict=True)
    ]


def dump_deleted(deleted: Deleted) -> bytes:
    """What was deleted."""
    return json.dumps([deleted.count, deleted.missing]).encode()


def load_deleted(data: bytes) -> Deleted:
    """What `dump_deleted` told."""
    count, missing = json.loads(data)
    return Deleted(count, tuple(missing))


def _plain(error: SamekindError | None) -> list[Any] | None:
    if error is None:
        return None
    return [error.code, error.reason, error.message, [[each.field, each.description] for each in error.violations], error.metadata]


def _error(plain: list[Any] | None) -> SamekindError | None:
    if plain is None:
        return None
    code, reason, message, violations, metadata = plain
    return errors.of(code, reason)(message, violations=tuple(Violation(*each) for each in violations), metadata=metadata)
