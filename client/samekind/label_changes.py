"""What differs between two label sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from samekind.types import Label, LabelSet


@dataclass(frozen=True)
class Changes:
    """What is to be done to one label set to make it another."""

    added: tuple[Label, ...] = ()
    removed: tuple[Label, ...] = ()
    changed: tuple[tuple[Label, Label], ...] = ()
    moved: bool = False
    templates: tuple[str, str] | None = None
    model: tuple[str, str] | None = None

    def __bool__(self) -> bool:
        return self != Changes()

    @property
    def counts(self) -> str:
        """How many labels, in words."""
        counted = {"added": self.added, "removed": self.removed, "changed": self.changed}
        told = [f"{len(labels):,} {how}" for how, labels in counted.items() if labels]
        told += [how for how, is_so in {"order": self.moved, "templates": self.templates, "model": self.model}.items() if is_so]
        return ", ".join(told) or "no change"


def changes(before: LabelSet, after: LabelSet) -> Changes:
    """What differs."""
    old, new = ({label.name: label for label in each.labels.labels} for each in (before, after))
    changed = tuple((old[name], label) for name, label in new.items() if name in old and old[name] != label)
    moved = [name for name in old if name in new] != [name for name in new if name in old]
    templates, models = (templates_of(before), templates_of(after)), (before.model, after.model)
    return Changes(
        tuple(label for name, label in new.items() if name not in old),
        tuple(label for name, label in old.items() if name not in new),
        changed,
        moved,
        templates if templates[0] != templates[1] else None,
        models if models[0] != models[1] else None,
    )


def templates_of(given: LabelSet) -> str:
    """A set's templates on one line."""
    return "; ".join(given.labels.templates) or given.labels.template_set


def lines(found: Changes) -> Iterator[str]:
    """The changes for people: + is added, - removed, ~ changed."""
    yield from (f"+ {_told(label)}" for label in found.added)
    yield from (f"- {_told(label)}" for label in found.removed)
    for before, after in found.changed:
        yield f"~ {after.name}"
        yield from (f"  - {said}" for said in _said(before) if said not in _said(after))
        yield from (f"  + {said}" for said in _said(after) if said not in _said(before))
    if found.moved:
        yield "~ the order of the labels"
    for what, pair in {"templates": found.templates, "model": found.model}.items():
        if pair:
            yield f"~ {what}: {pair[0] or 'none'} → {pair[1] or 'none'}"


def _told(label: Label) -> str:
    return ": ".join(filter(None, (label.name, "; ".join(_said(label)))))


def _said(label: Label) -> list[str]:
    parent = [f"parent: {label.parent}"] if label.parent else []
    return [*label.descriptions, *parent, *(f"{key} = {value}" for key, value in label.metadata.items())]
