"""In exact precision, vectors and logits are those of open_clip itself, model by model, on the same weights."""

import gc
import io
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image, ImageDraw

from samekind.types import Precision, ScoreKind
from samekind_server.classification.head import probabilities
from samekind_server.embedding import child, converted
from samekind_server.embedding.hub import Hub
from samekind_server.embedding.images import ImageLimits, decode, prepare
from samekind_server.embedding.loading import load
from samekind_server.embedding.sources import MINI, find, to_plain
from tests.model_folders import OF_MINIS_FORM, minis_folder, perturbed, siglip_tokenizer, torch_folder

TEXTS = ["a temple in China", "a red flower", "two mugs on a table", "Ünïcödé &amp; <b>MORE</b>", "x", "a very long tale " * 40]
SIGLIP = {
    "embed_dim": 768,
    "init_logit_bias": -10,
    "custom_text": True,
    "vision_cfg": {"image_size": 256, "timm_model_name": "vit_base_patch32_siglip_256", "timm_pool": "map", "timm_proj": "none"},
    "text_cfg": {
        "context_length": 24,
        "vocab_size": 200,
        "hf_tokenizer_name": "timm/ViT-B-32-SigLIP-256",
        "tokenizer_kwargs": {"clean": "canonicalize"},
        "width": 768,
        "heads": 12,
        "layers": 4,
        "no_causal_mask": True,
        "proj_bias": True,
        "pool_type": "last",
        "norm_kwargs": {"eps": 1e-6},
    },
}
SMALL_SIGLIP = SIGLIP | {
    "embed_dim": 64,
    "vision_cfg": SIGLIP["vision_cfg"] | {"image_size": 160, "timm_model_name": "test_vit"},
    "text_cfg": SIGLIP["text_cfg"] | {"width": 64, "heads": 2},
}


@dataclass
class Rows:
    """One side's unit vectors, in float64."""

    images: Any
    texts: Any

    @property
    def logits(self):
        return 100 * self.images @ self.texts.T


@pytest.fixture(scope="module")
def pictures(photos):
    """Two photographs and three drawings, as files."""
    return [photo.read_bytes() for photo in photos] + [drawn(*colours) for colours in (("red", "white"), ("blue", "black"), ("green", "yellow"))]


def drawn(ink, paper):
    picture = Image.new("RGB", (300, 200), paper)
    draw = ImageDraw.Draw(picture)
    draw.ellipse((60, 30, 200, 170), fill=ink)
    draw.rectangle((180, 60, 280, 150), fill="gray")
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def theirs(model, folder, pictures):
    """What open_clip makes of the pictures and texts, with its own transform and tokenizer."""
    transform = image_transform_v2(PreprocessCfg(**model.visual.preprocess_cfg), is_train=False)
    pixels = torch.stack([transform(Image.open(io.BytesIO(picture))) for picture in pictures])
    with torch.inference_mode():
        images = model.encode_image(pixels, normalize=True)
        texts = model.encode_text(open_clip.get_tokenizer(f"local-dir:{folder}")(TEXTS), normalize=True)
    return Rows(images.double().numpy(), texts.double().numpy())


def ours(encoder, pictures):
    """What samekind makes of them."""
    pixels = np.stack([prepare(decode(picture, ImageLimits()), encoder.preprocess) for picture in pictures])
    return Rows(encoder.runtime.images(pixels).astype(np.float64), encoder.runtime.texts(encoder.tokenizer(TEXTS).ids).astype(np.float64))


def loaded(folder, cache):
    return load(f"local-dir:{folder}", offline=True, precision=Precision.EXACT, cache_dir=cache, threads=2)


def made_ready(folder, cache):
    """The same, converted in this process as a child would, which had to import torch first."""
    source = find(f"local-dir:{folder}", Hub(cache, offline=True))
    home = cache / "converted" / converted.key(source)
    home.mkdir(parents=True)
    model = child.convert(home, {"source": to_plain(source), "threads": 2})
    files = {file.name: converted.digest(file) for file in home.iterdir()}
    (home / converted.CARD).write_text(json.dumps({"model": model, "files": files}))
    assert converted.kept(home)
    return loaded(folder, cache)


def made(folder, config):
    """A perturbed model of open_clip's, also saved to `folder`; with the preprocessing that the folder says."""
    form = open_clip.CustomTextCLIP if config.get("custom_text") else open_clip.CLIP
    model = perturbed(form(**{key: value for key, value in config.items() if key != "custom_text"}))
    torch_folder(folder, model, config)
    said = json.loads((folder / "open_clip_config.json").read_text())["preprocess_cfg"]
    open_clip.model.set_model_preprocess_cfg(model, said | {"size": model.visual.image_size})
    return model


def assert_parity(ours, theirs, *, image_spread, text_spread):
    """The same vectors and logits; and logits that differ from picture to picture and from text to text, or it would show nothing."""
    assert theirs.logits.std(axis=0).mean() > image_spread
    assert theirs.logits.std(axis=1).mean() > text_spread
    assert (1 - (ours.images * theirs.images).sum(axis=1)).max() <= 1e-6
    assert (1 - (ours.texts * theirs.texts).sum(axis=1)).max() <= 1e-6
    assert np.abs(ours.logits - theirs.logits).max() <= 1e-2


@pytest.fixture(autouse=True)
def _freed():
    yield
    gc.collect()


@pytest.fixture
def whole(request):
    """Whether models are as deep as open_clip's own: making one ready takes a time that goes by its depth."""
    return request.config.getoption("--whole-models")


def form(name, whole):
    """What open_clip says of a model, cut to a few layers unless it is to be whole; MobileCLIP's image tower cannot be cut."""
    config = open_clip.get_model_config(name)
    if not whole and name == "MobileCLIP2-S0":
        pytest.skip("compared by `make torture`: it takes half a minute to make ready")
    if not whole:
        config["text_cfg"]["layers"] = 3
        config["vision_cfg"]["layers"] = [1, 1, 1, 1] if name == "RN50" else 3
    return config


@pytest.mark.parametrize("name", ["ViT-B-32", "RN50", "MobileCLIP2-S0"])
def test_a_model_of_open_clips_has_its_vectors_and_logits(name, whole, tmp_path, pictures):
    model = made(tmp_path / "model", form(name, whole))
    expected = theirs(model, tmp_path / "model", pictures)
    del model
    encoder = made_ready(tmp_path / "model", tmp_path)
    assert (encoder.runtime.name, encoder.model.precision) == ("openvino", Precision.EXACT)
    assert_parity(ours(encoder, pictures), expected, image_spread=0.3, text_spread=0.3)


def test_a_siglip_with_a_tokenizer_of_its_own_has_its_vectors_scale_and_bias(whole, tmp_path, pictures):
    model = made(tmp_path / "model", SIGLIP if whole else SMALL_SIGLIP)
    siglip_tokenizer(tmp_path / "model", SIGLIP["text_cfg"]["vocab_size"])
    encoder = made_ready(tmp_path / "model", tmp_path)
    assert (encoder.runtime.name, encoder.model.score_kind, encoder.logit_bias) == ("openvino", ScoreKind.SIGMOID, -10)
    assert encoder.logit_scale == pytest.approx(model.logit_scale.exp().item(), rel=1e-3)
    made_here, expected = ours(encoder, pictures), theirs(model, tmp_path / "model", pictures)
    assert_parity(made_here, expected, image_spread=0.3, text_spread=0.3)
    with torch.inference_mode():
        logits = torch.from_numpy(expected.images @ expected.texts.T) * model.logit_scale.exp() + model.logit_bias
    assert np.abs(probabilities(encoder, made_here.images @ made_here.texts.T) - torch.sigmoid(logits).numpy()).max() <= 1e-4


@pytest.mark.parametrize("quick_gelu", [False, True])
def test_a_model_built_without_torch_has_the_vectors_open_clip_gives_it(quick_gelu, tmp_path, pictures):
    more = {"samekind": {"prefix_dimensions": [16, 8]}}
    folder = minis_folder(tmp_path / "model", OF_MINIS_FORM | {"quick_gelu": quick_gelu}, **more)
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    assert_parity(ours(loaded(folder, tmp_path), pictures), theirs(model.eval(), folder, pictures), image_spread=0.3, text_spread=0.3)


def test_mini_has_the_vectors_open_clip_gives_it(tmp_path, pictures):
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{MINI}")
    encoder = load("mini", offline=True, precision=Precision.EXACT, cache_dir=tmp_path, threads=2)
    assert_parity(ours(encoder, pictures), theirs(model.eval(), MINI, pictures), image_spread=0.3, text_spread=0.3)
