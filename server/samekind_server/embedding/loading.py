"""Makes a model ready for use: finds it, checks it, gives it a runtime and names its space."""

import gc
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from samekind.types import Floats, Model, Precision, ScoreKind
from samekind_server.embedding import spaces, weights
from samekind_server.embedding.base import Encoder, Runtime
from samekind_server.embedding.cutting import after_largest
from samekind_server.embedding.hub import Hub
from samekind_server.embedding.sources import Source, find
from samekind_server.embedding.tokenizing import tokenizer_of


def load(name: str, *, offline: bool, precision: Precision | None, cache_dir: Path, threads: int = 0) -> Encoder:
    """The model of that name, ready for use. Raises NotFound, BadModel or ModelUnavailable.

    With `precision` None it computes as fast as the processor can; `threads` 0 takes all cores.
    """
    source = find(name, Hub(cache_dir, offline))
    if _is_of_minis_form(source):
        return _built(source, precision, threads)
    encoder = _through_torch(source, precision, threads, cache_dir)
    gc.collect()  # Of what conversion left in cycles, which is the size of the model.
    return encoder


def _is_of_minis_form(source: Source) -> bool:
    from samekind_server.embedding import mini

    return source.weights.suffix == ".safetensors" and mini.builds(source.config)


def _built(source: Source, precision: Precision | None, threads: int) -> Encoder:
    from samekind_server.embedding import mini
    from samekind_server.embedding.openvino_runtime import OpenVinoRuntime

    arrays = weights.read_arrays(source.weights)
    weights.check(source.weights, mini.shapes(source.config), {name: array.shape for name, array in arrays.items()})
    weights.check_finite(source.weights, arrays.items())
    towers = mini.image_tower(source.config, arrays), mini.text_tower(source.config, arrays)
    return _encoder(source, arrays, OpenVinoRuntime(*towers, precision=precision, threads=threads, cut=after_largest))


def _through_torch(source: Source, precision: Precision | None, threads: int, cache_dir: Path) -> Encoder:
    from samekind_server.embedding import converting, torch_models

    model = torch_models.build(source)
    return _encoder(source, torch_models.arrays(model), converting.runtime(source, model, precision, threads, cache_dir))


def _encoder(source: Source, arrays: Mapping[str, Floats], runtime: Runtime) -> Encoder:
    tokenizer, said = tokenizer_of(source)
    dimensions = int(source.config["embed_dim"])
    preprocess = asdict(source.preprocess) | {"size": source.preprocess.height_width}
    model = Model(
        name=source.name,
        space=spaces.space(spaces.weights_digest(arrays), spaces.form_digest(source.config, preprocess, said), dimensions),
        dimensions=dimensions,
        prefix_dimensions=source.prefixes,
        context_length=source.context_length,
        image_size=max(source.preprocess.height_width),
        parameters=weights.parameters(arrays),
        score_kind=ScoreKind.SIGMOID if "logit_bias" in arrays else ScoreKind.SOFTMAX,
        runtime=runtime.name,
        precision=runtime.precision,
    )
    scale, bias = arrays["logit_scale"], arrays.get("logit_bias", np.zeros(1, np.float32))
    return Encoder(model, source.preprocess, tokenizer, runtime, float(np.exp(scale).item()), float(bias.item()))
