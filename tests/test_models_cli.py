"""`samekind models` about this machine: what is here, what it takes, and how to be rid of it."""

import json
import shutil

import pytest

import samekind
from samekind_server.embedding.loading import load
from samekind_server.embedding.shelf import Shelf
from tests import running
from tests.model_folders import into_hub_cache, minis_folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A data folder in which two models of the hub were made ready, with one repository only fetched beside them."""
    folder = tmp_path_factory.mktemp("made")
    models = folder / "data" / "models"
    for name in ("one", "two"):
        fetched(models, name, minis_folder(folder / "hub" / name))
        load(f"hf-hub:someone/{name}", offline=True, precision=None, cache_dir=models, threads=1)
    fetched(models, "three", minis_folder(folder / "hub" / "three"))
    return folder / "data"


@pytest.fixture
def data(made, tmp_path):
    """A copy of it, to be changed."""
    shutil.copytree(made, tmp_path / "data", symlinks=True)
    return tmp_path / "data"


def fetched(models, name, folder):
    """The folder's files themselves in the cache, as fetching leaves them."""
    into_hub_cache(models, f"someone/{name}", folder)
    snapshot = models / f"models--someone--{name}" / "snapshots" / ("0" * 40)
    snapshot.unlink()
    folder.rename(snapshot)


@pytest.fixture
def run(data):
    """Runs `samekind models`, as a program would."""

    return lambda *arguments, **variables: running.samekind("models", *arguments, **({"SAMEKIND_DATA": str(data)} | variables))


def listed(run):
    return json.loads(run("list", "--json").stdout)["models"]


def test_what_is_on_this_machine_is_listed_with_size_dimensions_and_space(run, data):
    ran = run("list", "--json")
    assert (ran.returncode, ran.stderr) == (0, "")
    mini, one, two, three = json.loads(ran.stdout)["models"]
    assert [each["name"] for each in (mini, one, two, three)] == ["mini", *(f"hf-hub:someone/{name}" for name in ("one", "two", "three"))]
    assert (mini["model"]["dimensions"], mini["converted"]) == (256, False)
    assert (one["model"]["dimensions"], one["model"]["space"]) == (32, two["model"]["space"])
    assert one["size"] == sum(file.stat().st_size for file in data.rglob("models--someone--one/**/*") if file.is_file())
    assert (three["model"], three["converted"]) == ({}, False)


def test_a_table_says_the_same(run):
    heading, *rows = run("list").stdout.splitlines()
    assert heading.split() == ["model", "on", "disk", "dimensions", "space", "converted"]
    assert [row.split()[0] for row in rows] == [each["name"] for each in listed(run)]


def test_one_is_shown(run):
    mini, one, *_ = listed(run)
    assert json.loads(run("show", "hf-hub:someone/one", "--json").stdout) == one
    assert one["model"]["space"] in run("show", "hf-hub:someone/one").stdout
    assert json.loads(run("show", "--json").stdout) == mini


def test_a_server_is_asked_where_one_is_named(run, server):
    with samekind.connect(server) as sk:
        space = sk.model().space
    assert [each["name"] for each in json.loads(run("list", "--json", "--server", server).stdout)["models"]] == ["mini"]
    assert json.loads(run("show", "--json", SAMEKIND_SERVER=server).stdout)["space"] == space


def test_what_is_removed_is_gone_and_the_others_stay(run, data):
    freed = json.loads(run("remove", "hf-hub:someone/one", "--json").stdout)["freed"]
    assert freed > 1 << 20
    assert run("remove", "hf-hub:someone/three").stdout.startswith("removed hf-hub:someone/three: ")
    assert [each["name"] for each in listed(run)] == ["mini", "hf-hub:someone/two"]
    assert not list(data.rglob("models--someone--one")) + list(data.rglob("models--someone--three"))


def test_what_two_models_have_in_common_stays_until_both_are_removed(data, tmp_path):
    shelf = Shelf(data / "models")
    card = data / "models" / "cards" / "other.json"
    card.write_text((data / "models" / "cards" / "hf-hub%3Asomeone%2Fone.json").read_text().replace("hf-hub:someone/one", "other"))
    assert shelf.remove("hf-hub:someone/one") == 0
    assert shelf.remove("other") > 1 << 20


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["show", "nope"], "no model 'nope' on this machine; here are mini, hf-hub:someone/one, hf-hub:someone/two, hf-hub:someone/three"),
        (["remove", "nope"], "no model 'nope' on this machine; here are mini, hf-hub:someone/one, hf-hub:someone/two, hf-hub:someone/three"),
        (["remove", "mini"], "mini is part of samekind and stays"),
        (["remove", "../.."], "no model '../..' on this machine; here are mini, hf-hub:someone/one, hf-hub:someone/two, hf-hub:someone/three"),
        (["pull", "local-dir:nowhere"], "local-dir:nowhere: there is no folder nowhere"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_1(run, arguments, says):
    ran = run(*arguments)
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", f"samekind: {says}\n")


def test_a_card_that_is_damaged_is_as_good_as_none(run, data):
    (data / "models" / "cards" / "hf-hub%3Asomeone%2Fone.json").write_text('{"model": 1}')
    assert [each["name"] for each in listed(run)] == ["mini", "hf-hub:someone/two", "hf-hub:someone/one", "hf-hub:someone/three"]


def test_a_machine_without_models_has_the_built_in_one(tmp_path):
    ran = running.samekind("models", "list", "--data", tmp_path / "none", "--json")
    assert [each["name"] for each in json.loads(ran.stdout)["models"]] == ["mini"]
    assert not (tmp_path / "none").exists()
