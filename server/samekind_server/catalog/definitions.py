"""What a catalog is, as bytes for the store and back; and what of it may be asked for and changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

from samekind.errors import BadRequest, EtagMismatch, SpaceMismatch, Violation
from samekind.types import Best, Catalog, Comparison, EventWeights, Fused, LongText, Metric, Model, Rotation
from samekind_server.embedding import spaces
from samekind_server.store.catalogs import Head

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CHANGEABLE = ("model", "comparison", "m", "ef_construction", "search_dimensions", "rotation", "thumbnail_size", "long_text", "event_weights")
LEAST_M, LEAST_EF = 4, 16  # With fewer links, or candidates for them, a graph falls into parts.
FOR_GOOD = ("space", "dimensions", "metric")


def dump(given: Catalog) -> bytes:
    """All of a catalog that is not told by its row."""
    fused = asdict(given.comparison) if isinstance(given.comparison, Fused) else None
    told = {name: getattr(given, name) for name in ("model", "space", "dimensions", "m", "ef_construction", "search_dimensions", "thumbnail_size")}
    told |= {
        "long_text": given.long_text.value,
        "metric": given.metric.value,
        "rotation": given.rotation.value,
        "fused": fused,
        "event_weights": asdict(given.event_weights),
    }
    return json.dumps(told, sort_keys=True).encode()


def catalog(head: Head) -> Catalog:
    """The catalog of a row. Raises Damaged."""
    told = json.loads(head.checked().definition)
    fused, metric = told.pop("fused"), told.pop("metric")
    # An older samekind's definition lacks what came later.
    rotation, weights, long_text = told.pop("rotation", Rotation.PREFIX), told.pop("event_weights", {}), told.pop("long_text", LongText.TRUNCATE)
    comparison: Comparison = Best() if fused is None else Fused(**fused)
    told |= {"metric": Metric(metric), "rotation": Rotation(rotation), "comparison": comparison, "event_weights": EventWeights(**weights)}
    told["long_text"] = LongText(long_text)
    made = Catalog(head.name, **told)
    return replace(made, version=head.version, etag=etag(head), create_time=moment(head.created), update_time=moment(head.updated))


def pack(head: Head) -> bytes:
    """A catalog's row, to be kept with a request's id."""
    return json.dumps(asdict(head) | {"definition": head.definition.decode()}).encode()


def unpack(packed: bytes) -> Head:
    """The row of `pack`."""
    told = json.loads(packed)
    return Head(**told | {"definition": told["definition"].encode()})


def completed(given: Catalog, model: Model | None) -> Catalog:
    """A catalog to be made, with what its model says. Raises BadRequest, or SpaceMismatch for a space that is not the model's."""
    _check(given)
    if model is None:
        return given if given.dimensions else _raise(_refused("dimensions", "a catalog of ready vectors has to be told their dimensions"))
    if given.dimensions > model.dimensions:
        told = f"{given.dimensions} dimensions are more than the {model.dimensions} that {model.name} has; ask for {model.dimensions} or fewer"
        raise _refused("dimensions", told)
    dimensions = given.dimensions or model.dimensions
    space = spaces.truncated(model.space, dimensions)
    if given.space not in ("", space):
        way_out = "leave the space out, or leave the model out to keep ready vectors alone"
        raise SpaceMismatch(f"the catalog is to be of space {given.space!r}, but {model.name} makes {space!r}; {way_out}")
    return replace(given, model=model.name, space=space, dimensions=dimensions)


def changed(before: Catalog, given: Catalog, paths: Collection[str]) -> Catalog:
    """A catalog with what `paths` name as it is given. Raises BadRequest for what cannot be, or be changed."""
    for path in paths:
        if path in FOR_GOOD:
            raise _refused("update_mask", f"a catalog's {path} is for good; make another catalog, and put the items there")
        if path not in CHANGEABLE:
            known = ", ".join(CHANGEABLE)
            raise _refused("update_mask", f"the update mask's path {path!r} cannot be changed; there are {known}, or * for all of them")
    named = {path: getattr(given, path) for path in paths if path != "model" or given.model}
    after = replace(before, **named)
    _check(after)
    return after


def compare(given: str, head: Head) -> None:
    """Raises EtagMismatch where a catalog is not the one that was read."""
    if given and given != etag(head):
        stands = f"the catalog {head.name!r} has been changed since it was read: it is at version {head.version}"
        raise EtagMismatch(f"{stands}; read it again and decide anew", metadata={"version": str(head.version)})


def etag(head: Head) -> str:
    """The identity of a catalog's version."""
    return hashlib.sha256(f"catalog {head.id} {head.version}".encode()).hexdigest()[:16]


def moment(micros: int) -> datetime:
    """The time of a row."""
    return EPOCH + timedelta(microseconds=micros)


def _check(given: Catalog) -> None:
    if given.m < LEAST_M or given.ef_construction < LEAST_EF:
        told = f"m is {LEAST_M} or more and ef_construction {LEAST_EF} or more, or 0 for the default, not {given.m} and {given.ef_construction}"
        raise _refused("m" if given.m < LEAST_M else "ef_construction", told)
    if isinstance(given.comparison, Fused) and not any(asdict(given.comparison).values()):
        raise _refused("comparison", "all weights of the fused contents are 0, so that no item could be found; give one more than 0")


def _refused(field: str, message: str) -> BadRequest:
    return BadRequest(message, violations=(Violation(f"catalog.{field}" if field != "update_mask" else field, message),))


def _raise(error: Exception) -> Catalog:
    raise error
