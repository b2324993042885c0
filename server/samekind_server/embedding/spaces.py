"""Names the space a model's vectors are of, so that vectors of two spaces are never taken for one another's."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

# They bear on probabilities, on training or on nothing, never on a vector.
NO_PART_OF_A_VECTOR = {"logit_scale", "logit_bias", "num_batches_tracked"}
NO_PART_OF_A_FORM = {
    "custom_text",
    "hf_model_pretrained",
    "hf_tokenizer_name",
    "init_logit_bias",
    "init_logit_scale",
    "multimodal_cfg",
    "output_tokens",
    "patch_dropout",
    "timm_drop",
    "timm_drop_path",
    "timm_model_pretrained",
    "tokenizer_kwargs",
    "tokenizer_mode",
}


def weights_digest(tensors: Mapping[str, NDArray[Any]]) -> str:
    """A digest of what the tensors hold: the same for another file format, another order, or half precision made whole."""
    digest = hashlib.sha256()
    for name in sorted(tensors, key=_plain):
        if name.rpartition(".")[2] not in NO_PART_OF_A_VECTOR:
            whole = np.ascontiguousarray(tensors[name], dtype="<f4")
            digest.update(f"{_plain(name)}{list(whole.shape)}".encode())
            digest.update(whole.data)
    return digest.hexdigest()


def form_digest(config: Mapping[str, Any], preprocess: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> str:
    """A digest of how the weights are used: the architecture, the preprocessing and the tokenizer."""
    form = {"model": _said(config), "preprocess": preprocess, "tokenizer": tokenizer}
    return hashlib.sha256(json.dumps(form, sort_keys=True, default=list).encode()).hexdigest()


def space(weights: str, form: str, dimensions: int) -> str:
    """The space of vectors so made, e.g. `9c1b04de3f2a5d71-256`."""
    return f"{hashlib.sha256(f'{weights} {form}'.encode()).hexdigest()[:16]}-{dimensions}"


def truncated(space: str, dimensions: int) -> str:
    """The space of the same vectors cut to their first `dimensions` numbers, e.g. `9c1b04de3f2a5d71-128`."""
    return f"{space.rpartition('-')[0]}-{dimensions}"


def _plain(name: str) -> str:
    return name.removeprefix("text.")


def _said(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration without what says nothing: empty values, and what has no part in a vector."""
    said = {key: _said(value) if isinstance(value, Mapping) else value for key, value in config.items() if key not in NO_PART_OF_A_FORM}
    return {key: value for key, value in said.items() if value is not None and value is not False and value not in ("", {})}
