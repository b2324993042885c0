"""Finds the tokenizer a model was trained with, and what makes it that tokenizer and no other."""

import hashlib
from pathlib import Path
from typing import Any

from samekind.errors import BadModel
from samekind_server.embedding.base import Tokenizer
from samekind_server.embedding.sources import TOKENIZER, Source
from samekind_server.embedding.texts import ClipTokenizer, OpenClipTokenizer

Said = dict[str, Any]


def tokenizer_of(source: Source) -> tuple[Tokenizer, Said]:
    """The tokenizer, and its identity as plain values. Raises BadModel."""
    options = source.text.get("tokenizer_kwargs") or {}
    if source.tokenizer:
        return _hugging_face(source, source.tokenizer, options)
    said = {"kind": "clip", "context": source.context_length, "clean": options.get("clean", "lower")}
    if said["clean"] == "lower":
        return ClipTokenizer(source.context_length), said
    import open_clip

    return OpenClipTokenizer(open_clip.SimpleTokenizer(context_length=source.context_length, clean=said["clean"])), said


def _hugging_face(source: Source, folder: Path, options: Said) -> tuple[Tokenizer, Said]:
    from open_clip.tokenizer import HFTokenizer

    mode = source.text.get("tokenizer_mode")
    local = {"local_files_only": True, "trust_remote_code": False}
    try:
        made = HFTokenizer(str(folder), context_length=source.context_length, tokenizer_mode=mode, **options, **local)
    except (OSError, ValueError, KeyError, TypeError, AssertionError, ImportError) as error:
        raise BadModel(f"{source.name}: the tokenizer in {folder} cannot be used: {str(error).splitlines()[0]}") from error
    said = {"kind": "hf", "context": source.context_length, "files": _files_digest(folder), "mode": mode, "options": options}
    return OpenClipTokenizer(made), said | {"padding": [made.tokenizer.padding_side, made.tokenizer.pad_token_id]}


def _files_digest(folder: Path) -> str:
    """Of the whole tokenizer in one file where there is one, else of all that make it up."""
    whole = folder / "tokenizer.json"
    files = [whole] if whole.is_file() else sorted({file for pattern in TOKENIZER for file in folder.glob(pattern)})
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
