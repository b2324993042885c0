"""The demo: a server of its own, photographs and a drawn shop classified, searched and recommended from, and nothing left behind."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.table import Table

import samekind
from samekind import demo_shop, shop
from samekind.errors import NotFound, Unavailable
from samekind.inputs import GivenLabels
from samekind.types import Answer, Image

PHOTOS = {"china.jpg": "a temple", "flower.jpg": "a flower"}
SCENES = {
    "temple": "a temple with a curved roof",
    "flower": "a close-up photo of a flower",
    "kitchen": "a room to cook in",
    "dog": [],
    "car": [],
    "pizza": [],
}
DRAWN = 8
STARTS_WITH = "samekind listens on "


def run(*, server: str | None = None, console: Console | None = None) -> int:
    """Shows the main job against `server`, or one started for the demo; the exit code."""
    console = console or Console()
    if server:
        _show(console, samekind.connect(server))
    else:
        console.print("Starting a server of this demo's own …", style="dim")
        with _own_server() as (address, seconds):
            console.print(f"It listens on {address} after {seconds:.1f} s.\n", style="dim")
            _show(console, samekind.connect(address, key="", tls=False))
    return 0


def _show(console: Console, client: samekind.Client) -> None:
    with client as sk:
        model = sk.model()
        _photographs(console, sk)
        _drawn(console, sk)
        demo_shop.show(console, sk)
        console.print(_what_next(model.name), highlight=False, soft_wrap=True)


def _photographs(console: Console, sk: samekind.Client) -> None:
    paths = [sample(name) for name in PHOTOS]
    answers, ms = _timed(sk, paths, SCENES)
    table = _table("Two real photographs", f"what kind is it, among {', '.join(SCENES)}?", "photograph", "shows")
    for (name, shown), answer in zip(PHOTOS.items(), answers, strict=True):
        table.add_row(name, shown, *_cells(answer))
    _finish(console, table, answers, ms)


def _drawn(console: Console, sk: samekind.Client) -> None:
    products = list(shop.draw(DRAWN, seed=7, split="test"))
    things = sorted({thing for thing, _, _ in shop.combinations()})
    answers, ms = _timed(sk, [Image(product.image) for product in products], things)
    table = _table("Pictures of a drawn shop", f"which of {len(things)} things is it?", "picture", "drawn as")
    for product, answer in zip(products, answers, strict=True):
        table.add_row(product.id, product.title, *_cells(answer))
    _finish(console, table, answers, ms)
    right = sum(product.thing == answer.top for product, answer in zip(products, answers, strict=True))
    console.print(f"{right} of {len(products)} right.\n")


def _timed(sk: samekind.Client, contents: Sequence[Path | Image], labels: GivenLabels) -> tuple[list[Answer], list[float]]:
    """The answers of a batch, and the milliseconds of asking twice: the first time learns the labels' vectors, the second has them."""
    times = []
    for _ in range(2):
        started = time.perf_counter()
        answers = sk.classify(contents, labels)
        times.append(1000 * (time.perf_counter() - started))
    return answers, times


def _table(title: str, question: str, *columns: str) -> Table:
    table = Table(title=f"{title}: {question}", title_justify="left", title_style="bold")
    for column in (*columns, "answer", "probability", "then"):
        table.add_column(column, justify="right" if column == "probability" else "left")
    return table


def _cells(answer: Answer) -> tuple[str, str, str]:
    best, second = answer.scores[:2]
    return f"[bold]{best.label}[/bold]", f"{best.probability:.0%}", f"{second.label} {second.probability:.0%}"


def _finish(console: Console, table: Table, answers: Sequence[Answer], ms: Sequence[float]) -> None:
    console.print(table)
    again = f"{ms[1]:.0f} ms asked again, {ms[1] / len(answers):.1f} ms a picture"
    console.print(
        f"{len(answers)} pictures in one call: {ms[0]:.0f} ms with the labels new, {again} ({answers[0].report.model}).\n",
        style="dim",
        soft_wrap=True,
    )


def _what_next(model: str) -> str:
    return (
        f"{model} is small and built in. For a photo of your own, and for a bigger model:\n"
        "  samekind serve\n"
        "  samekind classify photo.jpg --labels cat,dog,car\n"
        "  samekind serve --model ViT-B-32/datacomp_xl_s13b_b90k      (fetches its weights once)"
    )


def sample(name: str) -> Path:
    """One of scikit-learn's two sample photographs, found without importing it."""
    found = find_spec("sklearn")
    if not (found and found.submodule_search_locations):
        raise NotFound('the demo\'s photographs come with scikit-learn; install pip install "samekind[server]"')
    return Path(found.submodule_search_locations[0]) / "datasets" / "images" / name


@contextmanager
def _own_server() -> Iterator[tuple[str, float]]:
    """The address of a fresh server in a temporary folder, and the seconds it took to start; it is gone afterwards."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="samekind-demo-") as data:
        command = [sys.executable, "-m", "samekind_server", "--port", "0", "--data", data, "--offline"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                yield _address(server), time.perf_counter() - started
            finally:
                server.terminate()
                server.wait()  # By itself `with` waits a quarter of a second after Ctrl-C, and would leave the server to its fate.


def _address(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    line = server.stdout.readline()
    if not line.startswith(STARTS_WITH):
        raise Unavailable("the demo's server did not start; its message stands above")
    return line.removeprefix(STARTS_WITH).strip()
