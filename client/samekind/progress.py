"""A bar that tells how far a long question is, how fast it goes and how long it will take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib.util import find_spec


def check() -> None:
    """Raises ModuleNotFoundError where nothing can be shown."""
    if not find_spec("rich"):
        raise ModuleNotFoundError('progress=True needs rich; install it with pip install "samekind[cli]"', name="rich")


@contextmanager
def shown(total: int) -> Iterator[Callable[[int], None]]:
    """Shows a bar on standard error, and gives what to tell of so many more; without a `total`, 0, how many there were."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.text import Text

    class Pace(ProgressColumn):
        """By the mean so far: answers come in bursts, which rich would take for the pace. Until the first one, how long it took."""

        def render(self, task: Task) -> Text:
            passed = timedelta(seconds=int(task.elapsed or 0))
            if not (task.completed and task.elapsed):
                return Text(str(passed))
            left = timedelta(seconds=int(task.elapsed * (total - task.completed) / task.completed))
            return Text(f"{task.completed / task.elapsed:,.0f}/s {f'{left} left' if total else passed}")

    with Progress(TextColumn("Asking"), BarColumn(), MofNCompleteColumn(), Pace(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total or None)
        yield lambda more: bar.advance(task, more)
