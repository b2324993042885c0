"""Finds the tokenizer a model was trained with, and what makes it that tokenizer and no other."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from samekind.errors import BadModel
from samekind_server.embedding.base import Tokenizer
from samekind_server.embedding.plain_tokenizer import PlainTokenizer
from samekind_server.embedding.sources import TOKENIZER, Source
from samekind_server.embedding.texts import ClipTokenizer, OpenClipTokenizer

Said = dict[str, Any]
PLAIN = "tokenizer.json"
PROBES = ("a photo of a cat", "", "Ünïcödé &amp; <b>MORE</b>, it's 42_000 x", "ein Hund  und\n eine Katze.", "東京タワー 🗼", "word " * 600)


def tokenizer_of(source: Source, folder: Path | None = None, plain: Mapping[str, Any] | None = None) -> tuple[Tokenizer, Said]:
    """The tokenizer, and its identity as plain values; made of what `plain_words` wrote where that is given. Raises BadModel."""
    if source.tokenizer:
        if folder and plain:
            return PlainTokenizer.read(folder / PLAIN, plain["how"]), _said(source, source.tokenizer, plain["padding"])
        made = _hugging_face(source, source.tokenizer)
        return OpenClipTokenizer(made), _said(source, source.tokenizer, _padding(made))
    said = {"kind": "clip", "context": source.context_length, "clean": _options(source).get("clean", "lower")}
    if said["clean"] == "lower":
        return ClipTokenizer(source.context_length), said
    import open_clip

    return OpenClipTokenizer(open_clip.SimpleTokenizer(context_length=source.context_length, clean=said["clean"])), said


def plain_words(source: Source, folder: Path) -> Said | None:
    """Writes a tokenizer that needs no torch into `folder`, and says how it is used; None where there is none that gives the same ids.

    Raises BadModel where the model's tokenizer cannot be used at all.
    """
    if not source.tokenizer:
        return None
    made, options = _hugging_face(source, source.tokenizer), _options(source)
    backend = getattr(made.tokenizer, "backend_tokenizer", None)
    if backend is None or source.text.get("tokenizer_mode"):
        return None
    (folder / PLAIN).write_text(backend.to_str(), encoding="utf-8")
    side, pad = _padding(made)
    strip = made.tokenizer.sep_token_id if options.get("strip_sep_token") else None
    how = {"context": source.context_length, "clean": options.get("clean", "whitespace"), "pad": pad, "side": side, "strip": strip}
    how |= {"cut": made.tokenizer.truncation_side}
    same = _agree(PlainTokenizer.read(folder / PLAIN, how), OpenClipTokenizer(made))
    return {"how": how, "padding": [side, pad]} if same else None


def files_digest(folder: Path) -> str:
    """Of the whole tokenizer in one file where there is one, else of all that make it up."""
    whole = folder / "tokenizer.json"
    files = [whole] if whole.is_file() else sorted({file for pattern in TOKENIZER for file in folder.glob(pattern)})
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _hugging_face(source: Source, folder: Path) -> Any:
    from open_clip.tokenizer import HFTokenizer

    mode, local = source.text.get("tokenizer_mode"), {"local_files_only": True, "trust_remote_code": False}
    try:
        return HFTokenizer(str(folder), context_length=source.context_length, tokenizer_mode=mode, **_options(source), **local)
    except (OSError, ValueError, KeyError, TypeError, AssertionError, ImportError) as error:
        raise BadModel(f"{source.name}: the tokenizer in {folder} cannot be used: {str(error).splitlines()[0]}") from error


def _said(source: Source, folder: Path, padding: list[Any]) -> Said:
    said = {"kind": "hf", "context": source.context_length, "files": files_digest(folder), "mode": source.text.get("tokenizer_mode")}
    return said | {"options": _options(source), "padding": padding}


def _options(source: Source) -> Said:
    return dict(source.text.get("tokenizer_kwargs") or {})


def _padding(made: Any) -> list[Any]:
    return [made.tokenizer.padding_side, made.tokenizer.pad_token_id]


def _agree(one: Tokenizer, other: Tokenizer) -> bool:
    ours, theirs = one(PROBES), other(PROBES)
    return np.array_equal(ours.ids, theirs.ids) and np.array_equal(ours.truncated, theirs.truncated) and np.array_equal(ours.lengths, theirs.lengths)
