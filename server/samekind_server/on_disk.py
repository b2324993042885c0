"""`python -m samekind_server.on_disk list | show | pull | remove`: the models on this machine, told in lines of JSON to the command line."""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from samekind.errors import SamekindError, SettingError
from samekind_server.embedding.shelf import Entry, Shelf, plain
from samekind_server.settings import Settings

EVERY = 0.1  # seconds between two lines about one file


def main() -> int:
    """Exit code: 0 done, 1 refused or not installed."""
    asked = _asked()
    try:
        _answer(asked, Settings(data=asked.data).folder(os.environ) / "models")
    except SamekindError as error:
        return _refuse(error)
    except ModuleNotFoundError as error:
        return _refuse(SettingError(f'{error.name} is missing; pip install "samekind[server]"'))
    return 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser("samekind_server.on_disk")
    parser.add_argument("verb", choices=("list", "show", "pull", "remove"))
    parser.add_argument("name", nargs="?", default="")
    parser.add_argument("--data", default="")
    parser.add_argument("--offline", action="store_true")
    return parser.parse_args()


def _answer(asked: argparse.Namespace, cache: Path) -> None:
    shelf = Shelf(cache)
    if asked.verb == "list":
        _say(models=[_told(entry, cache) for entry in shelf.entries()])
    elif asked.verb == "remove":
        _say(freed=shelf.remove(asked.name))
    else:
        if asked.verb == "pull":
            _pull(asked.name, cache, asked.offline)
        _say(model=_told(shelf.entry(asked.name), cache))


def _told(entry: Entry, cache: Path) -> dict[str, Any]:
    """The entry as plain values; mini comes with this very version of samekind and is asked itself."""
    if entry.name != "mini":
        return asdict(entry)
    from samekind_server.embedding.loading import load

    return asdict(entry) | {"model": plain(load("mini", offline=True, precision=None, cache_dir=cache).model)}


def _pull(name: str, cache: Path, offline: bool) -> None:
    from samekind_server.embedding.hub import Hub
    from samekind_server.embedding.loading import ready
    from samekind_server.embedding.sources import find

    source = find(name, Hub(cache, offline, verify=True, progress=_Progress()))
    _say(doing="making it ready")
    ready(source, precision=None, cache_dir=cache)


class _Progress:
    """Says how far a file is, at its end and now and then before."""

    def __init__(self) -> None:
        self._said = 0.0

    def __call__(self, name: str, here: int, total: int) -> None:
        if here == total or time.monotonic() - self._said > EVERY:
            self._said = time.monotonic()
            _say(file=name, here=here, total=total)


def _say(**told: object) -> None:
    print(json.dumps(told), flush=True)


def _refuse(error: SamekindError) -> int:
    _say(error={"code": error.code, "reason": error.reason, "message": error.message})
    return 1


if __name__ == "__main__":
    sys.exit(main())
