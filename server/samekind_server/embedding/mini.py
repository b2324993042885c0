"""Builds the towers of `mini`, and of models of its form, straight as OpenVINO graphs, so that neither torch nor open_clip is imported."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from samekind.types import Floats
from samekind_server.embedding._openvino import openvino
from samekind_server.embedding._openvino import operators as op
from samekind_server.embedding.weights import Shape

Node = Any
Weights = Mapping[str, Floats]

VISION = {"timm_model_name": "tf_efficientnet_lite0", "timm_pool": "avg", "timm_proj": "linear", "timm_proj_bias": True}
FREE = {"timm_model_pretrained", "timm_drop", "timm_drop_path", "patch_dropout", "image_size"}
TEXT = {"context_length", "vocab_size", "width", "heads", "layers"}
MODEL = {"embed_dim", "vision_cfg", "text_cfg", "quick_gelu"}

STEM, HEAD, EPSILON = 32, 1280, 1e-3
# expansion, channels, repeats, stride, kernel
STAGES = ((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3))
TRUNK, PROJECTION = "visual.trunk.", "visual.head.proj"


class Convolution(NamedTuple):
    """One convolution of EfficientNet-Lite0 (Tan and Le 2019) and the batch norm after it."""

    name: str
    norm: str
    inputs: int
    outputs: int
    size: int = 1
    stride: int = 1
    bounded: bool = True
    depthwise: bool = False


def builds(config: Mapping[str, Any]) -> bool:
    """Whether a model of this configuration is of mini's form."""
    vision, text = _said(config["vision_cfg"]), _said(config["text_cfg"])
    fixed = {key: value for key, value in vision.items() if key not in FREE}
    return fixed == VISION and text.keys() == TEXT and isinstance(vision.get("image_size"), int) and _said(config).keys() <= MODEL


def shapes(config: Mapping[str, Any]) -> dict[str, Shape]:
    """Every tensor that a model of mini's form has."""
    text, dimensions = config["text_cfg"], config["embed_dim"]
    width = text["width"]
    found: dict[str, Shape] = {"logit_scale": (), "positional_embedding": (text["context_length"], width), "text_projection": (width, dimensions)}
    found |= {"token_embedding.weight": (text["vocab_size"], width)}
    found |= _linear_shapes(PROJECTION, (dimensions, HEAD)) | _norm_shapes("ln_final", width)
    for layer in range(text["layers"]):
        found |= _layer_shapes(f"transformer.resblocks.{layer}.", width)
    for convolution in _convolutions():
        found |= _convolution_shapes(convolution)
    return found


def image_tower(config: Mapping[str, Any], weights: Weights) -> openvino.Model:
    """timm's tf_efficientnet_lite0, averaged over the picture and led through a linear map, its batch norms folded into the convolutions."""
    size = config["vision_cfg"]["image_size"]
    pixels = op.parameter([-1, 3, size, size], np.float32)
    x: Node = pixels
    for block in _blocks():
        start = x
        for convolution in block:
            x = _convolve(x, convolution, weights)
        residual = len(block) == 3 and block[1].stride == 1 and block[0].inputs == block[2].outputs
        x = op.add(start, x) if residual else x
    pooled = op.reduce_mean(x, _ints([2, 3]), False)
    projected = _linear(pooled, weights[f"{PROJECTION}.weight"], weights[f"{PROJECTION}.bias"])
    return openvino.Model([projected], [pixels], "images")


def text_tower(config: Mapping[str, Any], weights: Weights) -> openvino.Model:
    """CLIP's causal text transformer (Radford et al. 2021) for ids of any length up to its context."""
    text = config["text_cfg"]
    given = op.parameter([-1, -1], np.int64)
    ids, length = op.convert(given, "i32"), op.gather(op.shape_of(given), _ints([1]), _ints(0))
    x = op.gather(_constant(weights["token_embedding.weight"]), ids, _ints(0))
    x = op.add(x, op.slice(_constant(weights["positional_embedding"]), _ints([0]), length, _ints([1]), _ints([0])))
    mask = _causal_mask(text["context_length"], length)
    for layer in range(text["layers"]):
        x = _layer(x, mask, f"transformer.resblocks.{layer}.", weights, heads=text["heads"], quick=bool(config.get("quick_gelu")))
    ends = op.topk(ids, _ints(1), 1, "max", "value", index_element_type="i32").output(1)
    pooled = op.squeeze(op.gather(x, ends, _ints(1), 1), _ints([1]))
    projected = op.matmul(_normalise(pooled, "ln_final", weights), _constant(weights["text_projection"]), False, False)
    return openvino.Model([projected], [given], "texts")


def _blocks() -> Iterator[list[Convolution]]:
    yield [Convolution("conv_stem", "bn1", 3, STEM, size=3, stride=2)]
    inputs = STEM
    for stage, (expansion, outputs, repeats, stride, kernel) in enumerate(STAGES):
        for repeat in range(repeats):
            yield list(_block(f"blocks.{stage}.{repeat}.", inputs, expansion, outputs, stride if repeat == 0 else 1, kernel))
            inputs = outputs
    yield [Convolution("conv_head", "bn2", inputs, HEAD)]


def _block(at: str, inputs: int, expansion: int, outputs: int, stride: int, kernel: int) -> Iterator[Convolution]:
    wide = inputs * expansion
    if expansion == 1:
        yield Convolution(f"{at}conv_dw", f"{at}bn1", wide, wide, size=kernel, stride=stride, depthwise=True)
        yield Convolution(f"{at}conv_pw", f"{at}bn2", wide, outputs, bounded=False)
        return
    yield Convolution(f"{at}conv_pw", f"{at}bn1", inputs, wide)
    yield Convolution(f"{at}conv_dw", f"{at}bn2", wide, wide, size=kernel, stride=stride, depthwise=True)
    yield Convolution(f"{at}conv_pwl", f"{at}bn3", wide, outputs, bounded=False)


def _convolutions() -> Iterator[Convolution]:
    return (convolution for block in _blocks() for convolution in block)


def _convolve(x: Node, form: Convolution, weights: Weights) -> Node:
    gain = weights[f"{TRUNK}{form.norm}.weight"] / np.sqrt(weights[f"{TRUNK}{form.norm}.running_var"].astype(np.float64) + EPSILON)
    bias = weights[f"{TRUNK}{form.norm}.bias"] - weights[f"{TRUNK}{form.norm}.running_mean"] * gain
    kernel = weights[f"{TRUNK}{form.name}.weight"] * gain[:, None, None, None]
    convolve, kernel = (op.group_convolution, kernel[:, None]) if form.depthwise else (op.convolution, kernel)
    x = convolve(x, _constant(kernel), [form.stride] * 2, [0, 0], [0, 0], [1, 1], auto_pad="same_upper")
    x = op.add(x, _constant(bias[None, :, None, None]))
    return op.clamp(x, 0.0, 6.0) if form.bounded else x


def _layer(x: Node, mask: Node, at: str, weights: Weights, *, heads: int, quick: bool) -> Node:
    x = op.add(x, _attend(_normalise(x, f"{at}ln_1", weights), mask, f"{at}attn.", weights, heads))
    wide = _linear(_normalise(x, f"{at}ln_2", weights), weights[f"{at}mlp.c_fc.weight"], weights[f"{at}mlp.c_fc.bias"])
    bent = op.multiply(wide, op.sigmoid(op.multiply(wide, _constant(np.array(1.702))))) if quick else op.gelu(wide, "erf")
    return op.add(x, _linear(bent, weights[f"{at}mlp.c_proj.weight"], weights[f"{at}mlp.c_proj.bias"]))


def _attend(x: Node, mask: Node, at: str, weights: Weights, heads: int) -> Node:
    width = weights[f"{at}out_proj.bias"].size
    kernels, biases = np.split(weights[f"{at}in_proj_weight"], 3), np.split(weights[f"{at}in_proj_bias"], 3)
    query, key, value = (_heads(_linear(x, kernel, bias), heads, width) for kernel, bias in zip(kernels, biases, strict=True))
    scores = op.matmul(op.multiply(query, _constant(np.array((width // heads) ** -0.5))), key, False, True)
    seen = op.matmul(op.softmax(op.add(scores, mask), -1), value, False, False)
    together = op.reshape(op.transpose(seen, _ints([0, 2, 1, 3])), _ints([0, 0, width]), True)
    return _linear(together, weights[f"{at}out_proj.weight"], weights[f"{at}out_proj.bias"])


def _heads(x: Node, heads: int, width: int) -> Node:
    return op.transpose(op.reshape(x, _ints([0, 0, heads, width // heads]), True), _ints([0, 2, 1, 3]))


def _causal_mask(context: int, length: Node) -> Node:
    later = np.triu(np.full((context, context), -1e9), 1)
    return op.slice(_constant(later), _ints([0, 0]), op.concat([length, length], 0), _ints([1, 1]), _ints([0, 1]))


def _normalise(x: Node, name: str, weights: Weights) -> Node:
    centred = op.mvn(x, _ints([-1]), True, 1e-5, "inside_sqrt")
    return op.add(op.multiply(centred, _constant(weights[f"{name}.weight"])), _constant(weights[f"{name}.bias"]))


def _linear(x: Node, kernel: Floats, bias: Floats) -> Node:
    return op.add(op.matmul(x, _constant(kernel), False, True), _constant(bias))


def _constant(values: NDArray[Any]) -> Node:
    return op.constant(np.array(values, np.float32, order="C"))


def _ints(values: int | list[int]) -> Node:
    return op.constant(np.array(values, np.int64))


def _convolution_shapes(form: Convolution) -> dict[str, Shape]:
    kernel = (form.outputs, 1 if form.depthwise else form.inputs, form.size, form.size)
    norms = ("weight", "bias", "running_mean", "running_var")
    return {f"{TRUNK}{form.name}.weight": kernel} | {f"{TRUNK}{form.norm}.{part}": (form.outputs,) for part in norms}


def _layer_shapes(at: str, width: int) -> dict[str, Shape]:
    attention: dict[str, Shape] = {f"{at}attn.in_proj_weight": (3 * width, width), f"{at}attn.in_proj_bias": (3 * width,)}
    linear = {f"{at}attn.out_proj": (width, width), f"{at}mlp.c_fc": (4 * width, width), f"{at}mlp.c_proj": (width, 4 * width)}
    for name, kernel in linear.items():
        attention |= _linear_shapes(name, kernel)
    return attention | _norm_shapes(f"{at}ln_1", width) | _norm_shapes(f"{at}ln_2", width)


def _linear_shapes(name: str, kernel: tuple[int, int]) -> dict[str, Shape]:
    return {f"{name}.weight": kernel, f"{name}.bias": kernel[:1]}


def _norm_shapes(name: str, width: int) -> dict[str, Shape]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _said(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if value not in (None, False)}
