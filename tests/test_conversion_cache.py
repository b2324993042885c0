"""Models are converted once, in a process of their own; what is kept is whole or made again, and needs no torch to be served."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samekind.errors import Internal, ModelUnavailable
from samekind.types import Precision
from samekind_server.embedding import children, converted, tokenizing
from samekind_server.embedding.hub import Hub
from samekind_server.embedding.loading import load
from samekind_server.embedding.plain_tokenizer import PlainTokenizer
from samekind_server.embedding.shelf import Shelf
from samekind_server.embedding.sources import find, from_plain, to_plain
from samekind_server.embedding.texts import OpenClipTokenizer
from tests.model_folders import TINY, into_hub_cache, torch_folder

HEAVY = {"torch", "open_clip", "transformers"}
CHILD = [sys.executable, "-P", "-m", "samekind_server.embedding.child"]
LOADED = """
import json, sys
from pathlib import Path
from samekind_server.embedding.loading import load
encoders = [load(name, offline=True, precision=None, cache_dir=Path(sys.argv[1]), threads=1) for name in sys.argv[2:]]
rows = [encoder.runtime.texts(encoder.tokenizer(["a photo of a cat"]).ids).tolist() for encoder in encoders]
print(json.dumps([sorted(sys.modules), [encoder.model.space for encoder in encoders], rows]))
"""


@pytest.fixture(scope="module")
def cache(spoken, tmp_path_factory):
    """A cache in which it stands as a model of the hub, too."""
    cache = tmp_path_factory.mktemp("cache")
    into_hub_cache(cache, "someone/spoken", spoken)
    return cache


@pytest.fixture(scope="module", autouse=True)
def converting(spoken, cache):
    """What the process tells that converts it there, before any test."""
    return of_a_process(spoken, cache)


@pytest.fixture
def own(cache, tmp_path):
    """A copy of that cache, to be harmed."""
    subprocess.run(["cp", "-r", cache, tmp_path / "own"], check=True)
    return tmp_path / "own"


def loaded(folder, cache, precision=Precision.EXACT):
    return load(f"local-dir:{folder}", offline=True, precision=precision, cache_dir=cache, threads=1)


def rows(encoder):
    pixels = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32)
    return encoder.runtime.images(pixels)


def kept(cache):
    [folder] = (cache / "converted").iterdir()
    return folder


def of_a_process(folder, cache):
    """Modules that a process has when it has loaded the model by two names, its spaces and rows."""
    command = [sys.executable, "-c", LOADED, str(cache), f"local-dir:{folder}", "hf-hub:someone/spoken"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_a_process_that_serves_a_converted_model_imports_neither_torch_nor_open_clip(spoken, cache, converting):
    told = [converting, of_a_process(spoken, cache)]
    assert [HEAVY & {name.partition(".")[0] for name in modules} for modules, _, _ in told] == [set(), set()]
    assert told[0][1:] == told[1][1:]
    assert len(set(told[0][1])) == 1


def test_either_precision_is_served_from_the_same_graphs(spoken, cache):
    before = {file: file.stat().st_mtime_ns for file in kept(cache).iterdir()}
    for precision in (Precision.FAST, None):
        encoder = loaded(spoken, cache, precision)
        assert (encoder.runtime.name, (rows(encoder) * rows(loaded(spoken, cache))).sum(axis=1).min() > 0.999) == ("openvino", True)
    assert {file: file.stat().st_mtime_ns for file in kept(cache).iterdir()} == before


@pytest.mark.parametrize("file", ["images.bin", "texts.xml", "tokenizer.json", "converted.json"])
@pytest.mark.parametrize("harm", ["changed", "cut", "gone"])
def test_a_damaged_copy_is_seen(own, file, harm):
    assert converted.kept(kept(own))
    content = (kept(own) / file).read_bytes()
    if harm == "gone":
        (kept(own) / file).unlink()
    else:
        (kept(own) / file).write_bytes(content[:-9] if harm == "cut" else content[:30] + bytes([content[30] ^ 1]) + content[31:])
    assert converted.kept(kept(own)) is None or (file, harm) == ("converted.json", "changed")


def test_a_conversion_goes_with_the_last_model_that_it_is_of_and_a_folder_of_ones_own_stays(spoken, own):
    shelf, names = Shelf(own), (f"local-dir:{spoken}", "hf-hub:someone/spoken")
    assert [shelf.entry(name).converted for name in names] == [True, True]
    assert shelf.remove(names[0]) == 0
    assert shelf.remove(names[1]) > 1 << 20
    assert list((own / "converted").iterdir()) == []
    assert spoken.is_dir()


def test_a_damaged_copy_is_made_again(spoken, own):
    expected, damaged = rows(loaded(spoken, own)), kept(own) / "images.bin"
    damaged.write_bytes(bytes(damaged.stat().st_size))
    np.testing.assert_allclose(rows(loaded(spoken, own)), expected, atol=1e-6)
    assert converted.kept(kept(own))


def test_other_weights_are_converted_for_themselves_and_what_was_kept_for_the_old_ones_goes(spoken, own, tmp_path):
    import open_clip

    Shelf(own).remove("hf-hub:someone/spoken")  # Which is the same model, and would keep what was converted.
    before, old = loaded(spoken, own).model.space, kept(own).name
    content = {file.name: file.read_bytes() for file in spoken.iterdir()}
    try:
        torch_folder(spoken, open_clip.CLIP(**TINY), json.loads(content["open_clip_config.json"])["model_cfg"])
        assert loaded(spoken, own).model.space != before
    finally:
        for name, each in content.items():
            (spoken / name).write_bytes(each)
    assert kept(own).name != old


def test_a_model_that_openvino_refused_runs_with_torch_and_is_not_tried_again(spoken, own, caplog):
    card = json.loads((kept(own) / converted.CARD).read_text())
    card["model"] |= {"refused": "OpenVINO does not take it: odd", "gaps": {}}
    (kept(own) / converted.CARD).write_text(json.dumps(card))
    encoder = loaded(spoken, own)
    assert (encoder.runtime.name, encoder.model.precision) == ("torch", Precision.EXACT)
    assert f"local-dir:{spoken} runs with torch, more slowly: OpenVINO does not take it: odd" in caplog.text


def test_a_model_whose_vectors_are_off_is_not_run_with_openvino(spoken, own, caplog):
    card = json.loads((kept(own) / converted.CARD).read_text())
    card["model"]["gaps"] = {"exact": 0.5, "fast": float("nan")}
    (kept(own) / converted.CARD).write_text(json.dumps(card))
    assert loaded(spoken, own, None).runtime.name == "torch"
    assert "with OpenVINO its vectors are off by 5.0e-01" in caplog.text


def test_a_folder_that_a_killed_process_left_is_removed_a_day_later(spoken, own):
    left = [own / "converted" / f"{converted.MAKING}{name}" for name in ("old", "new")]
    for folder in left:
        folder.mkdir()
    os.utime(left[0], (0, 0))
    loaded(spoken, own)
    assert [folder.exists() for folder in left] == [False, True]


def test_a_source_is_the_same_after_its_way_to_the_child(spoken, tmp_path):
    source = find(f"local-dir:{spoken}", Hub(tmp_path, offline=True))
    assert from_plain(json.loads(json.dumps(to_plain(source)))) == source


def test_a_package_that_is_missing_is_told_with_the_way_out(spoken, tmp_path, monkeypatch):
    (tmp_path / "open_clip.py").write_text("raise ModuleNotFoundError('no open_clip', name='open_clip')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ModelUnavailable, match=r'needs open_clip, which is missing here: pip install "samekind\[server\]"'):
        loaded(spoken, tmp_path)
    assert list((tmp_path / "converted").iterdir()) == []


def test_a_child_that_is_killed_is_told_as_want_of_memory():
    found = []
    killer = Thread(target=lambda: found.append(kill_child()))
    killer.start()
    with pytest.raises(ModelUnavailable, match="x was not made ready: the process at it was killed by signal 9, most likely for want of memory"):
        children.run("describe", "x", {"name": "x", "cached": []})
    killer.join()


def test_a_fault_in_a_child_is_told_by_its_last_line(tmp_path):
    with pytest.raises(Internal, match="x was not made ready: KeyError: 'nonsense'"):
        children.run("nonsense", "x", {"name": "x"})


def test_a_child_ends_with_the_process_that_began_it(tmp_path):
    with subprocess.Popen([*CHILD, "describe", str(tmp_path)], stdin=subprocess.PIPE) as child:
        assert child.stdin
        child.stdin.write(b'{"name": "ViT-B-32/openai", "cached": []}\n')
        child.stdin.close()
    assert child.returncode == 1
    assert not (tmp_path / "answer.json").exists()


@pytest.fixture(scope="module", params=["whitespace", "lower", "canonicalize"])
def pair(request, spoken, tmp_path_factory):
    """A tokenizer without transformers, and open_clip's own."""
    from open_clip.tokenizer import HFTokenizer

    source = find(f"local-dir:{spoken}", Hub(spoken, offline=True))
    source.config["text_cfg"]["tokenizer_kwargs"] = {"clean": request.param}
    folder = tmp_path_factory.mktemp("words")
    plain = tokenizing.plain_words(source, folder)
    assert plain
    return PlainTokenizer.read(folder / tokenizing.PLAIN, plain["how"]), OpenClipTokenizer(
        HFTokenizer(str(spoken), context_length=16, clean=request.param)
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=60) | st.sampled_from(tokenizing.PROBES), min_size=1, max_size=4))
def test_a_tokenizer_without_transformers_gives_the_same_ids(pair, texts):
    ours, theirs = (tokenizer(texts) for tokenizer in pair)
    np.testing.assert_array_equal(ours.ids, theirs.ids)
    np.testing.assert_array_equal(ours.lengths, theirs.lengths)
    np.testing.assert_array_equal(ours.truncated, theirs.truncated)


def kill_child():
    """Kills the first process of ours that is a child at work."""
    while True:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command, parent = (folder / "cmdline").read_text(), (folder / "stat").read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
            if "samekind_server.embedding.child" in command and parent == str(os.getpid()):
                return os.kill(int(folder.name), signal.SIGKILL)
