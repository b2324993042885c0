"""Lets the power go at any moment of a writer's life: what was not synced may be lost in part; `--power-losses` says how often."""

import itertools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from samekind_server.embedding.engine import Engine
from tests.afterwards import NONE, Cradle, expected, kept, opened
from tests.dying import State
from tests.keeping import modelless
from tests.losing import WAYS, Disk, Event, built, events
from tests.running import environment

SEEDS = (7, 8)  # Of two lives, one after the other.

pytestmark = pytest.mark.skipif(not shutil.which("c++"), reason="what was written is told by a library, and there is no c++ to make it")


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Iterator[Engine]:
    with modelless(tmp_path_factory.mktemp("models")) as engine:
        yield engine


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> list[Event]:
    """All that two lives did to their disk, and what they told."""
    folder = tmp_path_factory.mktemp("recorded")
    data, journal = folder / "data", folder / "journal"
    data.mkdir()
    cradle = Cradle({"LD_PRELOAD": str(built(folder)), "DISK_FOLDER": str(data), "DISK_JOURNAL": str(journal)})
    for seed in SEEDS:
        assert cradle.live(folder=str(data), seed=seed, killer={"checkpoint": 30})[-1] == "end 0\n"
    cradle.close()
    return events(journal)


def possible(done: list[Event]) -> list[tuple[State, State]]:
    """What may be there of each worker's, by what was told."""
    lines = "".join(each.path for each in done if each.kind == "a").splitlines()
    states, seeds = [(state, state) for state in NONE], iter(SEEDS)
    while lines:
        life = list(itertools.takewhile(lambda line: not line.startswith("end"), lines))
        states, lines = expected(life, next(seeds), [done for done, _ in states]), lines[len(life) + 1 :]
    return states


def test_what_was_acknowledged_is_there_whatever_part_of_the_unsynced_is_lost(recorded, engine, tmp_path, pytestconfig):
    chance = Random(3)
    count = pytestconfig.getoption("--power-losses")
    moments = sorted(chance.choices(range(len(recorded)), k=count))
    disk, played = Disk(), 0
    for number, moment in enumerate(moments):
        for event in recorded[played : moment + 1]:
            disk.play(event)
        played = moment + 1
        folder, way = tmp_path / f"{number}", WAYS[number % len(WAYS)]
        disk.lose(folder, way, chance)
        check(folder, engine, possible(recorded[:played]), (moment, way))
        shutil.rmtree(folder)


def check(folder: Path, engine: Engine, states: list[tuple[State, State]], told: object) -> None:
    keeper = opened(folder, engine)
    found = kept(keeper)
    keeper.close()
    for worker, (done, under_way) in enumerate(states):
        assert found[worker] in (done, under_way), (told, worker)


def test_a_store_that_did_not_sync_its_commits_would_be_found_out(recorded, tmp_path):
    """The harness itself: without the syncs of the log, what was acknowledged is lost."""
    disk = Disk()
    for event in recorded:
        if event.kind != "s":
            disk.play(event)
    disk.lose(tmp_path / "lost", "nothing", Random(1))
    assert not any(each.stat().st_size for each in (tmp_path / "lost").glob("*sqlite*"))


def test_a_new_data_folder_is_on_the_disk_before_anything_is_written_in_it(tmp_path):
    there, journal = tmp_path / "there", tmp_path / "journal"
    there.mkdir()
    script = "import sys; from pathlib import Path; from samekind_server.data_dir import DataDir; DataDir(Path(sys.argv[1]) / 'a' / 'b')"
    more = {"LD_PRELOAD": str(built(tmp_path)), "DISK_FOLDER": str(there), "DISK_JOURNAL": str(journal)}
    subprocess.run([sys.executable, "-c", script, there], env=environment() | more, check=True)
    disk = Disk()
    for event in events(journal):
        disk.play(event)
    disk.lose(tmp_path / "lost", "nothing", Random(1))
    assert (tmp_path / "lost" / "a" / "b").is_dir()
