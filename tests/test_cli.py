"""The command line against a real server: tables for people, JSON for programs, and exit codes that tell why."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import samekind
from samekind import show
from samekind.types import Answer, LabelScore, ProbabilityKind, Report
from tests import running
from tests.running import LISTENS, environment

COMMAND = [sys.executable, "-c", "from samekind.cli import main; main()"]
LABELS = ["--labels", "temple,flower,car"]


@pytest.fixture
def cli(server, tmp_path):
    """Runs `samekind` against the server, as a program would."""

    def run(*arguments, **variables):
        return running.samekind(*arguments, folder=tmp_path, **({"SAMEKIND_SERVER": server} | variables))

    return run


@pytest.fixture
def album(photos, tmp_path):
    """A folder of two photographs, one of them deeper, beside files that are no images."""
    folder = tmp_path / "album"
    (folder / "more").mkdir(parents=True)
    shutil.copy(photos[0], folder / "more" / "china.JPG")
    shutil.copy(photos[1], folder / "flower.jpg")
    (folder / "notes.txt").write_text("not an image")
    (folder / ".hidden.jpg").write_text("not an image")
    return folder


def test_a_photo_is_classified_by_its_path(cli, photos):
    ran = cli("classify", photos[0], *LABELS)
    assert ran.returncode == 0, ran.stderr
    heading, row, total = ran.stdout.splitlines()
    assert heading.split() == ["input", "is", "probability", "then"]
    assert row.startswith(str(photos[0]))
    assert total.startswith("1 in ")
    assert ran.stderr == ""


def test_json_is_what_the_client_answers(cli, server, album):
    ran = cli("classify", album, "--text", "a red car", *LABELS, "--label", "cat=a small animal=pet", "--json")
    told = json.loads(ran.stdout)
    paths = [album / "flower.jpg", album / "more" / "china.JPG"]
    labels = {"temple": [], "flower": [], "car": [], "cat": "a small animal=pet"}
    with samekind.connect(server) as sk:
        answers = sk.classify([*paths, "a red car"], labels)
    assert [entry["input"] for entry in told["results"]] == [*map(str, paths), "a red car"]
    assert [entry["top"] for entry in told["results"]] == [answer.top for answer in answers]
    assert [set(entry) for entry in told["results"]] == [{"input", "top", "scores"}] * 3
    scores = [[(score["label"], score["probability"], score["similarity"]) for score in entry["scores"]] for entry in told["results"]]
    expected = [[(score.label, round(score.probability, 6), round(score.similarity, 6)) for score in answer.scores] for answer in answers]
    for found, wanted in zip(scores, expected, strict=True):
        assert [each[0] for each in found] == [each[0] for each in wanted]
        np.testing.assert_allclose([each[1:] for each in found], [each[1:] for each in wanted], atol=2e-3)
    assert (told["probability_kind"], told["report"]["model"]) == ("softmax", "mini")


def test_options_reach_the_server(cli):
    ran = cli("classify", "--text", "a car", *LABELS, "--multi", "--top-k", 1, "--templates", "a {}", "--templates", "the {}", "--json")
    told = json.loads(ran.stdout)
    assert (told["probability_kind"], len(told["results"][0]["scores"])) == ("background", 1)
    none = cli("classify", "--text", "cats and dogs", *LABELS, "--min-probability", 1, "--json")
    assert json.loads(none.stdout)["results"] == [{"input": "cats and dogs", "top": None, "scores": []}]


def test_one_bad_image_is_told_in_its_place_and_at_the_end(cli, album):
    (album / "broken.jpg").write_text("no image")
    ran = cli("classify", album, *LABELS, "--json")
    broken, flower, china = json.loads(ran.stdout)["results"]
    assert (ran.returncode, broken["top"], broken["scores"]) == (0, None, [])
    assert ran.stderr.startswith(f"samekind: {album / 'broken.jpg'}: BAD_IMAGE: ")
    assert (broken["error"]["code"], broken["error"]["reason"]) == ("INVALID_ARGUMENT", "BAD_IMAGE")
    assert flower["top"]
    assert china["top"]
    assert "BAD_IMAGE: " in cli("classify", album, *LABELS).stdout


def test_a_failed_input_is_exit_code_1_where_that_is_asked_or_nothing_was_answered(cli, album):
    (album / "broken.jpg").write_text("no image")
    asked = [(album,), (album, "--strict"), (album / "broken.jpg",)]
    assert [cli("classify", *arguments, *LABELS).returncode for arguments in asked] == [0, 1, 1]


def test_a_cut_text_is_warned_of(cli):
    ran = cli("classify", "--text", "word " * 500, *LABELS, "--label", "long=" + "word " * 500, "--json")
    assert json.loads(ran.stdout)["results"][0]["top"]
    assert [line.split(": ")[2] for line in ran.stderr.splitlines()] == ["label long", ("word " * 500)[:60]]


def test_vectors_are_printed_and_saved(cli, server, album, tmp_path):
    ran = cli("embed", album, "--text", "a car", "--dimensions", 8, "--out", "rows.npy", "--json")
    told, rows = json.loads(ran.stdout), np.load(tmp_path / "rows.npy")
    with samekind.connect(server) as sk:
        expected = sk.embed([album / "flower.jpg", album / "more" / "china.JPG", "a car"], dimensions=8)
    np.testing.assert_allclose(rows, [each.vector for each in expected], atol=2e-3)
    np.testing.assert_allclose([entry["vector"] for entry in told["results"]], rows, atol=1e-6)
    assert (told["space"], rows.dtype) == (expected[0].space, np.float32)


def test_a_failed_row_is_saved_as_nan(cli, album, tmp_path):
    (album / "broken.jpg").write_text("no image")
    ran = cli("embed", album, "--out", "rows.npy")
    assert ran.returncode == 1
    assert np.isnan(np.load(tmp_path / "rows.npy")).all(axis=1).tolist() == [True, False, False]


def test_models_are_listed_and_shown(cli, server):
    with samekind.connect(server) as sk:
        model = sk.model()
    [listed] = json.loads(cli("models", "list", "--json").stdout)["models"]
    assert (listed["name"], listed["space"], listed["default"]) == (model.name, model.space, True)
    assert json.loads(cli("models", "show", "--json").stdout) == listed
    assert "mini (default)" in cli("models", "list").stdout
    assert model.space in cli("models", "show", "mini").stdout


def test_a_refusal_is_one_line_and_exit_code_1(cli):
    ran = cli("models", "show", "nope")
    assert (ran.returncode, ran.stdout, len(ran.stderr.splitlines())) == (1, "", 1)
    assert ran.stderr.startswith("samekind: no model 'nope'")
    assert json.loads(cli("models", "show", "nope", "--json").stdout)["error"]["reason"] == "NOT_FOUND"


def test_no_server_is_one_line_and_exit_code_1(cli):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    ran = cli("models", "list", "--server", f"127.0.0.1:{port}")
    assert (ran.returncode, len(ran.stderr.splitlines())) == (1, 1)
    assert "start one with `samekind serve`" in ran.stderr


def test_a_server_without_tls_is_one_line_and_nothing_of_grpcs_log(cli):
    ran = cli("models", "list", "--tls")
    assert (ran.returncode, len(ran.stderr.splitlines())) == (1, 1)
    assert "it does not speak TLS" in ran.stderr


def test_no_time_to_answer_says_so(cli, server):
    told = f"samekind: no answer from {server} within 0 s; give a longer timeout or less at once\n"
    assert cli("classify", "--text", "x", *LABELS, "--timeout", 0).stderr == told


def test_the_best_of_thousands_shows_its_small_share():
    scores = tuple(LabelScore(f"label {n}", 0.00015 - n / 1e5, 0.1) for n in range(3))
    told = show.answers(["a.jpg"], [Answer(scores, ProbabilityKind.SOFTMAX, Report("mini", "space", None))], 0.1)
    assert told.splitlines()[1].split(maxsplit=4) == ["a.jpg", "label", "0", "0.015%", "label 1 0.014%, label 2 0.013%"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["classify", "no.jpg", *LABELS], "samekind: no such file: no.jpg\n"),
        (["classify", "empty", *LABELS], "samekind: no images in empty; looked for .bmp, .gif, .jpeg, .jpg, .png, .tif, .tiff, .webp\n"),
        (["classify", *LABELS], "samekind: nothing to look at; give image files, folders or --text\n"),
        (["classify", "--text", "x"], 'samekind: no labels; give --labels cat,dog, --label "ripe=a yellow banana" or --label-set pets\n'),
        (["models", "list", "--ca", "no.pem"], "samekind: cannot read no.pem: No such file or directory\n"),
        (["models", "list", "--server", "http://x"], "samekind: a server's address is host:port, e.g. localhost:50051, not 'http://x'\n"),
        (["embed", "--text", "x", "--out", "no/rows.npy"], "samekind: cannot write no/rows.npy: No such file or directory\n"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(cli, tmp_path, arguments, says):
    (tmp_path / "empty").mkdir()
    ran = cli(*arguments)
    assert (ran.returncode, ran.stderr, ran.stdout) == (2, says, "")


def test_an_unknown_option_is_exit_code_2(cli):
    assert cli("classify", "--colour").returncode == 2


def test_a_key_is_taken_from_the_environment_and_never_sent_readable(cli):
    ran = cli("models", "list", "--server", "example.org:1", SAMEKIND_KEY="k3y")
    assert (ran.returncode, "would travel readable" in ran.stderr, "k3y" in ran.stderr) == (2, True, False)


def test_the_version_is_printed(cli):
    assert cli("--version").stdout == f"samekind {samekind.__version__}\n"


def test_a_reader_that_has_enough_is_no_failure(cli, server):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing) as pipe:
        ran = subprocess.run([*COMMAND, "models", "list", "--server", server], stdout=pipe, stderr=subprocess.PIPE, env=environment(), timeout=60)
    assert (ran.returncode, ran.stderr) == (141, b"")


def test_ctrl_c_is_quiet():
    """A server that accepts and never answers keeps the command waiting."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        command = [*COMMAND, "models", "list", "--server", f"127.0.0.1:{silent.getsockname()[1]}"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment()) as waiting, silent.accept()[0] as heard:
            heard.recv(1)
            waiting.send_signal(signal.SIGINT)
            _, told = waiting.communicate(timeout=30)
    assert (waiting.returncode, told) == (130, b"")


def test_serve_becomes_a_server_that_signals_reach(tmp_path):
    command = [*COMMAND, "serve", "--port", "0", "--data", str(tmp_path / "data"), "--offline"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()) as serving:
        assert serving.stdout
        address = serving.stdout.readline().removeprefix(LISTENS).strip()
        with samekind.connect(address) as sk:
            assert sk.model().name == "mini"
        serving.send_signal(signal.SIGTERM)
        serving.communicate(timeout=30)
    assert serving.returncode == 0


def test_the_command_line_says_what_to_install(tmp_path: Path):
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError('no typer', name='typer')")
    env = environment() | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])}
    ran = subprocess.run([*COMMAND, "--version"], capture_output=True, text=True, env=env, timeout=60)
    assert (ran.returncode, ran.stderr) == (2, 'samekind: typer is missing; install the command line with pip install "samekind[cli]"\n')
