"""The server's settings: one table, read from the command line, the environment and a file, in that order."""

import argparse
import difflib
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NoReturn

from samekind import __version__
from samekind.errors import SettingError
from samekind.types import Precision

MIB = 1 << 20
PREFIX = "SAMEKIND_"
CLIENTS_OWN = {*(PREFIX + name for name in ("SERVER", "KEY", "TLS", "CA", "CERT", "CERT_KEY")), "SAMEKIND_TRAINING_DATA"}
CHOICES = {
    "precision": ("auto", *(precision.value for precision in Precision)),
    "log_level": ("debug", "info", "warning", "error"),
    "log_format": ("text", "json"),
}
TRUTHS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
Value = str | int | float | bool | tuple[str, ...]


def _row(default: Any, told: str) -> Any:
    return field(default=default, metadata={"help": told})


@dataclass(frozen=True)
class Settings:
    """Every setting's value; a row's default gives its type."""

    data: str = _row("", "folder for all that the server keeps, made if absent; empty: $XDG_DATA_HOME/samekind")
    model: tuple[str, ...] = _row(
        ("mini",), "model to serve: mini, an open_clip NAME/TAG, hf-hub:ORG/NAME or local-dir:PATH; repeat for more, the first answers by default"
    )
    lazy: bool = _row(False, "load only the first model at the start, the others when they are first asked for")
    model_memory: int = _row(0, "memory for loaded models, in bytes: beyond it those used longest ago are unloaded, the first one never; 0: no bound")
    host: str = _row("127.0.0.1", "address to listen on; any but a loopback one needs keys and TLS, or --insecure")
    port: int = _row(50051, "port to listen on; 0 takes a free one")
    insecure: bool = _row(False, "listen beyond this machine without keys and encryption")
    keys: str = _row("", "file of keys, made by `samekind keys add`; empty: keys.json in the data folder, where it is there")
    tls_cert: str = _row("", "PEM file of the certificate, and its chain, to speak TLS with; may be renewed while the server runs")
    tls_key: str = _row("", "PEM file of the certificate's key")
    tls_client_ca: str = _row("", "PEM file of the authority that every client's certificate must come from; empty: clients need none")
    audit_log: str = _row("auto", "file of writes and refusals; auto: audit.log in the data folder once keys are asked for; empty: none")
    offline: bool = _row(False, "never touch a network: models come from this machine alone")
    precision: str = _row("auto", "exact (float32, as open_clip), fast (bfloat16, if quicker) or auto: fast where the processor has bfloat16")
    threads: int = _row(0, "processor threads a model computes with; 0: all cores")
    decoders: int = _row(2, "images decoded at the same time in each lane, interactive and bulk")
    max_message_bytes: int = _row(64 * MIB, "largest request taken, in bytes")
    max_image_bytes: int = _row(20 * MIB, "largest image file taken, in bytes")
    max_image_pixels: int = _row(50_000_000, "most pixels an image may declare")
    label_cache_bytes: int = _row(256 * MIB, "memory for the vectors of labels asked before, in bytes")
    text_cache_bytes: int = _row(64 * MIB, "memory for the vectors of texts asked before, in bytes")
    max_bytes_under_way: int = _row(512 * MIB, "bytes of contents under way at once before more is refused; one caller gets at most half")
    max_pixels_under_way: int = _row(4_000_000_000, "pixels that images under way declare before more is refused; one caller gets at most half")
    max_wait: float = _row(4.0, "seconds of work that may wait before more is refused")
    model_timeout: float = _row(60.0, "seconds after which a call of a model is taken to hang, and the model made afresh")
    learn_every: float = _row(60.0, "seconds between two times that one catalog's events are learned from, at least")
    learn_memory: int = _row(4096 * MIB, "most memory that learning from events takes, in bytes, in a process of its own")
    ease_items: int = _row(10_000, "items with events up to which EASE learns from all pairs of them; beyond that ALS alone does")
    grace: float = _row(10.0, "seconds that requests under way get to finish when the server is told to stop")
    log_level: str = _row("warning", "debug, info, warning or error")
    log_format: str = _row("text", "text, or json: one object a line")
    access_log: str = _row("off", "where a line for each call goes: off, stdout, stderr or a file")
    metrics: str = _row("", "address for /metrics, /healthz and /readyz over HTTP, as PORT (of this machine alone) or HOST:PORT; empty: none")
    web: str = _row("", "address for JSON over HTTP, as PORT (of this machine alone) or HOST:PORT, held to keys and TLS as `host` is; empty: none")
    traces: str = _row("", "OpenTelemetry collector, by OTLP over HTTP, as in http://localhost:4318; empty: OTEL_EXPORTER_OTLP_ENDPOINT, or none")

    def folder(self, environment: Mapping[str, str]) -> Path:
        """Where the server keeps what it keeps."""
        return Path(self.data or Path(environment.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "samekind").absolute()


@dataclass(frozen=True)
class Setting:
    """One row of the table."""

    name: str
    default: Value
    help: str

    @property
    def flag(self) -> str:
        """As on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """As in the environment."""
        return PREFIX + self.name.upper()


SETTINGS = tuple(Setting(row.name, getattr(Settings, row.name), row.metadata["help"]) for row in fields(Settings))


def read(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """The settings given, the rest at their defaults. Raises SettingError for one that is not known or cannot be."""
    given = vars(_parser().parse_args(arguments))
    file = given.pop("config")
    values = (_from_file(Path(file)) if file else {}) | _from_environment(environment) | given
    checked: dict[str, Any] = {setting.name: _checked(setting, values[setting.name]) for setting in SETTINGS if setting.name in values}
    return Settings(**checked)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingError(f"{message}; `samekind serve --help` lists the settings")


def _parser() -> _Parser:
    parser = _Parser("samekind serve", description="Serves samekind over gRPC.", argument_default=argparse.SUPPRESS, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"samekind {__version__}")
    parser.add_argument("--config", metavar="FILE", default="", help="TOML file of these settings; the environment and arguments stand above it")
    for setting in SETTINGS:
        if isinstance(setting.default, bool):
            parser.add_argument(setting.flag, action=argparse.BooleanOptionalAction, help=setting.help)
        else:
            many: dict[str, Any] = {"action": "append"} if isinstance(setting.default, tuple) else {}
            parser.add_argument(setting.flag, metavar=setting.name.upper(), help=f"{setting.help} (default: {_shown(setting.default)})", **many)
    return parser


def _shown(default: Value) -> str:
    return ", ".join(default) if isinstance(default, tuple) else str(default) or "empty"


def _from_environment(environment: Mapping[str, str]) -> dict[str, Value]:
    names = {setting.variable: setting.name for setting in SETTINGS}
    given = {key: value for key, value in environment.items() if key.startswith(PREFIX) and key not in CLIENTS_OWN}
    for key in given.keys() - names.keys():
        raise _unknown(f"the environment variable {key}", key, names)
    return {names[key]: value for key, value in given.items()}


def _from_file(path: Path) -> dict[str, Value]:
    try:
        given = tomllib.loads(path.read_text())
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"cannot read the settings file {path}: {error}") from None
    names = [setting.name for setting in SETTINGS]
    for key in given.keys() - set(names):
        raise _unknown(f"{key!r} in {path}", key, names)
    return given


def _unknown(what: str, key: str, known: Collection[str]) -> SettingError:
    near = difflib.get_close_matches(key, known, 1)
    hint = f"did you mean {near[0]}? " if near else ""
    return SettingError(f"{what} is no setting; {hint}`samekind serve --help` lists them")


def _checked(setting: Setting, value: Any) -> Value:
    try:
        typed = _typed(setting.default, value)
    except (KeyError, TypeError, ValueError):
        raise SettingError(f"{setting.flag} {value!r} is not a value such as {_shown(setting.default)!r}") from None
    if setting.name in CHOICES and typed not in CHOICES[setting.name]:
        raise SettingError(f"{setting.flag} {value!r} is not one of {', '.join(CHOICES[setting.name])}")
    if isinstance(typed, int | float) and not 0 <= typed <= (65535 if setting.name == "port" else float("inf")):
        raise SettingError(f"{setting.flag} {value} is out of range")
    return typed


def _typed(default: Value, value: Any) -> Value:
    if isinstance(default, tuple):
        return tuple(value.split(",")) if isinstance(value, str) else tuple(str(one) for one in value)
    if isinstance(default, bool):
        return TRUTHS[str(value).lower()]
    if isinstance(value, bool):
        raise TypeError
    return type(default)(value)
