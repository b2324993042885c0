"""Models by name: found or refused with the way out, loaded as data only, and never from a network that is forbidden."""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from samekind.errors import BadModel, ModelUnavailable, NotFound
from samekind.types import Precision
from samekind_server.embedding.hub import Hub
from samekind_server.embedding.loading import load
from samekind_server.embedding.open_clip_names import describe, described
from samekind_server.embedding.registry import Registry
from samekind_server.embedding.sources import find
from samekind_server.embedding.spaces import truncated
from tests.model_folders import OF_MINIS_FORM, TINY, configure, into_hub_cache, minis_folder, perturbed, torch_folder

WEIGHTS = "open_clip_model.safetensors"
NO_NETWORK = """
import sys, json
from pathlib import Path
touched = []
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"):
        touched.append(f"{event} {arguments}")
        raise OSError("no network in this test")
sys.addaudithook(refuse)
from samekind.errors import SamekindError
from samekind_server.embedding.loading import load
answers = {}
for name in sys.argv[3:]:
    try:
        answers[name] = load(name, offline=sys.argv[1] == "offline", precision=None, cache_dir=Path(sys.argv[2])).model.space
    except SamekindError as error:
        answers[name] = f"{type(error).__name__}: {error}"
print(json.dumps({"touched": touched, "answers": answers}))
"""


def loaded(folder, cache):
    return load(f"local-dir:{folder}", offline=True, precision=Precision.EXACT, cache_dir=cache, threads=1)


def built(folder, cache):
    """With open_clip, in this process: what the child does that converts the model, and most of its time goes to importing."""
    from samekind_server.embedding import torch_models

    return torch_models.build(find(f"local-dir:{folder}", Hub(cache, offline=True)))


def without_network(way, cache, *names):
    done = subprocess.run([sys.executable, "-c", NO_NETWORK, way, str(cache), *names], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A causal CLIP that is not of mini's form."""
    import open_clip

    return torch_folder(tmp_path_factory.mktemp("tiny") / "model", perturbed(open_clip.CLIP(**TINY)), TINY)


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A cache that holds what open_clip knows of one name."""
    cache = tmp_path_factory.mktemp("known")
    described("ViT-B-32/openai", cache, [])
    return cache


@pytest.fixture
def cache(known, tmp_path):
    """A cache of the test's own, which holds that too."""
    shutil.copytree(known, tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def small(tmp_path):
    """A model of mini's form."""
    return minis_folder(tmp_path / "small")


def test_only_the_models_the_server_was_started_with_are_served(tmp_path):
    registry = Registry(("mini",), offline=True, precision=None, cache_dir=tmp_path)
    with pytest.raises(NotFound, match="no model 'ViT-B-32/openai' here; this server serves mini"):
        registry.get("ViT-B-32/openai")


def test_a_model_is_loaded_once_however_many_ask_and_the_first_is_the_default(tmp_path, small):
    registry = Registry((f"local-dir:{small}", "mini"), offline=True, precision=None, cache_dir=tmp_path, threads=1)
    with ThreadPoolExecutor(8) as threads:
        found = set(map(id, threads.map(registry.get, [""] * 4 + [f"local-dir:{small}"] * 4)))
    assert len(found) == 1
    assert [(model.name, model.default) for model in registry.models()] == [(f"local-dir:{small}", True), ("mini", False)]


def test_an_open_clip_name_needs_a_tag_and_is_told_which_there_are(tmp_path):
    with pytest.raises(BadModel, match=r"ViT-B-32 needs a tag that says which weights: .*ViT-B-32/datacomp_xl_s13b_b90k"):
        find("ViT-B-32", Hub(tmp_path, offline=True))


def test_what_open_clip_knows_of_a_name_is_asked_once_and_kept(cache):
    told = described("ViT-B-32/openai", cache, [])
    assert (told["config"]["embed_dim"], told["said"]["quick_gelu"]) == (512, True)
    kept = cache / "names" / "ViT-B-32%2Fopenai.json"
    kept.write_text(kept.read_text().replace('"embed_dim": 512', '"embed_dim": 513'))
    assert described("ViT-B-32/openai", cache, [])["config"]["embed_dim"] == 513
    kept.write_text("damaged")
    assert described("ViT-B-32/openai", cache, []) == told


@pytest.mark.parametrize(("name", "near"), [("ViT-B-33/openai", "ViT-B-32/openai"), ("ViT-B-32/datacomp_xl", "ViT-B-32/datacomp"), ("miny", "mini")])
def test_a_name_that_does_not_exist_is_told_what_is_near(name, near):
    with pytest.raises(NotFound, match=f"there is no model '{name}'; near: .*{near}.*; a name is mini"):
        describe(name, [])


def test_offline_no_network_is_touched_and_what_is_missing_says_the_way_out(cache, spoken):
    into_hub_cache(cache, "someone/spoken", spoken)
    here = ["mini", f"local-dir:{spoken}", "hf-hub:someone/spoken"]
    missing = ["hf-hub:someone/else", "ViT-B-32/openai", "ViT-B-16-SigLIP/webli"]
    told = without_network("offline", cache, *here, *missing)
    answers = told["answers"]
    assert told["touched"] == []
    assert answers[here[0]].endswith("-256")
    assert answers[here[1]].endswith("-32")
    assert answers[here[1]] == answers[here[2]]
    for name in missing:
        way_out = f"--offline forbids fetching it: `samekind models pull {name}` where there is a network"
        instead = "here without a network: mini, hf-hub:someone/spoken"
        assert answers[name] == f"ModelUnavailable: {name} is not in the cache {cache} and {way_out}; {instead}"


def test_without_a_network_a_model_that_must_be_fetched_says_so_in_a_sentence(cache):
    names = ["hf-hub:someone/else", "ViT-B-32/openai"]
    told = without_network("online", cache, *names)
    assert told["touched"]
    for name in names:
        why = "cannot be fetched: the hub does not answer; here without a network: mini"
        assert told["answers"][name] == f"ModelUnavailable: {name} is not in the cache {cache} and {why}"


def test_weights_in_the_cache_of_the_hub_are_used_with_the_gelu_they_were_trained_with(cache, small):
    into_hub_cache(cache, "timm/vit_base_patch32_clip_224.openai", small)
    source = find("ViT-B-32/openai", Hub(cache, offline=True))
    assert source.weights.resolve() == (small / WEIGHTS).resolve()
    assert source.config["quick_gelu"]


class Malice:
    """What a pickle may hold."""

    def __init__(self, victim):
        self.victim = victim

    def __reduce__(self):
        return Path.touch, (self.victim,)


def test_a_pickle_with_code_in_it_is_refused_and_not_run(tmp_path):
    import torch

    folder = configure(tmp_path / "model", TINY)
    torch.save({"state_dict": {"logit_scale": Malice(tmp_path / "harmed")}}, folder / "open_clip_pytorch_model.bin")
    with pytest.raises(BadModel, match=r"model.bin holds more than weights, or is damaged; it was not run: convert it to safetensors"):
        built(folder, tmp_path)
    assert not (tmp_path / "harmed").exists()


def test_a_folder_without_weights_is_refused_not_served_at_random(tmp_path):
    with pytest.raises(BadModel, match=f"must hold its weights as {WEIGHTS}: there is none"):
        loaded(configure(tmp_path / "model", TINY), tmp_path)


@pytest.mark.parametrize("form", ["small", "tiny"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tensors: tensors.pop("ln_final.weight"), r"ln_final.weight \[64\] is missing"),
        (lambda tensors: tensors.update({"ln_final.weight": np.ones(63, np.float16)}), r"ln_final.weight is \[63\], not \[64\]"),
        (lambda tensors: tensors.update({"more": np.ones(2, np.float16)}), r"more \[2\] has no place there"),
        (lambda tensors: tensors.update({"ln_final.bias": np.full(64, np.nan, np.float16)}), "ln_final.bias holds numbers that are not finite"),
    ],
    ids=["missing", "misshapen", "unknown", "not finite"],
)
def test_weights_that_do_not_fit_are_named(tmp_path, small, tiny, form, change, said):
    folder = {"small": small, "tiny": tiny}[form]
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    changed = tmp_path / "changed"
    configure(changed, json.loads((folder / "open_clip_config.json").read_text())["model_cfg"])
    save_file(tensors, changed / WEIGHTS)
    with pytest.raises(BadModel, match=f"{WEIGHTS} .*{said}"):
        built(changed, tmp_path) if form == "tiny" else loaded(changed, tmp_path)


@pytest.mark.parametrize("kept", [0, 5, 100_000])
def test_a_weights_file_cut_short_is_damaged(tmp_path, small, kept):
    (small / WEIGHTS).write_bytes((small / WEIGHTS).read_bytes()[:kept])
    with pytest.raises(BadModel, match=f"{WEIGHTS} is damaged or no weights file"):
        loaded(small, tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "is missing: a model's folder holds open_clip_config.json"),
        ("{", "is not a model's configuration: JSONDecodeError"),
        ('{"model_cfg": {}}', "is not a model's configuration: KeyError"),
        (json.dumps({"model_cfg": TINY, "samekind": {"prefix_dimensions": [64]}}), "must lie between 1 and 31"),
        (json.dumps({"model_cfg": TINY | {"vision_cfg": {"timm_model_name": "hf-hub:a/b"}}}), "models are loaded as data only"),
        (json.dumps({"model_cfg": TINY | {"text_cfg": {"tokenizer_kwargs": {"trust_remote_code": True}}}}), "models are loaded as data only"),
        (json.dumps({"model_cfg": TINY, "preprocess_cfg": {"resize_mode": "twisted"}}), "a way of resizing other than"),
    ],
)
def test_a_configuration_that_cannot_be_used_says_why(tmp_path, small, text, said):
    file = small / "open_clip_config.json"
    file.unlink() if text is None else file.write_text(text)
    with pytest.raises(BadModel, match=said):
        loaded(small, tmp_path)


def test_a_configuration_that_open_clip_does_not_take_says_why(tmp_path, tiny):
    folder = configure(tmp_path / "model", TINY | {"text_cfg": {"no_such": 1}})
    shutil.copy(tiny / WEIGHTS, folder)
    with pytest.raises(BadModel, match="open_clip cannot build this configuration: TypeError"):
        built(folder, tmp_path)


def test_a_folder_that_is_not_there_says_so(tmp_path):
    with pytest.raises(BadModel, match=f"there is no folder {tmp_path / 'nowhere'}"):
        loaded(tmp_path / "nowhere", tmp_path)


def test_the_same_weights_in_another_container_have_the_same_space(tmp_path, small):
    import torch
    from safetensors.torch import load_file as load_tensors

    other = configure(tmp_path / "other", OF_MINIS_FORM)
    tensors = load_tensors(small / WEIGHTS)
    torch.save({f"module.{name}": tensors[name].float() for name in sorted(tensors, reverse=True)}, other / "open_clip_pytorch_model.bin")
    direct, through_torch = loaded(small, tmp_path), loaded(other, tmp_path)
    assert direct.model.space == through_torch.model.space
    assert direct.model.parameters == through_torch.model.parameters
    pixels = np.random.default_rng(0).normal(size=(3, 3, 64, 64)).astype(np.float32)
    assert 1 - (direct.runtime.images(pixels) * through_torch.runtime.images(pixels)).sum(axis=1).min() < 1e-6


@pytest.mark.parametrize("changed", ["weights", "preprocessing", "gelu"])
def test_whatever_changes_a_vector_changes_its_space(tmp_path, small, changed):
    other = minis_folder(tmp_path / "other", OF_MINIS_FORM | {"quick_gelu": True} if changed == "gelu" else OF_MINIS_FORM)
    if changed == "weights":
        tensors = load_file(other / WEIGHTS)
        tensors["ln_final.bias"][0] += 1
        save_file(tensors, other / WEIGHTS)
    if changed == "preprocessing":
        configure(other, OF_MINIS_FORM, preprocess_cfg={"resize_mode": "squash"})
    assert loaded(small, tmp_path).model.space != loaded(other, tmp_path).model.space


def test_a_cut_space_bears_its_dimensions():
    assert truncated("9c1b04de3f2a5d71-256", 128) == "9c1b04de3f2a5d71-128"


def test_a_model_openvino_does_not_take_is_refused_and_nothing_is_raised(tmp_path, tiny):
    import open_clip
    import torch

    from samekind_server.embedding import torch_models, tracing

    class Odd(open_clip.CLIP):
        def encode_image(self, image, normalize=False):
            features = super().encode_image(image, normalize)
            return features + torch.linalg.eigvalsh(features.T @ features)[:1]

    source = find(f"local-dir:{tiny}", Hub(tmp_path, offline=True))
    odd = Odd(**TINY).eval()
    odd.load_state_dict(torch_models.build(source).state_dict())
    assert tracing.trace(source, odd, tmp_path, 1)["refused"].startswith("OpenVINO does not take it: ")


def test_not_fetched_is_an_error_of_its_own(tmp_path):
    with pytest.raises(ModelUnavailable, match="hf-hub:someone/else is not in the cache"):
        find("hf-hub:someone/else", Hub(tmp_path, offline=True))
