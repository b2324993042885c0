"""Builds open_clip's models with checked weights; an untrained tensor never goes unnoticed."""

import json
from collections.abc import Mapping
from typing import Any

import open_clip
import torch
from numpy.typing import NDArray
from open_clip.convert import convert_state_dict
from open_clip.model import convert_to_custom_text_state_dict
from torch import nn

from samekind.errors import BadModel
from samekind_server.embedding.cutting import End
from samekind_server.embedding.sources import Source
from samekind_server.embedding.weights import COUNTERS, check, check_finite, read_tensors

POSITION_IDS = "text.transformer.embeddings.position_ids"  # Written by older transformers; no weight.


class ImageTower(nn.Module):
    """Pixels to features, (n, dimensions), not yet of unit length."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, 3, height, width) float32."""
        features: torch.Tensor = self.model.encode_image(pixels)
        return features


class WholeTextTower(nn.Module):
    """Token ids to features, (n, dimensions), not yet of unit length."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """(n, context length) int64."""
        features: torch.Tensor = self.model.encode_text(ids)
        return features


class CausalTextTower(nn.Module):
    """The same for ids cut short: what open_clip's text tower does, on as many positions as are given.

    Features are taken at the token `end`, or, where that is None, at the largest id.
    """

    def __init__(self, tower: Any, end: int | None) -> None:
        super().__init__()
        self.tower, self.end = tower, end

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """(n, up to context length) int64."""
        tower, length = self.tower, ids.shape[1]
        x = tower.token_embedding(ids) + tower.positional_embedding[:length]
        x = tower.ln_final(tower.transformer(x, attn_mask=tower.attn_mask[:length, :length]))
        ends = ids.argmax(dim=-1) if self.end is None else (ids == self.end).int().argmax(dim=-1)
        pooled, projection = x[torch.arange(x.shape[0], device=x.device), ends], tower.text_projection
        features: torch.Tensor = projection(pooled) if isinstance(projection, nn.Linear) else pooled @ projection
        return features


def build(source: Source) -> nn.Module:
    """The model with its weights, in float32, for evaluation. Raises BadModel."""
    model: nn.Module = _untrained(source)
    tensors = _of_this_form(read_tensors(source.weights), model)
    check(source.weights, _shapes(model.state_dict()), _shapes(tensors))
    check_finite(source.weights, ((name, tensor.float().numpy()) for name, tensor in tensors.items()))
    model.load_state_dict(tensors, strict=False)
    model.eval().requires_grad_(False)
    return model


def arrays(model: nn.Module) -> dict[str, NDArray[Any]]:
    """The model's weights by name."""
    return {name: tensor.numpy() for name, tensor in model.state_dict().items() if not name.endswith(COUNTERS)}


def text_tower(model: nn.Module) -> tuple[nn.Module, End]:
    """The text tower, and where its texts may be cut."""
    tower: Any = getattr(model, "text", model)
    pool = getattr(tower, "text_pool_type", None) or getattr(tower, "pool_type", None)
    causal = getattr(tower, "attn_mask", None) is not None and getattr(tower, "cls_emb", None) is None and tower.text_projection is not None
    if causal and pool == "argmax":
        return CausalTextTower(tower, None), "largest"
    if causal and pool == "eos":
        end = int(getattr(tower, "text_eos_id", None) or tower.eos_id)
        return CausalTextTower(tower, end), end
    return WholeTextTower(model), "context"


def _untrained(source: Source) -> Any:
    config = json.loads(json.dumps(source.config))
    config["vision_cfg"]["timm_model_pretrained"] = config["text_cfg"]["hf_model_pretrained"] = False
    custom = config.pop("custom_text", False) or config["text_cfg"].get("hf_model_name")
    form = open_clip.CoCa if custom and "multimodal_cfg" in config else open_clip.CustomTextCLIP if custom else open_clip.CLIP
    try:
        return form(**config)
    except (TypeError, ValueError, RuntimeError, KeyError, AssertionError, AttributeError) as error:
        raise BadModel(f"{source.name}: open_clip cannot build this configuration: {type(error).__name__}: {error}") from error


def _of_this_form(tensors: dict[str, torch.Tensor], model: Any) -> dict[str, torch.Tensor]:
    """Older and others' ways of naming tensors, put as open_clip now has them."""
    tensors = convert_state_dict(model, tensors)
    if "positional_embedding" in tensors and not hasattr(model, "positional_embedding"):
        tensors = convert_to_custom_text_state_dict(tensors)
    for name in ("logit_scale", "logit_bias"):
        if name in tensors and getattr(model, name) is not None and tensors[name].numel() == 1:
            tensors[name] = tensors[name].reshape(getattr(model, name).shape)
    return {name: tensor for name, tensor in tensors.items() if name != POSITION_IDS}


def _shapes(tensors: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}
