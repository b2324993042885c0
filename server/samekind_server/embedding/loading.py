"""Makes a model ready for use: finds it, checks it, gives it a runtime, measures it and names its space."""

import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from samekind.types import Model, Precision, ScoreKind
from samekind_server.embedding import converted, converting, mini, spaces, weights
from samekind_server.embedding.base import Encoder, Runtime, Tokenizer
from samekind_server.embedding.cutting import after_largest
from samekind_server.embedding.hub import Hub
from samekind_server.embedding.openvino_runtime import OpenVinoRuntime
from samekind_server.embedding.resident import give_back, resident
from samekind_server.embedding.shelf import Shelf
from samekind_server.embedding.sources import Source, find
from samekind_server.embedding.tokenizing import Said, tokenizer_of
from samekind_server.embedding.weights import Learnt

_MEASURING = threading.Lock()  # What one model takes is seen only while no other is being made.


def load(name: str, *, offline: bool, precision: Precision | None, cache_dir: Path, threads: int = 0) -> Encoder:
    """The model of that name, ready for use. Raises NotFound, BadModel or ModelUnavailable.

    With `precision` None it computes as fast as the processor can; `threads` 0 takes all cores.
    """
    return ready(find(name, Hub(cache_dir, offline)), precision=precision, cache_dir=cache_dir, threads=threads)


def ready(source: Source, *, precision: Precision | None, cache_dir: Path, threads: int = 0) -> Encoder:
    """The same for a model whose files were found."""
    encoder, converted_to = _ready(source, precision, cache_dir, threads)
    if cache_dir.is_dir() and source.name != "mini":
        Shelf(cache_dir).note(source, encoder.model, converted_to)
    return encoder


def _ready(source: Source, precision: Precision | None, cache_dir: Path, threads: int) -> tuple[Encoder, Path | None]:
    """And the folder of what it was converted to."""
    if is_of_minis_form(source):
        return _built(source, precision, threads), None
    if not converting.has_device():
        made = converted.of(source, cache_dir, threads=threads)
        if chosen := converting.agreed(source, made, precision):
            return _converted(source, made, chosen, threads), made.folder
    return _through_torch(source, precision, threads), None


def is_of_minis_form(source: Source) -> bool:
    """Whether it is built straight as OpenVINO graphs, and needs no conversion."""
    return source.weights.suffix == ".safetensors" and mini.builds(source.config)


def _built(source: Source, precision: Precision | None, threads: int) -> Encoder:
    def make() -> tuple[Runtime, Learnt]:
        arrays = weights.read_arrays(source.weights)
        weights.check(source.weights, mini.shapes(source.config), {name: array.shape for name, array in arrays.items()})
        weights.check_finite(source.weights, arrays.items())
        towers = mini.image_tower(source.config, arrays), mini.text_tower(source.config, arrays)
        return OpenVinoRuntime(*towers, precision=precision, threads=threads, cut=after_largest), weights.learnt(arrays)

    return _encoder(source, *tokenizer_of(source), make)


def _converted(source: Source, made: converted.Converted, precision: Precision, threads: int) -> Encoder:
    words = tokenizer_of(source, made.folder, made.words)
    return _encoder(source, *words, lambda: (converting.with_openvino(made, precision, threads), made.learnt))


def _through_torch(source: Source, precision: Precision | None, threads: int) -> Encoder:
    return _encoder(source, *tokenizer_of(source), lambda: converting.with_torch(source, precision, threads))


def _encoder(source: Source, tokenizer: Tokenizer, said: Said, make: Callable[[], tuple[Runtime, Learnt]]) -> Encoder:
    runtime, known, memory = _measured(source, tokenizer, make)
    dimensions = int(source.config["embed_dim"])
    preprocess = asdict(source.preprocess) | {"size": source.preprocess.height_width}
    model = Model(
        name=source.name,
        space=spaces.space(known.digest, spaces.form_digest(source.form, preprocess, said), dimensions),
        dimensions=dimensions,
        prefix_dimensions=source.prefixes,
        context_length=source.context_length,
        image_size=max(source.preprocess.height_width),
        parameters=known.parameters,
        score_kind=ScoreKind.SOFTMAX if known.bias is None else ScoreKind.SIGMOID,
        runtime=runtime.name,
        precision=runtime.precision,
    )
    return Encoder(model, source.preprocess, tokenizer, runtime, known.scale, known.bias or 0.0, memory)


def _measured(source: Source, tokenizer: Tokenizer, make: Callable[[], tuple[Runtime, Learnt]]) -> tuple[Runtime, Learnt, int]:
    """What is made, and the memory it takes once it has looked at an image and a text: at least what its numbers do."""
    grey, words = np.full((1, 3, *source.preprocess.height_width), 0.5, np.float32), tokenizer(["awake"]).ids
    with _MEASURING:
        give_back()  # Of what others have done with, which would be counted off.
        before = resident()
        runtime, known = make()
        runtime.images(grey)
        runtime.texts(words)
        give_back()  # Of what making it needed and it does not.
        grown = resident() - before
    return runtime, known, max(grown, known.parameters * (2 if runtime.precision is Precision.FAST else 4))
