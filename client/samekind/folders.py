"""Finds images in folders, one by one and in the same order each time, however many there are."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

IMAGES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


def images(folder: Path) -> Iterator[Path]:
    """Every image below a folder, in name order. Links to folders are not followed. It holds the names in one folder, and in those above it."""
    try:
        names, folders = _listed(folder)
    except OSError as error:
        warnings.warn(f"cannot look into {folder}, so it is left out: {error.strerror}", stacklevel=2)
        return
    for name in names:
        if name in folders:
            yield from images(folder / name)
        else:
            yield folder / name


def _listed(folder: Path) -> tuple[list[str], set[str]]:
    """The names of images and of folders, sorted, and which of them are folders."""
    names, folders = list[str](), set[str]()
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.add(entry.name)
                names.append(entry.name)
            elif not entry.name.startswith(".") and os.path.splitext(entry.name)[1].lower() in IMAGES and entry.is_file():
                names.append(entry.name)
    return sorted(names), folders
