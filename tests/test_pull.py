"""`samekind models pull` against a hub over HTTP: resumed where it broke off, never half kept, and served without a network afterwards."""

import json
import os
from pathlib import Path

import pytest

import samekind
from tests import running
from tests.hub_server import COMMIT, LARGE, etag, hub
from tests.model_folders import SMALL_TEXT, TINY, minis_folder, perturbed, siglip_tokenizer, torch_folder
from tests.running import started

NAME = "hf-hub:someone/small"
WEIGHTS = "open_clip_model.safetensors"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A model of mini's form, which needs no conversion."""
    return minis_folder(tmp_path_factory.mktemp("hub") / "small")


@pytest.fixture
def files(small):
    """A hub that has it."""
    with hub(small=small) as files:
        yield files


@pytest.fixture
def pull(files, tmp_path):
    """Runs `samekind models pull` as a person would, with that hub."""
    return lambda *arguments, name=NAME: pulled(files, tmp_path, name, *arguments)


def pulled(files, folder, name, *arguments):
    variables = {"HF_ENDPOINT": files.address, "HF_HOME": str(folder / "home")}
    return running.samekind("models", "pull", name, "--data", folder / "data", "--json", *arguments, timeout=240, **variables)


def kept(data: Path) -> Path:
    """Where the weights are once they are there."""
    return data / "models" / "models--someone--small" / "snapshots" / COMMIT / WEIGHTS


def test_what_is_pulled_is_served_without_a_network(pull, small, tmp_path):
    ran = pull()
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = json.loads(ran.stdout)
    assert (told["name"], told["model"]["dimensions"]) == (NAME, 32)
    assert kept(tmp_path / "data").read_bytes() == (small / WEIGHTS).read_bytes()
    with started(tmp_path / "data", "--model", NAME) as address, samekind.connect(address) as sk:
        assert sk.model().space == told["model"]["space"]


def test_a_model_with_a_tokenizer_in_another_repository_is_pulled_and_converted(tmp_path):
    import open_clip

    config = TINY | {"text_cfg": SMALL_TEXT | {"hf_tokenizer_name": "someone/words"}}
    tiny, words = torch_folder(tmp_path / "hub" / "tiny", perturbed(open_clip.CLIP(**TINY)), config), tmp_path / "hub" / "words"
    siglip_tokenizer(words, 200)
    (words / "README.md").write_text("not a part of the tokenizer")
    with hub(tiny=tiny, words=words) as files:
        ran = pulled(files, tmp_path, "hf-hub:someone/tiny")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert json.loads(ran.stdout)["converted"]
    assert "README.md" not in [file for _, file, _ in files.asked]
    with started(tmp_path / "data", "--model", "hf-hub:someone/tiny") as address, samekind.connect(address) as sk:
        assert sk.embed("a cat").space == json.loads(ran.stdout)["model"]["space"]


def test_a_connection_cut_half_way_is_gone_on_from(pull, files, small, tmp_path):
    files.breaks = [LARGE, LARGE]
    ran = pull()
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert files.weights_asked() == ["", f"bytes={LARGE}-", f"bytes={2 * LARGE}-"]
    assert kept(tmp_path / "data").read_bytes() == (small / WEIGHTS).read_bytes()


def test_a_pull_that_failed_is_gone_on_from_by_the_next(pull, files, small, tmp_path):
    files.breaks = [LARGE, 0, 0, 0, 0, 0]
    ran = pull()
    size = (small / WEIGHTS).stat().st_size
    assert ran.returncode == 1
    assert f"{WEIGHTS} broke off after {LARGE:,} of {size:,} bytes; ask again, and it goes on from there" in ran.stderr
    assert not kept(tmp_path / "data").exists()
    files.asked.clear()
    assert pull().returncode == 0
    assert files.weights_asked() == [f"bytes={LARGE}-"]


def test_one_wrong_byte_is_an_error_and_nothing_of_it_is_kept(pull, files, tmp_path):
    files.damaged = True
    ran = pull()
    assert (ran.returncode, json.loads(ran.stdout)["error"]["reason"]) == (1, "MODEL_UNAVAILABLE")
    assert f"someone/small/{WEIGHTS} came damaged: it is not what the hub says it is, and nothing of it was kept; ask again" in ran.stderr
    assert not [file for file in (tmp_path / "data").rglob("*") if file.is_file() and file.stat().st_size >= LARGE]
    assert pull("--offline").returncode == 1
    files.damaged = False
    assert pull().returncode == 0


def test_what_is_here_is_compared_and_fetched_again_only_where_it_was_damaged(pull, files, small, tmp_path):
    assert pull().returncode == 0
    files.asked.clear()
    assert pull().returncode == 0
    assert files.weights_asked() == []
    blob = kept(tmp_path / "data").resolve()
    blob.write_bytes(b"x" * blob.stat().st_size)
    assert pull().returncode == 0
    assert (files.weights_asked(), etag(kept(tmp_path / "data").read_bytes())) == ([""], etag((small / WEIGHTS).read_bytes()))


def test_a_small_file_with_a_wrong_byte_is_not_kept_either(pull, files, small, tmp_path):
    assert pull().returncode == 0
    config = kept(tmp_path / "data").with_name("open_clip_config.json").resolve()
    config.write_text(config.read_text().replace("bicubic", "bicubix"))
    assert pull().returncode == 0
    assert "bicubic" in kept(tmp_path / "data").with_name("open_clip_config.json").read_text()


def test_offline_the_hub_is_not_asked(pull, files):
    ran = pull("--offline")
    assert (ran.returncode, files.asked) == (1, [])
    assert f"--offline forbids fetching it: `samekind models pull {NAME}` where there is a network" in ran.stderr
    assert pull().returncode == 0
    files.asked.clear()
    assert (pull("--offline").returncode, files.asked) == (0, [])


def test_a_repository_that_is_not_there_says_so(pull):
    ran = pull(name="hf-hub:someone/nothing")
    assert (ran.returncode, ran.stderr) == (
        1,
        "samekind: there is no model 'hf-hub:someone/nothing' on the hub, or not for everyone; cached here: none\n",
    )


def test_a_newer_version_is_served_only_once_all_of_it_is_here(pull, files, small, tmp_path):
    assert pull().returncode == 0
    ref = tmp_path / "data" / "models" / "models--someone--small" / "refs" / "main"
    ref.write_text("0" * 40)
    files.damaged = True
    kept(tmp_path / "data").resolve().unlink()
    assert pull().returncode == 1
    assert ref.read_text() == "0" * 40


def test_a_disk_that_is_full_is_told_and_what_came_is_kept(small, tmp_path):
    from samekind.errors import ModelUnavailable
    from samekind_server.embedding.fetching import Remote, fetch

    huge = Remote("someone/huge", "model.safetensors", COMMIT, "0" * 64, 1 << 60)
    with pytest.raises(ModelUnavailable, match=r"someone/huge/model.safetensors needs 1,152,921,504,606,846,976 bytes more, and .* has .* free"):
        fetch(huge, tmp_path, lambda name, here, total: None, verify=False)


def test_the_terminal_is_told_nothing_but_the_model(pull, tmp_path):
    ran = pull()
    assert len(ran.stdout.splitlines()) == 1
    assert ran.stderr == ""
    assert os.listdir(tmp_path / "data") == ["models"]
