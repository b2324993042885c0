"""`samekind classify --output`: a row for each input, in constant memory, gone on with after it was killed."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from typer.testing import CliRunner, Result

import samekind
from samekind import outputs
from samekind.cli import app
from samekind.errors import NotFound
from samekind.folders import images
from samekind.outputs import Unfit
from samekind.parquet import Parquet
from tests.echo import Echo, failure, serving
from tests.running import environment

COMMAND = [sys.executable, "-c", "from samekind.cli import main; main()", "classify"]
LABELS = ["--labels", "temple,flower,car"]
FORMATS = ("jsonl", "csv", "parquet")
MIB = 1 << 20


def command(server: str, *arguments: object, **more: Any) -> subprocess.Popen[str]:
    env = environment() | {"SAMEKIND_SERVER": server}
    return subprocess.Popen([*COMMAND, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, **more)


@pytest.fixture
def cli(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs `samekind classify` to its end, in this process."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, at: str = server) -> Result:
        return CliRunner().invoke(app, ["classify", *map(str, arguments)], env={"SAMEKIND_SERVER": at})

    return run


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory, png: bytes, photos: list[Path]) -> Path:
    """A folder of sixty pictures in folders, one of them broken."""
    folder = tmp_path_factory.mktemp("album")
    for number in range(58):
        file = folder / f"{number % 7}" / f"{number}, ü.png"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(png)
    (folder / "3" / "photo.jpg").write_bytes(photos[1].read_bytes())
    (folder / "4" / 'broken "one".jpg').write_text("no image")
    return folder


def rows(path: Path) -> list[tuple[Any, ...]]:
    """Of each row its input, best label and error."""
    if path.suffix == ".parquet":
        return [(row["input"], row["top"], row["error"]) for row in parquet.read_table(path).to_pylist()]
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return [(row["input"], row["top"] or None, row["error"] or None) for row in csv.DictReader(file)]
    told = map(json.loads, path.read_text().splitlines())
    return [(row["input"], row["top"], row.get("error", {}).get("reason")) for row in told]


@pytest.fixture(scope="module")
def whole(server: str, album: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run that nothing broke wrote."""
    out = tmp_path_factory.mktemp("whole") / "whole.jsonl"
    assert CliRunner().invoke(app, ["classify", str(album), *LABELS, "--output", str(out)], env={"SAMEKIND_SERVER": server}).exit_code == 0
    return out


@pytest.mark.parametrize("kind", FORMATS)
def test_a_run_that_is_killed_and_gone_on_with_writes_the_rows_of_an_unbroken_one(cli, server, album, whole, tmp_path, kind):
    broken = tmp_path / f"broken.{kind}"
    being_written = outputs.partial(broken) if kind == "parquet" else broken
    with command(server, album, *LABELS, "--output", broken) as running:
        while running.poll() is None and not (being_written.exists() and being_written.read_bytes().count(b"\n") > 3):
            pass
        running.kill()
    assert running.returncode == -signal.SIGKILL
    os.truncate(being_written, being_written.stat().st_size - 5)
    ran = cli(album, *LABELS, "--output", broken, "--resume", "--json")
    told = json.loads(ran.stdout)
    assert rows(broken) == rows(whole)
    assert (len(rows(whole)), told["rows"], told["new"] < 60, told["failed"], told["unanswered"]) == (60, 60, True, 1, 0)
    assert list(tmp_path.iterdir()) == [broken]


def test_a_run_gone_on_with_asks_only_for_what_is_new(cli, album, png, tmp_path):
    few, out = tmp_path / "few", tmp_path / "out.parquet"
    few.mkdir()
    for name in ("b.png", "d.png"):
        (few / name).write_bytes(png)
    cli(few, *LABELS, "--output", out)
    (few / "a.png").write_bytes(png)
    (few / "c.png").write_text("no image")
    ran = cli(few, *LABELS, "--output", out, "--resume")
    assert [Path(row[0]).name for row in rows(out)] == ["b.png", "d.png", "a.png", "c.png"]
    assert "2 rows beside 2 from before" in ran.stderr
    assert f"{few}/c.png: BAD_IMAGE: not an image" in ran.stderr
    assert (ran.exit_code, cli(few, *LABELS, "--output", out, "--resume", "--strict").exit_code) == (0, 1)


def test_rows_tell_what_the_answers_told(cli, server, tmp_path):
    with samekind.connect(server) as sk:
        answer = sk.classify("a red car", ["cat", "car"])
    for kind in FORMATS:
        assert cli("--text", "a red car", "--labels", "cat,car", "--output", f"out.{kind}").exit_code == 0
    [line] = (json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines())
    assert (line["input"], line["top"], [score["label"] for score in line["scores"]]) == ("a red car", "car", ["car", "cat"])
    assert line["scores"][0]["probability"] == pytest.approx(answer.scores[0].probability, abs=0.01)
    with (tmp_path / "out.csv").open(newline="") as file:
        [row] = csv.DictReader(file)
    assert json.loads(row["scores"]) == {score["label"]: score["probability"] for score in line["scores"]}
    [told] = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [score["label"] for score in told["scores"]] == ["car", "cat"]


def test_several_label_sets_have_columns_of_their_own(cli, server, tmp_path):
    with samekind.connect(server) as sk:
        sk.label_set("bulk-kind", ["cat", "car"])
        sk.label_set("bulk-colour", ["red", "blue"])
    for kind in FORMATS:
        assert cli("--text", "a red car", "--label-set", "bulk-kind,bulk-colour", "--output", f"out.{kind}").exit_code == 0
    with (tmp_path / "out.csv").open(newline="") as file:
        [row] = csv.DictReader(file)
    [told] = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [each[name] for each in (row, told) for name in ("bulk-kind.top", "bulk-colour.top")] == ["car", "red"] * 2
    again = cli("--text", "a cat", "--label-set", "bulk-kind", "--output", "out.csv", "--resume")
    assert (again.exit_code, "has other columns than this run writes" in again.stderr) == (2, True)


def test_what_got_no_answer_gets_no_row_and_is_asked_again(cli, tmp_path):
    echo = Echo()
    with serving(echo) as address:
        told = [cli("--text", "a", "--text", "late", *LABELS, "--output", "out.jsonl", "--resume", "--json", at=address) for _ in range(2)]
    assert [json.loads(ran.stdout)["unanswered"] for ran in told] == [1, 1]
    assert [row[0] for row in rows(tmp_path / "out.jsonl")] == ["a"]
    assert [content.text for request in echo.requests for content in request.contents] == ["a", "late", "late"]


def test_a_run_that_is_refused_keeps_its_rows_and_says_so(cli, tmp_path):
    echo = Echo()
    echo.failures.extend([None, failure(NotFound("the model is gone"))])
    with serving(echo) as address:
        ran = cli(*("--text", "a") * 200, *LABELS, "--output", "out.jsonl", at=address)
    assert (ran.exit_code, len(rows(tmp_path / "out.jsonl")) > 0) == (1, True)
    assert ran.stderr.splitlines() == ["samekind: what was answered so far is kept for out.jsonl; go on with --resume", "samekind: the model is gone"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--output", "out.txt"], "out.txt does not say its format; give it one of the endings .jsonl, .ndjson, .csv, .parquet"),
        (["--output", "there.jsonl"], "there.jsonl is there already; go on with it by --resume, or remove it"),
        (["--output", "there.jsonl", "--resume"], "line 1 of there.jsonl is no row of `samekind classify`; remove the line, or give another file"),
        (["--output", "there.parquet", "--resume"], "there.parquet is no whole Parquet file: "),
        (["--output", "no/out.csv"], "cannot write no/out.csv: No such file or directory"),
        (["--resume"], "--resume goes on with a file; name it with --output"),
    ],
)
def test_an_output_that_cannot_be_is_exit_code_2(cli, tmp_path, arguments, says):
    for name in ("there.jsonl", "there.parquet"):
        (tmp_path / name).write_text("{}\n")
    ran = cli("--text", "a", *LABELS, *arguments)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"samekind: {says}")


def test_parquet_without_pyarrow_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "pyarrow")
    monkeypatch.setattr(sys, "path", [os.devnull])
    with pytest.raises(Unfit, match=r'pip install "samekind\[parquet\]"'):
        Parquet(tmp_path / "out.parquet")


def test_names_of_any_bytes_are_kept_and_known_again(cli, png, tmp_path):
    odd = tmp_path / "odd"
    odd.mkdir()
    for name in (b"caf\xe9.png", b"two\nlines.png", b'a,b;"c.png'):
        (odd / os.fsdecode(name)).write_bytes(png)
    for kind in FORMATS:
        cli(odd, *LABELS, "--output", f"out.{kind}")
        assert json.loads(cli(odd, *LABELS, "--output", f"out.{kind}", "--resume", "--json").stdout)["new"] == 0
        assert len(rows(tmp_path / f"out.{kind}")) == 3
    assert sorted(row[0] for row in rows(tmp_path / "out.jsonl")) == sorted(str(odd / os.fsdecode(name)) for name in os.listdir(os.fsencode(odd)))


def test_folders_are_walked_in_the_order_of_their_paths(album):
    found = list(images(album))
    assert found == sorted(album.rglob("*.*g"))
    assert all(one < other for one, other in pairwise(found))


def peak(server: str, folder: Path, out: Path) -> int:
    """Bytes that a run over the folder took at most."""
    running = command(server, folder, *LABELS, "--output", out)
    with running:
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = status
    assert status == 0
    return used.ru_maxrss * 1024


@pytest.fixture
def many(tmp_path: Path, pytestconfig: pytest.Config) -> Path:
    """As many files as `--files` says, a thousand in each folder."""
    for number in range(pytestconfig.getoption("--files")):
        folder = tmp_path / "many" / f"{number // 1000:03}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.jpg").write_bytes(b"picture")
    return tmp_path / "many"


def test_many_files_take_no_more_memory_than_few(many, tmp_path, pytestconfig):
    with serving(Echo()) as address:
        few = peak(address, many / "000", tmp_path / "few.jsonl")
        all_of_them = peak(address, many, tmp_path / "all.jsonl")
    assert len(rows(tmp_path / "all.jsonl")) == pytestconfig.getoption("--files")
    print(f"{few / MIB:.0f} MiB for 1,000 files, {all_of_them / MIB:.0f} MiB for {pytestconfig.getoption('--files'):,}")
    assert all_of_them - few < 48 * MIB
