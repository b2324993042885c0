"""Asks what models are on this machine, without a server: the part that knows them runs in a process of its own and answers in lines of JSON."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from samekind import errors
from samekind.errors import SettingError

Told = dict[str, Any]


def ask(verb: str, name: str = "", *, data: Path | None = None, offline: bool = False) -> Iterator[Told]:
    """What it tells, one thing after another. Raises the error it tells."""
    options = [*([name] if name else []), *(["--data", str(data)] if data else []), *(["--offline"] if offline else [])]
    command = [sys.executable, "-P", "-m", "samekind_server.on_disk", verb, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as asked:
        assert asked.stdout
        assert asked.stderr
        for line in asked.stdout:
            yield _checked(json.loads(line))
        if asked.wait():
            raise SettingError(f"the models on this machine cannot be told: {(asked.stderr.read().splitlines() or ['no word'])[-1]}")


def _checked(told: Told) -> Told:
    if error := told.get("error"):
        raise errors.of(error["code"], error["reason"])(error["message"])
    return told
