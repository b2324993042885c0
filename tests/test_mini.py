"""The built-in model: built without torch, in parity with what open_clip makes of the same files."""

import json
import subprocess
import sys

import numpy as np
import pytest

from samekind.types import Precision, ScoreKind
from samekind_server.embedding.loading import load
from samekind_server.embedding.quickest import BFLOAT16, FLOAT32, quickest
from samekind_server.embedding.sources import MINI
from tests.model_folders import OF_MINIS_FORM, minis_folder

ALONE = """
import sys, json
from pathlib import Path
from samekind_server.embedding.loading import load
from samekind_server.embedding.quickest import BFLOAT16, FLOAT32, quickest
encoder = load("mini", offline=True, precision=None, cache_dir=Path("nowhere"))
encoder.runtime.images(__import__("numpy").zeros((1, 3, *encoder.preprocess.height_width), "float32"))
encoder.runtime.texts(encoder.tokenizer(["a red mug"]).ids)
print(json.dumps([encoder.model.space, sorted({"torch", "open_clip", "timm", "transformers", "huggingface_hub"} & set(sys.modules))]))
"""


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return load("mini", offline=True, precision=Precision.EXACT, cache_dir=tmp_path_factory.mktemp("models"), threads=1)


def test_mini_comes_without_torch_and_in_the_same_space_in_every_process(encoder):
    done = subprocess.run([sys.executable, "-c", ALONE], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == [encoder.model.space, []]


def test_mini_says_what_it_is(encoder):
    model = encoder.model
    config = json.loads((MINI / "open_clip_config.json").read_text())
    assert (model.name, model.runtime, model.precision, model.score_kind) == ("mini", "openvino", Precision.EXACT, ScoreKind.SOFTMAX)
    assert (model.dimensions, model.context_length, model.image_size) == (256, 32, config["model_cfg"]["vision_cfg"]["image_size"])
    assert model.space.endswith("-256")


def test_a_text_has_the_same_vector_alone_and_beside_a_longer_one(encoder):
    texts = ["mug", "a small red mug on a wooden table beside a lamp, seen from above in the morning"]
    together = encoder.runtime.texts(encoder.tokenizer(texts).ids)
    alone = np.concatenate([encoder.runtime.texts(encoder.tokenizer([text]).ids) for text in texts])
    assert 1 - (together * alone).sum(axis=1).min() < 1e-6


def test_an_image_has_the_same_vector_in_every_batch(encoder):
    pixels = np.random.default_rng(0).normal(size=(5, 3, *encoder.preprocess.height_width)).astype(np.float32)
    together = encoder.runtime.images(pixels)
    alone = np.concatenate([encoder.runtime.images(one[None]) for one in pixels])
    assert 1 - (together * alone).sum(axis=1).min() < 1e-6


def test_fast_precision_stays_near_the_exact_one(encoder, tmp_path):
    fast = load("mini", offline=True, precision=Precision.FAST, cache_dir=tmp_path, threads=1)
    pixels = np.random.default_rng(0).normal(size=(4, 3, *encoder.preprocess.height_width)).astype(np.float32)
    ids = encoder.tokenizer(["a cat", "a dog on a sofa", "shoes"]).ids
    assert 1 - (fast.runtime.images(pixels) * encoder.runtime.images(pixels)).sum(axis=1).min() < 5e-3
    assert 1 - (fast.runtime.texts(ids) * encoder.runtime.texts(ids)).sum(axis=1).min() < 5e-3
    assert fast.model.space == encoder.model.space


def test_fast_precision_computes_in_what_is_quickest_here(tmp_path):
    fast = load("mini", offline=True, precision=Precision.FAST, cache_dir=tmp_path, threads=1)
    computed = [tower._compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name() for tower in (fast.runtime._images, fast.runtime._texts)]
    wanted = quickest() if fast.model.precision is Precision.FAST else FLOAT32
    assert (wanted in {FLOAT32, BFLOAT16}, computed) == (True, [wanted] * 2)


def test_a_folder_of_minis_form_may_be_cut_to_the_prefixes_it_names(tmp_path):
    folder = minis_folder(tmp_path / "model", OF_MINIS_FORM, samekind={"prefix_dimensions": [16, 8]})
    model = load(f"local-dir:{folder}", offline=True, precision=None, cache_dir=tmp_path).model
    assert (model.dimensions, model.prefix_dimensions) == (32, (16, 8))
