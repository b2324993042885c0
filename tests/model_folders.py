"""Writes models of the tests' own into folders, as open_clip keeps them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from samekind_server.embedding import mini

PREPROCESS = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "interpolation": "bicubic", "resize_mode": "shortest"}
SMALL_TEXT = {"context_length": 16, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}
TINY = {"embed_dim": 32, "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16}, "text_cfg": SMALL_TEXT}
OF_MINIS_FORM = {
    "embed_dim": 32,
    "vision_cfg": {
        "timm_model_name": "tf_efficientnet_lite0",
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "timm_proj": "linear",
        "timm_proj_bias": True,
        "image_size": 64,
    },
    "text_cfg": SMALL_TEXT,
}


def configure(folder: Path, config: Mapping[str, Any], **more: Any) -> Path:
    """The folder, with that configuration in it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": PREPROCESS} | more))
    return folder


def minis_weights(config: Mapping[str, Any]) -> dict[str, np.ndarray[Any, np.dtype[np.float16]]]:
    """Untrained weights of mini's form, large enough that pictures and texts come out unlike."""
    noise = np.random.default_rng(3)
    return {name: _some(noise, name, shape) for name, shape in mini.shapes(config).items()}


def minis_folder(folder: Path, config: Mapping[str, Any] = OF_MINIS_FORM, **more: Any) -> Path:
    """An untrained model of mini's form."""
    configure(folder, config, **more)
    save_file(minis_weights(config), folder / "open_clip_model.safetensors")
    return folder


def perturbed(model: Any) -> Any:
    """The model with weights, exact in half precision, that tell pictures and texts apart; fresh ones make them all alike."""
    import torch

    noise = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point() and tensor.ndim:
                tensor.copy_(_stronger(name, tensor, torch.rand(tensor.shape, generator=noise)).half())
    return model.eval()


def torch_folder(folder: Path, model: Any, config: Mapping[str, Any], **more: Any) -> Path:
    """That torch model, in half precision."""
    from safetensors.torch import save_file as save_tensors

    configure(folder, config, **more)
    tensors = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in model.state_dict().items()}
    save_tensors({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "open_clip_model.safetensors")
    return folder


def into_hub_cache(cache: Path, repository: str, folder: Path) -> None:
    """The folder's files, as if fetched from the hub."""
    place = cache / f"models--{repository.replace('/', '--')}"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("0" * 40)
    (place / "snapshots").mkdir()
    (place / "snapshots" / ("0" * 40)).symlink_to(folder, target_is_directory=True)


def _some(noise: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.float16]]:
    if name == "logit_scale":
        return np.array(np.log(20), np.float16)
    if len(shape) < 2:
        return (noise.uniform(0.5, 1.5, shape) if name.endswith(("weight", "var")) else noise.normal(0, 0.2, shape)).astype(np.float16)
    spread = 1.0 if "embedding" in name else 1.5 / np.sqrt(np.prod(shape[1:]))
    return noise.normal(0, spread, shape).astype(np.float16)


def _stronger(name: str, tensor: Any, uniform: Any) -> Any:
    if tensor.ndim >= 2:
        return 2 * tensor
    if "running_var" in name:
        return tensor * (0.5 + uniform)
    return uniform if "gamma" in name else tensor + 0.3 * (uniform - 0.5)


def siglip_tokenizer(folder: Path, vocabulary: int) -> None:
    """A tokenizer in transformers' form, its padding the same id as its end of text, as SigLIP's is."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    words = ["a photo of a cat", "two red mugs on a wooden table", "a temple in china under a blue sky", "a yellow flower"]
    made.train_from_iterator(words, trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=["<pad>", "</s>", "<unk>"], show_progress=False))
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    PreTrainedTokenizerFast(tokenizer_object=made, pad_token="</s>", eos_token="</s>", unk_token="<unk>").save_pretrained(folder)
