"""What an index keeps over a restart, and what it makes of files that are not as it left them."""

import hashlib
import os
import resource
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest

from samekind.types import Metric
from samekind_server.index.base import BUFFER, SAVE_STEPS, Shape
from samekind_server.index.gate import Gate
from samekind_server.index.hnsw import GRAPH_FROM, Hnsw, opened
from tests.test_index import NEVER_EXACT, clustered, graphed, recall, tended, told

SHAPE = Shape(8)
VECTORS = clustered(900, 8)
PARTS = ["manifest.json", "*.graph", "*.rows"]


def reopened(folder, *, identity="shop/image", newest=7, shape=SHAPE):
    return opened(folder, shape, identity=identity, newest=newest, costs=NEVER_EXACT, graph_from=100)


def part(folder, pattern):
    """The one file of that kind."""
    (file,) = folder.glob(pattern)
    return file


@pytest.fixture
def index():
    """Of 800 rows in a graph; some are copies, some removed before and some after they got there, and 50 are not in it yet."""
    vectors = VECTORS.copy()
    vectors[100:200] = vectors[0]
    index = graphed(np.arange(800), vectors[:800])
    index.remove(np.arange(0, 300, 2))
    index.add(np.arange(1000, 1050), vectors[800:850])
    return index


@pytest.fixture
def folder(tmp_path, index):
    index.save(tmp_path / "index", identity="shop/image", change=7)
    return tmp_path / "index"


def caught_up(found, index):
    """What was opened, given what it has not and the other has, as a store would give it."""
    rows, here = index.rows(), found.rows()
    found.remove(np.setdiff1d(here, rows))
    more = np.setdiff1d(rows, here)
    found.add(more, index.vectors(more))
    return found


def test_what_is_saved_is_opened_and_caught_up_to_the_last_bit(folder, index):
    index.remove(np.array([301, 1049]))
    found = reopened(folder)
    assert (found.rebuild, found.change) == ("", 7)
    assert found.index.rows().tolist() == sorted({*range(1, 300, 2), *range(300, 800)})
    same = caught_up(found.index, index)
    assert same.gist(10_000).mean == pytest.approx(index.gist(10_000).mean, rel=1e-9, abs=1e-12)
    assert told(same.nearest(VECTORS[:50], 60, exact=True)) == told(index.nearest(VECTORS[:50], 60, exact=True))
    assert recall(same.nearest(VECTORS[:50], 10), index.nearest(VECTORS[:50], 10, exact=True)) > 0.98
    assert tended(same).stats().buffered == 0


@pytest.mark.parametrize("metric", [*Metric])
def test_a_small_index_keeps_no_graph_and_is_filled_from_the_store(tmp_path, metric):
    small = Hnsw(Shape(8, metric))
    small.add(np.arange(50), VECTORS[:50])
    small.save(tmp_path, identity="a", change=1)
    found = opened(tmp_path, Shape(8, metric), identity="a", newest=1)
    assert (found.rebuild, found.change, found.index.rows().tolist()) == ("", 1, [])
    assert caught_up(found.index, small).rows().tolist() == [*range(50)]


def test_a_snapshot_replaces_the_one_before_and_leaves_nothing_beside_it(folder, index):
    (folder / "left.graph").write_bytes(b"by one that was killed")
    index.save(folder, identity="shop/image", change=9)
    assert len([*folder.iterdir()]) == 3
    assert reopened(folder, newest=9).change == 9
    assert index.stats().changed == 0


def flip(place):
    def flipped(file):
        data = bytearray(file.read_bytes())
        data[int(place * (len(data) - 1))] ^= 0x10
        file.write_bytes(data)

    flipped.__name__ = f"flip at {place}"
    return flipped


def cut(file):
    os.truncate(file, file.stat().st_size // 2)


def emptied(file):
    os.truncate(file, 0)


def lengthened(file):
    file.write_bytes(file.read_bytes() + b"\0")


def removed(file):
    file.unlink()


def a_folder_instead(file):
    file.unlink()
    file.mkdir()


def swapped(file):
    """Another catalog's file under this one's name."""
    other = graphed(np.arange(700), VECTORS[:700])
    other.save(file.parent / "other", identity="shop/text", change=7)
    shutil.copy(part(file.parent / "other", "*" + file.suffix), file)


DAMAGES = [*(flip(place) for place in (0, 0.001, 0.3, 0.6, 1)), cut, emptied, lengthened, removed, a_folder_instead, swapped]


@pytest.mark.parametrize("pattern", PARTS)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_whatever_befell_a_file_the_index_says_so_and_is_filled_anew(folder, index, pattern, damage):
    damage(part(folder, pattern))
    found = reopened(folder)
    assert found.rebuild and (len(found.index.rows()), found.change) == (0, 0)
    filled = caught_up(found.index, index)
    assert told(filled.nearest(VECTORS[:5], 10)) == told(index.nearest(VECTORS[:5], 10, exact=True))
    tended(filled).save(folder, identity="shop/image", change=8)
    assert (reopened(folder, newest=8).change, reopened(folder, newest=8).index.rows().tolist()) == (8, index.rows().tolist())


def test_a_snapshot_of_another_is_refused_with_the_reason(folder, tmp_path):
    assert "shop/image, not of shop/text" in reopened(folder, identity="shop/text").rebuild
    assert "change 7, but the store is at 6" in reopened(folder, newest=6).rebuild
    for shape in (Shape(9), Shape(8, Metric.DOT), Shape(8, m=17), Shape(8, ef_construction=100)):
        assert "not of Shape" in reopened(folder, shape=shape).rebuild
    assert "manifest.json is not there" in reopened(tmp_path / "nowhere").rebuild
    body = (folder / "manifest.json").read_text().splitlines()[0].replace('"version": 1', '"version": 2')
    (folder / "manifest.json").write_text(f"{body}\n{hashlib.sha256(body.encode()).hexdigest()}\n")
    assert "format 2" in reopened(folder).rebuild


@pytest.mark.parametrize("name", SAVE_STEPS)
def test_a_save_that_fails_at_any_step_leaves_a_whole_snapshot_and_no_litter(folder, index, name):
    def full(step):
        if step == name:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        index.save(folder, identity="shop/image", change=9, step=full)
    assert len([*folder.iterdir()]) == 3
    assert reopened(folder, newest=9).change == (9 if name in ("sync-folder", "sweep") else 7)


def test_a_disk_that_fills_while_the_graph_is_written_is_an_error(folder, index):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(OSError, match="make room"):
            index.save(folder, identity="shop/image", change=9)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert reopened(folder, newest=9).change == 7


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from samekind_server.index.base import SAVE_STEPS
from tests.test_index import graphed
from tests.test_index_snapshots import VECTORS

index = graphed(np.arange(400), VECTORS[:400])
for name in SAVE_STEPS:
    index.save(Path(sys.argv[1]) / name, identity="a", change=1)
index.add(np.arange(400, 800), VECTORS[400:800])
while index.tend():
    pass
for name in SAVE_STEPS:
    if not (child := os.fork()):
        index.save(Path(sys.argv[1]) / name, identity="a", change=2, step=lambda step: step == name and os.kill(os.getpid(), signal.SIGKILL))
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
"""


def test_a_process_killed_at_any_step_leaves_the_old_snapshot_or_the_new_one(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED, tmp_path], check=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    for name in SAVE_STEPS:
        found = reopened(tmp_path / name, identity="a", newest=2)
        assert not found.rebuild and (found.change, len(found.index.rows())) == ((2, 800) if name in ("sync-folder", "sweep") else (1, 400))
        found.index.save(tmp_path / name, identity="a", change=3)
        assert len([*(tmp_path / name).iterdir()]) == 3


def test_half_of_the_rows_removed_give_their_memory_back():
    index = graphed(np.arange(6000), clustered(6000, 32))
    index.remove(np.arange(0, 6000, 2))
    fresh = graphed(np.arange(1, 6000, 2), clustered(6000, 32)[1::2])
    assert index.stats().removed == 3000
    assert tended(index).stats().removed == 0
    assert index.stats().memory_bytes <= 1.15 * fresh.stats().memory_bytes
    assert told(index.nearest(VECTORS[:1].repeat(4, axis=1), 10, exact=True)) == told(fresh.nearest(VECTORS[:1].repeat(4, axis=1), 10, exact=True))


def test_a_full_buffer_has_room_again_once_the_graph_took_some():
    index = Hnsw(Shape(2), graph_from=100)
    index.add(np.arange(200), clustered(200, 2))
    tended(index)
    index.add(np.arange(200, 200 + BUFFER), clustered(BUFFER, 2))
    assert not index.room(1, 0)
    waiting = threading.Thread(target=lambda: results.append(index.room(500, 60)))
    results = []
    waiting.start()
    while not results:
        assert index.tend()
    waiting.join()
    assert results == [True] and index.stats().room >= 500


@pytest.mark.parametrize("count", [1, 64, 192, 1000])
def test_however_many_come_at_once_there_is_room_where_there_are_too_few_for_a_graph(count):
    index, added = Hnsw(Shape(2)), 0
    while index.stats().live < 2 * GRAPH_FROM:
        if not index.room(count, 0):
            tended(index)
        assert index.room(count, 0), f"nobody would ever make room for {count} beside {added}"
        index.add(np.arange(added, added + count), clustered(count, 2))
        added += count
    assert tended(index).stats().graph


def test_who_waited_for_a_writer_goes_in_before_the_next_writer():
    gate, order, inside = Gate(), [], threading.Event()

    def read():
        inside.set()
        with gate:
            order.append("reader")

    with gate.alone():
        reader = threading.Thread(target=read)
        reader.start()
        inside.wait()
        while not gate.waiting:
            pass
    with gate.alone():
        order.append("writer")
    reader.join()
    assert order == ["reader", "writer"]
