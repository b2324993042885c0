"""Reasons in words: why an item is recommended, by the names of the items that led to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from samekind.recommendations import Reason, ReasonKind
from samekind.types import Item, Text

NAMED = ("title", "name")  # Attributes that say what an item is called.
LONGEST = 40


def name(item: Item) -> str:
    """What people call an item: its title or name, else its text, else its id."""
    called = (item.attributes.get(attribute) for attribute in NAMED)
    texts = (content.text for content in item.contents if isinstance(content, Text))
    found = next((each for each in (*called, *texts) if isinstance(each, str) and each.strip()), item.id)
    return short(" ".join(found.split()), LONGEST)


def said(reason: Reason, names: Mapping[str, str], examples: Sequence[str] = ()) -> str:
    """A reason, to stand after "because it is"; items that are not among `names` go by their ids, examples by their place among `examples`."""
    example = examples[reason.example] if reason.example is not None and reason.example < len(examples) else ""
    what = names.get(reason.item, reason.item) or example
    match reason.kind:
        case ReasonKind.ALIKE:
            return f"like {what or 'what is liked'}"
        case ReasonKind.CHOSEN_WITH:
            return f"chosen with {what}" if what else "chosen by those who choose alike"
    return str(reason.kind.value)


def short(text: str, longest: int) -> str:
    """The text, or its beginning."""
    return f"{text[: longest - 1]}…" if len(text) > longest else text
