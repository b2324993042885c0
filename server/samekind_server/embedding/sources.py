"""Finds a model's files by its name, and reads the configuration that says how they are used."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from samekind.errors import BadModel
from samekind_server.embedding.hub import Hub
from samekind_server.embedding.images import Preprocess
from samekind_server.embedding.open_clip_names import described

HUB, FOLDER = "hf-hub:", "local-dir:"
MINI = Path(__file__).parent.parent / "models" / "mini"
CONFIG = "open_clip_config.json"
WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "model.safetensors",
    "pytorch_model.bin",
    "pytorch_model.pth",
    "model.pth",
)
WAYS = {"interpolation": ("bicubic", "bilinear"), "resize_mode": ("shortest", "longest", "squash")}
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt", "*.model")


@dataclass(frozen=True)
class Source:
    """A model's files, all on this machine; `prefixes` are the dimensions its vectors may be cut to."""

    name: str
    config: Mapping[str, Any]
    preprocess: Preprocess
    weights: Path
    tokenizer: Path | None = None
    prefixes: tuple[int, ...] = ()

    @property
    def text(self) -> dict[str, Any]:
        """The configuration of the text tower."""
        return dict(self.config["text_cfg"])

    @property
    def form(self) -> dict[str, Any]:
        """The configuration, the same wherever the model's files lie."""
        tower = self.text.get("hf_model_name")
        said = {"hf_model_name": hashlib.sha256(Path(tower, "config.json").read_bytes()).hexdigest()} if tower else {}
        return {**self.config, "text_cfg": self.text | said}

    @property
    def context_length(self) -> int:
        """Tokens that the text tower reads."""
        return int(self.text.get("context_length") or 77)


def to_plain(source: Source) -> dict[str, Any]:
    """The source as JSON has it."""
    return asdict(source) | {"weights": str(source.weights), "tokenizer": source.tokenizer and str(source.tokenizer)}


def from_plain(plain: Mapping[str, Any]) -> Source:
    """The source that `to_plain` made so."""
    said: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in plain["preprocess"].items()}
    files = {"weights": Path(plain["weights"]), "tokenizer": Path(plain["tokenizer"]) if plain["tokenizer"] else None}
    return Source(**{**plain, **files, "preprocess": Preprocess(**said), "prefixes": tuple(plain["prefixes"])})


def find(name: str, hub: Hub) -> Source:
    """The files of the model of that name. Raises NotFound, BadModel or ModelUnavailable."""
    if name == "mini":
        return _in_folder(name, MINI)
    hub.keep_still()
    if name.startswith(FOLDER):
        source = _complete(_in_folder(name, Path(name.removeprefix(FOLDER)).expanduser()), hub)
    else:
        source = _complete(_on_hub(name, hub) if name.startswith(HUB) else _of_open_clip(name, hub), hub)
    hub.settle()
    return source


def _in_folder(name: str, folder: Path) -> Source:
    if not folder.is_dir():
        raise BadModel(f"{name}: there is no folder {folder}")
    return replace(_configured(name, folder / CONFIG), weights=_weights_in(folder))


def _on_hub(name: str, hub: Hub) -> Source:
    repository = name.removeprefix(HUB)
    source = _configured(name, hub.file(name, repository, [CONFIG]))
    return replace(source, weights=hub.file(name, repository, WEIGHTS))


def _of_open_clip(name: str, hub: Hub) -> Source:
    known = described(name, hub.cache, hub.cached())
    config, said = known["config"], known["said"]
    # The tag knows which GELU its weights were trained with; open_clip itself only warns where the name says another.
    config["quick_gelu"] = bool(config.get("quick_gelu") or said.get("quick_gelu"))
    repository, _, file = said["hf_hub"].rpartition("/")
    weights = hub.file(name, repository, [str(Path(file).with_suffix(".safetensors")), file] if file else WEIGHTS)
    return Source(name, config, _preprocess(config, said), weights)


def _complete(source: Source, hub: Hub) -> Source:
    """With the tokenizer, and the text tower's own configuration, where the model has them elsewhere."""
    tower = source.text.get("hf_model_name")
    if tower:
        source = replace(source, config={**source.config, "text_cfg": {**source.text, "hf_model_name": _tower(source.name, tower, hub)}})
    if not source.text.get("hf_tokenizer_name"):
        return source
    if not source.name.startswith(FOLDER):
        return replace(source, tokenizer=hub.folder(source.name, source.text["hf_tokenizer_name"], TOKENIZER))
    folder = source.weights.parent
    if not any((folder / file).is_file() for file in ("tokenizer.json", "tokenizer_config.json")):
        raise BadModel(f"{folder} lacks the model's tokenizer, tokenizer.json and tokenizer_config.json")
    return replace(source, tokenizer=folder)


def _tower(name: str, repository: str, hub: Hub) -> str:
    """A folder with the configuration of a text tower of transformers; its weights are in the model's own."""
    file = hub.file(name, repository, ["config.json"])
    if "auto_map" in json.loads(file.read_text(encoding="utf-8")):
        raise BadModel(f"{name}: {file} asks to run code of its own; models are loaded as data only")
    return str(file.parent)


def _weights_in(folder: Path) -> Path:
    named = [folder / file for file in WEIGHTS if (folder / file).is_file()]
    others = [file for pattern in ("*.safetensors", "*.bin", "*.pth", "*.pt") for file in sorted(folder.glob(pattern))]
    if named or len(others) == 1:
        return (named or others)[0]
    there = f"there are {_listed(file.name for file in others)}" if others else "there is none"
    raise BadModel(f"{folder} must hold its weights as {WEIGHTS[0]}: {there}")


def _configured(name: str, file: Path) -> Source:
    """A source with its configuration, its weights still to be found."""
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
        config = read["model_cfg"]
        source = Source(name, config, _preprocess(config, read.get("preprocess_cfg") or {}), file, None, _prefixes(read))
        _refuse_code(source)
    except FileNotFoundError:
        raise BadModel(f"{file} is missing: a model's folder holds {CONFIG} and {WEIGHTS[0]}") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadModel(f"{file} is not a model's configuration: {type(error).__name__}: {error}") from None
    return source


def _prefixes(read: Mapping[str, Any]) -> tuple[int, ...]:
    width, prefixes = int(read["model_cfg"]["embed_dim"]), tuple(int(prefix) for prefix in read.get("samekind", {}).get("prefix_dimensions", ()))
    if any(not 0 < prefix < width for prefix in prefixes):
        raise ValueError(f"prefix_dimensions {list(prefixes)} must lie between 1 and {width - 1}")
    return prefixes


def _preprocess(config: Mapping[str, Any], said: Mapping[str, Any]) -> Preprocess:
    """As open_clip has it: what is said, the defaults where nothing is, and always the tower's own size."""
    size = config["vision_cfg"].get("image_size", 224)
    given = {key: said[key] for key in ("interpolation", "resize_mode", "fill_color") if said.get(key) is not None}
    given |= {key: tuple(float(value) for value in said[key]) for key in ("mean", "std") if said.get(key) is not None}
    if any(given.get(key, ways[0]) not in ways for key, ways in WAYS.items()):
        raise ValueError(f"preprocess_cfg {given} asks for a way of resizing other than {WAYS}")
    return Preprocess(size=size if isinstance(size, int) else (int(size[0]), int(size[1])), **given)


def _refuse_code(source: Source) -> None:
    timm, tokenizer = str(source.config["vision_cfg"].get("timm_model_name") or ""), source.text.get("tokenizer_kwargs") or {}
    if ":" in timm or "trust_remote_code" in tokenizer:
        raise ValueError("it asks for code or files from elsewhere, and models are loaded as data only")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
