import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

from tests.running import environment

DEMO = [sys.executable, "-c", "from samekind.cli import main; main()", "demo"]


def left_behind(folder: Path) -> list[str]:
    """Files in the folder, and processes that name it."""
    return [*os.listdir(folder), *(command for command in commands() if str(folder) in command)]


def commands() -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):  # a process may end while it is looked at
            yield path.read_text(errors="replace")


def test_the_demo_classifies_photographs_searches_a_shop_recommends_from_it_and_leaves_nothing_behind(tmp_path: Path) -> None:
    demo = subprocess.run(DEMO, capture_output=True, text=True, env=environment() | {"TMPDIR": str(tmp_path)}, timeout=300, check=False)
    assert (demo.returncode, demo.stderr) == (0, "")
    told = ("china.jpg", "flower.jpg", "with the labels new", "A catalog of 600 drawn products", "mug", "cushion", "blue flowered trousers")
    shoppers = ("120 simulated shoppers", "a camper, who bought 2 tents", "and then saw, liked, bought 5 bicycles", "like ", "chosen with", "popular")
    for part in (*told, *shoppers, "samekind classify photo.jpg --labels cat,dog,car"):
        assert part in demo.stdout
    assert left_behind(tmp_path) == []


def test_a_demo_that_is_interrupted_leaves_nothing_behind(tmp_path: Path) -> None:
    with subprocess.Popen(DEMO, stdout=subprocess.PIPE, text=True, env=environment() | {"TMPDIR": str(tmp_path)}, start_new_session=True) as demo:
        assert demo.stdout
        assert any("It listens on" in line for line in demo.stdout)
        os.killpg(demo.pid, signal.SIGINT)
        assert demo.wait(timeout=300) == 130
    assert left_behind(tmp_path) == []


def test_the_demo_asks_a_server_that_runs_already(server: str) -> None:
    with subprocess.Popen([*DEMO, "--server", server], stdout=subprocess.PIPE, text=True, env=environment()) as demo:
        assert demo.stdout
        told = list(takewhile(lambda line: "china.jpg" not in line, demo.stdout))
        demo.send_signal(signal.SIGINT)
        assert (demo.wait(timeout=300), [line for line in told if "It listens on" in line]) == (130, [])
