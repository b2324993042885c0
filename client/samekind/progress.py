"""A bar that tells how far a long question is, how fast it goes and how long it will take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec


def check() -> None:
    """Raises ModuleNotFoundError where nothing can be shown."""
    if not find_spec("rich"):
        raise ModuleNotFoundError('progress=True needs rich; install it with pip install "samekind[cli]"', name="rich")


@contextmanager
def shown(total: int) -> Iterator[Callable[[int], None]]:
    """Shows a bar on standard error, and gives what to tell of so many more; without a `total`, 0, how many there were."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.completed / task.elapsed:,.0f}/s" if task.completed and task.elapsed else "")

    class Time(ProgressColumn):
        """How long it will take, and until anything tells how long it took so far."""

        max_refresh = 0.5
        passed, left = TimeElapsedColumn(), TimeRemainingColumn()

        def render(self, task: Task) -> Text:
            return self.left.render(task) + Text(" left") if total and task.completed else self.passed.render(task)

    with Progress(TextColumn("Asking"), BarColumn(), MofNCompleteColumn(), Rate(), Time(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total or None)
        yield lambda more: bar.advance(task, more)
