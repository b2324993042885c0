"""`python -m samekind_server.embedding.child TASK FOLDER`: one task of `children.run`, its arguments a line of JSON, its answer a file."""

import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from samekind.errors import Internal, ModelUnavailable, SamekindError
from samekind_server.embedding.children import INSTALL
from samekind_server.embedding.hub import Hub

Answer = dict[str, Any]


def describe(folder: Path, given: Answer) -> Answer:
    """What open_clip knows of a name."""
    from samekind_server.embedding.open_clip_names import describe

    return describe(given["name"], given["cached"])


def convert(folder: Path, given: Answer) -> Answer:
    """A model's graphs, written into the folder, and what else is known of it."""
    from samekind_server.embedding.sources import from_plain
    from samekind_server.embedding.tracing import convert

    return convert(from_plain(given["source"]), folder, given["threads"])


TASKS: dict[str, Callable[[Path, Answer], Answer]] = {"describe": describe, "convert": convert}


def main() -> None:
    """Answers, and tells errors as an answer."""
    task, folder, given = TASKS[sys.argv[1]], Path(sys.argv[2]), json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    Hub(folder, offline=True).keep_still()
    try:
        answer = task(folder, given)
    except SamekindError as error:
        answer = _refusal(error)
    except ModuleNotFoundError as error:
        answer = _refusal(ModelUnavailable(f"{given['name']} needs {error.name}, which is missing here: {INSTALL}"))
    except Exception as error:  # Of torch's and OpenVINO's own kinds; the parent tells it.
        answer = _refusal(_of_machine(given["name"], error) or Internal(f"{given['name']}: {type(error).__name__}: {error}"))
    (folder / "answer.json").write_text(json.dumps(answer))


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


def _of_machine(name: str, error: Exception) -> SamekindError | None:
    """What is wanting here, memory or disk, and not wrong with the model."""
    if isinstance(error, MemoryError) or "alloc" in str(error):
        return ModelUnavailable(f"{name} was not made ready: there is not enough memory for it here")
    return ModelUnavailable(f"{name} was not made ready: {error}") if isinstance(error, OSError) else None


def _refusal(error: SamekindError) -> Answer:
    return {"error": {"code": error.code, "reason": error.reason, "message": error.message}}


if __name__ == "__main__":
    main()
