"""Knows the models that open_clip knows by name and tag: a table that takes seconds and 800 MB to import, so it is asked once and kept."""

import difflib
import json
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from samekind.errors import BadModel, ModelUnavailable, NotFound
from samekind_server.embedding import children

FORMS = "a name is mini, an open_clip NAME/TAG, hf-hub:ORG/NAME or local-dir:PATH"


def described(name: str, cache: Path, cached: Sequence[str]) -> dict[str, Any]:
    """The `config` and what is `said` of a model's weights, from the cache where it was asked before. Raises NotFound or BadModel."""
    kept = cache / "names" / f"{quote(name, safe='')}.json"
    try:
        table = version("open-clip-torch")
        known: dict[str, Any] = json.loads(kept.read_text())
    except PackageNotFoundError:
        raise ModelUnavailable(f"{name} needs open_clip, which is missing here: {children.INSTALL}") from None
    except (OSError, ValueError):
        known = {}
    if known.get("table") == table:
        return known
    return _keep(kept, children.run("describe", name, {"name": name, "cached": list(cached)}) | {"table": table})


def describe(name: str, cached: Sequence[str]) -> dict[str, Any]:
    """The same, asked of open_clip itself."""
    import open_clip

    architecture, _, tag = name.partition("/")
    config = open_clip.get_model_config(architecture)
    said = open_clip.get_pretrained_cfg(architecture, tag)
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if config and tags and not tag:
        raise BadModel(f"{name} needs a tag that says which weights: {_listed(f'{architecture}/{tag}' for tag in tags)}")
    if not config or not said:
        known = ["mini", *("/".join(pair) for pair in open_clip.list_pretrained()), *cached]
        near = difflib.get_close_matches(name, known, 5, 0.5)
        raise NotFound(f"there is no model {name!r}; {f'near: {_listed(near)}; ' if near else ''}{FORMS}")
    return {"config": config, "said": said}


def _keep(file: Path, known: dict[str, Any]) -> dict[str, Any]:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        new.write_text(json.dumps(known))
        new.replace(file)
    except OSError:  # A cache that cannot be written costs time, no more.
        pass
    return known


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
