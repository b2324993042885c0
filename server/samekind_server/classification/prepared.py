"""Labels that were checked, with what is worked out of them once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from samekind.errors import BadRequest, Violation
from samekind.types import Label, Labels
from samekind_server.classification import templates


@dataclass(frozen=True)
class Prepared:
    """Labels to ask, their names, and a digest of all that their vectors depend on.

    Of a kept set also which it is, how it was asked for, and of each label the digest of what its vector depends on.
    """

    labels: Labels
    names: tuple[str, ...]
    digest: bytes
    model: str = ""
    label_set: str = ""
    version: int = 0
    set_id: int = 0
    digests: tuple[bytes, ...] = ()


def prepare(labels: Labels, *, model: str = "", version: int = 0, set_id: int = 0, field: str = "labels.") -> Prepared:
    """Raises BadRequest naming the field, below `field`, that cannot be."""
    check(labels, field=field)
    names, each = tuple(label.name for label in labels.labels), tuple(_digests(labels)) if set_id else ()
    return Prepared(labels, names, digest(labels), model, version=version, set_id=set_id, digests=each)


def check(labels: Labels, *, field: str = "labels.") -> None:
    """Raises BadRequest where there is no label, two have one name, a parent is none of them or its own kind, or there is no such template set."""
    if not labels.labels:
        raise _refused("there are no labels; give at least one", f"{field}labels")
    places: dict[str, int] = {}
    for index, label in enumerate(labels.labels):
        if places.setdefault(label.name, index) != index:
            twice = f"labels {places[label.name]} and {index} are both named {label.name!r}; give each a name of its own"
            raise _refused(twice, f"{field}labels[{index}].name")
    _check_parents(labels.labels, places, field)
    templates.of(labels, field=f"{field}template_set")


def digest(labels: Labels) -> bytes:
    """The same for labels with the same vectors in every space."""
    asked = [[label.name, label.descriptions] for label in labels.labels]
    return hashlib.sha256(json.dumps([asked, labels.template_set, labels.templates]).encode()).digest()


def _digests(labels: Labels) -> Iterator[bytes]:
    """Of each label the same for one with the same vector in every space."""
    sentences = hashlib.sha256(json.dumps([labels.template_set, labels.templates]).encode())
    for label in labels.labels:
        one = sentences.copy()
        one.update(json.dumps([label.name, label.descriptions]).encode())
        yield one.digest()[:16]


def _check_parents(labels: tuple[Label, ...], places: dict[str, int], field: str) -> None:
    for index, label in enumerate(labels):
        if label.parent and label.parent not in places:
            message = f"label {label.name!r} has the parent {label.parent!r}, which is no label here; add it, or take the parent away"
            raise _refused(message, f"{field}labels[{index}].parent")
    parents = {label.name: label.parent for label in labels}
    rooted: set[str] = {""}
    for name in parents:
        path: dict[str, None] = {}
        while name not in rooted:
            if name in path:
                circle = " → ".join([*list(path)[list(path).index(name) :], name])
                message = f"labels are their own parents in a circle: {circle}; take one of these parents away"
                raise _refused(message, f"{field}labels[{places[name]}].parent")
            path[name] = None
            name = parents[name]
        rooted.update(path)


def _refused(message: str, field: str) -> BadRequest:
    return BadRequest(message, violations=(Violation(field, message),))
