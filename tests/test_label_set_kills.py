"""Kills a process in the midst of its writing; `--kills` says how often, and `make torture` five hundred times."""

import asyncio
import subprocess
import sys
from pathlib import Path
from random import Random

from samekind.types import LabelSet
from samekind_server.classification.label_sets import LabelSets
from samekind_server.store.base import Store
from samekind_server.store.label_sets import VERSIONS
from samekind_server.store.sqlite import SqliteStore

SETS = ("a", "b", "c", "d")
WRITES = """
import asyncio, sys
from pathlib import Path
from samekind.types import Label, Labels, LabelSet
from samekind_server.classification.label_sets import LabelSets
from samekind_server.store.requests import Request
from samekind_server.store.sqlite import SqliteStore

async def write(sets, name, version):
    while True:
        version += 1
        labels = Labels(tuple(Label(f"{number}", (f"version {version}",)) for number in range(100)))
        request = Request("", f"{name} {version}", b"")
        made = await sets.update("", LabelSet(name, labels), {"labels"}, allow_missing=True, request=request)
        print(name, made.version, flush=True)

async def main():
    sets = LabelSets(SqliteStore(Path(sys.argv[1])))
    await asyncio.gather(*(write(sets, name, int(version)) for name, _, version in (each.partition("=") for each in sys.argv[2:])))

asyncio.run(main())
"""


def killed(folder: Path, versions: dict[str, int], acks: int) -> dict[str, int]:
    """The versions acknowledged by a process that writes to every set at once and is killed after so many acks, at whatever it is at then."""
    command = [sys.executable, "-c", WRITES, str(folder), *(f"{name}={version}" for name, version in versions.items())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        told = [writer.stdout.readline() for _ in range(acks)]
        writer.kill()
        told += writer.stdout.readlines()
    return versions | {name: int(version) for name, version in (line.split() for line in told if line.endswith("\n"))}


async def kept(store: Store) -> dict[str, dict[int, LabelSet]]:
    """Every version of every set."""
    sets = LabelSets(store)
    now = {name: (await sets.get("", name)).version for name in SETS}
    return {name: {each: await sets.get("", f"{name}@{each}") for each in range(max(1, now[name] - VERSIONS + 1), now[name] + 1)} for name in SETS}


def test_a_writer_that_is_killed_leaves_every_set_whole_and_at_an_acknowledged_version(tmp_path, pytestconfig):
    chance, versions = Random(5), dict.fromkeys(SETS, 0)
    for _ in range(pytestconfig.getoption("--kills")):
        acknowledged = killed(tmp_path, versions, chance.randrange(4, 60))
        store = SqliteStore(tmp_path)
        found = asyncio.run(kept(store))
        assert store.write(lambda to: to.rows("PRAGMA integrity_check")).result() == [("ok",)]
        store.close()
        versions = {name: max(each) for name, each in found.items()}
        # What was under way may be there too, whole: it was done, and only its answer was lost.
        assert all(0 <= versions[name] - acknowledged[name] <= 1 for name in SETS), (acknowledged, versions)
        for version, told in ((version, told) for each in found.values() for version, told in each.items()):
            texts = [label.descriptions for label in told.labels.labels]
            assert (told.version, told.label_count, texts) == (version, 100, [(f"version {version}",)] * 100)
