"""`samekind tune`: what it measures is kept for this machine, and what it tells of a catalog is seen on the catalog's own vectors."""

import json
import re
from dataclasses import asdict, replace

import numpy as np
import pytest

from samekind.types import Best, Item, Rotation, Vector
from samekind_server import tune_command, tuned
from samekind_server.catalog.snapshots import Snapshots
from samekind_server.index import calibration, sizes
from samekind_server.index.base import Shape
from samekind_server.index.costs import Costs
from tests.keeping import Keeper, modelless

WHOLE, COUNT = 64, 1200


@pytest.fixture
def run(capsys):
    def run(*arguments: object) -> tuple[int, str, str]:
        code = tune_command.main([str(each) for each in arguments], {})
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A store with one catalog of vectors that differ along few directions, and a small one."""
    folder = tmp_path_factory.mktemp("data")
    vectors = calibration.drawn(COUNT, WHOLE) * np.linspace(1, 0.02, WHOLE, dtype=np.float32)
    with modelless(tmp_path_factory.mktemp("models")) as engine:
        keeper = Keeper(folder, engine)
        for name, count in (("shop", COUNT), ("few", 10)):
            keeper.make(name, space=f"x-{WHOLE}", dimensions=WHOLE, comparison=Best())
            keeper.ask("upsert", [Item(f"{n:04}", (Vector(vectors[n], f"x-{WHOLE}"),)) for n in range(count)], of=name)
        keeper.close()
    return folder


def test_what_is_measured_is_kept_and_read_again(tmp_path, caplog):
    costs = calibration.measured(1500)
    assert min(asdict(costs).values()) > 0
    assert costs.exact(10_000, 256, picked=False) < costs.exact(10_000, 256, picked=True)
    tuned.keep(tmp_path, costs)
    assert (tuned.load(tmp_path), caplog.messages) == (costs, [])


@pytest.mark.parametrize("arguments", [["--data"], ["--json", "--data"], ["--config=x.toml", "--data"]])
def test_a_folder_is_not_taken_for_a_catalog(arguments, tmp_path):
    given = tune_command.parser().parse_args([*arguments, str(tmp_path)])
    assert (given.catalogs, given.data) == ([], str(tmp_path))


def test_without_a_measurement_costs_are_those_of_machines_in_general(tmp_path, caplog):
    assert (tuned.load(tmp_path), caplog.messages) == (Costs(), [])


def told(**changed):
    return json.dumps({"machine": tuned.machine(), "costs": asdict(Costs()) | changed})


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (told().replace(tuned.machine(), "Pentium, 1 cores"), r"it is of another machine \(Pentium, 1 cores\)"),
        (told(walk=-1), "walk cannot be -1"),
        (told(number=float("nan")), "number cannot be nan"),
        (told(picked="much"), "could not convert"),
        (told()[:40], "Unterminated|Expecting"),
        (told().replace("ranked", "other"), "'ranked'"),
        ("[]", "must be integers"),
        ("\xff", "can't decode|Expecting"),
    ],
)
def test_an_odd_file_is_left_aside_with_a_word(tmp_path, caplog, content, why):
    (tmp_path / tuned.FILE).write_text(content, "latin-1")
    assert tuned.load(tmp_path) == Costs()
    [message] = caplog.messages
    assert "is not used" in message and "`samekind tune`" in message
    assert re.search(why, message)


def test_a_server_goes_by_what_was_measured(tmp_path):
    costs = Costs(number=7)
    tuned.keep(tmp_path, costs)
    assert Snapshots(tmp_path, "life", costs=tuned.load(tmp_path))._costs == costs


def test_a_catalog_s_sizes_are_told_and_nothing_is_changed(run, folder):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.sqlite")}
    code, out, err = run("shop", "few", "--data", folder, "--json")
    told = json.loads(out)
    assert (code, told["catalog"], told["index"], told["items"], told["sampled"]) == (0, "shop", "vector", COUNT, COUNT)
    assert [(size["dimensions"], size["rotation"]) for size in told["sizes"][:: len(sizes.EFFORTS)]] == [
        (64, "prefix"), (32, "prefix"), (32, "pca"), (16, "prefix"), (16, "pca"),
    ]  # fmt: skip
    assert all(size["recall"] > 0.9 and size["micros"] > 0 for size in told["sizes"])
    assert told["sizes"][-1]["bytes_each"] < told["sizes"][0]["bytes_each"]
    assert "few, vector: 10 vectors; below 1,000 each is compared" in err
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.sqlite")} == before


def test_a_catalog_s_sizes_are_a_table_for_people(run, folder):
    code, out, _ = run("shop", "--data", folder, "--sample", 1000)
    lines = out.splitlines()
    assert (code, lines[0]) == (0, "shop, vector: 1,200 items of 64 numbers; measured on 1,000, memory is for all")
    assert lines[1].split()[:4] == ["search_dimensions", "rotation", "effort", "recall@10"]
    assert [line.split()[0] for line in lines[2:]] == ["all"] * 3 + ["32"] * 6 + ["16"] * 6


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["cart"], 1, "no catalog 'cart'; there are few, shop"),
        (["shop", "--tenant", "other"], 1, "no catalog 'shop'"),
        (["shop", "--sample", "3"], 2, "--sample 3 says nothing"),
        (["shop", "--sample", "x"], 2, "invalid int value"),
    ],
)
def test_what_cannot_be_tuned_is_said_so(run, folder, arguments, code, why):
    found, _, err = run(*arguments, "--data", folder)
    assert (found, why in err) == (code, True)


def test_a_folder_that_is_not_there_has_no_catalogs(run, tmp_path):
    assert run("shop", "--data", tmp_path / "nowhere")[0] == 2


def test_fewer_numbers_after_a_rotation_find_what_differs_there_alone():
    turned = np.linalg.qr(np.random.default_rng(3).normal(size=(WHOLE, WHOLE)))[0].astype(np.float32)
    vectors = calibration.drawn(2000, WHOLE) * np.linspace(1, 0.02, WHOLE, dtype=np.float32) @ turned
    shape = Shape(WHOLE, search_dimensions=16)
    prefix, pca = (next(sizes.measured(replace(shape, rotation=rotation), vectors)).recall for rotation in Rotation)
    assert prefix < pca > 0.9
