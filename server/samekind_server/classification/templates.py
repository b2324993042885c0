"""The sentences a label's name is put into: sets by name, or the caller's own."""

import runpy
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from samekind.errors import BadRequest, Violation
from samekind.types import Labels

PLAIN = ("{}",)


def of(labels: Labels, *, field: str = "labels.template_set") -> tuple[str, ...]:
    """The templates these labels ask for, each with one `{}`. Raises BadRequest for a set that is not there."""
    if labels.templates:
        return labels.templates
    sets = named()
    if labels.template_set in sets:
        return sets[labels.template_set]
    message = f"no template set {labels.template_set!r}; there are {', '.join(sets)}, or give templates of your own"
    raise BadRequest(message, violations=(Violation(field, message),))


@cache
def named() -> dict[str, tuple[str, ...]]:
    """The sets by name: `plain`, the 7 sentences that do nearly all of the 80's work, and CLIP's own 80 for ImageNet.

    Source: "Learning Transferable Visual Models From Natural Language Supervision" (arXiv 2103.00020) and its
    prompt-engineering notes, as open_clip ships them.
    """
    sets = {"photo": _shipped()["SIMPLE_IMAGENET_TEMPLATES"], "imagenet": _shipped()["OPENAI_IMAGENET_TEMPLATES"]}
    return {"plain": PLAIN, **{name: tuple(template("{}") for template in templates) for name, templates in sets.items()}}


def kinds() -> tuple[str, ...]:
    """ImageNet's 1,000 kinds of things by the names that open_clip ships, each once."""
    return tuple(dict.fromkeys(_shipped()["IMAGENET_CLASSNAMES"]))


@cache
def _shipped() -> dict[str, Any]:
    """What open_clip knows of zero-shot questions; read from its file, since importing open_clip imports torch."""
    found = find_spec("open_clip")
    assert found
    assert found.submodule_search_locations
    return runpy.run_path(str(Path(found.submodule_search_locations[0]) / "zero_shot_metadata.py"))
