"""Has work that needs torch and open_clip done in a process of its own, so that their memory goes when it is done."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from samekind import errors
from samekind.errors import Internal, ModelUnavailable

INSTALL = 'pip install "samekind[server]"'


def run(task: str, name: str, given: Mapping[str, Any], folder: Path | None = None) -> dict[str, Any]:
    """What the task of `child` answers, working in `folder`. Raises what it raises, and ModelUnavailable where it was killed or cannot begin.

    The child reads its line and then waits for the end of its input, so that it ends with this process, however that ends.
    """
    with TemporaryDirectory() as own:
        work = folder or Path(own)
        command = [sys.executable, "-P", "-m", "samekind_server.embedding.child", task, str(work)]
        with (Path(own) / "told").open("w+b") as told, subprocess.Popen(command, stdin=subprocess.PIPE, stdout=told, stderr=told) as child:
            assert child.stdin
            child.stdin.write(json.dumps(given).encode() + b"\n")
            child.stdin.flush()
            code = child.wait()
            told.seek(0)
            return _answer(name, work / "answer.json", code, told.read().decode(errors="replace"))


def _answer(name: str, file: Path, code: int, told: str) -> dict[str, Any]:
    if code < 0:
        raise ModelUnavailable(f"{name} was not made ready: the process at it was killed by signal {-code}, most likely for want of memory")
    if not file.exists():
        raise Internal(f"{name} was not made ready: {(told.splitlines() or [f'exit code {code}'])[-1]}")
    answer: dict[str, Any] = json.loads(file.read_text())
    file.unlink()
    if refusal := answer.get("error"):
        raise errors.of(refusal["code"], refusal["reason"])(refusal["message"])
    return answer
