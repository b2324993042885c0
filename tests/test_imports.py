"""Holds the layering of docs/design.md: imports go one way, and the core knows nothing of gRPC or the environment."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RANKS = {
    "samekind": [
        *(
            ["errors", "keys", "quiet"],
            ["types"],
            ["filters", "label_changes", "label_schema", "v1", "shop"],
            ["queries", "filter_text"],
            ["recommendations"],
            ["label_files", "reasons", "wire"],
        ),
        *(["inputs", "progress"], ["batches"], ["flow", "turns"]),
        *(
            ["calls", "connection", "methods"],
            ["catalog_calls", "event_calls", "item_calls", "label_set_calls", "recommend_calls", "search_calls"],
            ["catalogs", "label_sets", "config", "streams"],
            ["client"],
        ),
        *(
            ["demo_shoppers"],
            ["demo_shop"],
            ["demo", "folders", "on_disk", "rows", "show"],
            ["item_files", "outputs", "show_hits"],
            ["show_recommended"],
            ["event_files", "parquet"],
            ["bulk"],
            ["command"],
        ),
        *(["bulk_command", "catalog_command", "catalogs_command", "event_command", "labels_command", "recommend_command", "search_command"], ["cli"]),
    ],
    "samekind_server": [
        *(["durable", "threads"], ["embedding"], ["store", "index"], ["catalog"], ["classification"], ["search"], ["recommendation"]),
        *(["edge", "data_dir", "settings", "tuned"], ["web"], ["composing"], ["app", "copies_command", "keys_command", "on_disk", "tune_command"]),
    ],
}
CORE = {"embedding", "store", "index", "catalog", "classification", "search", "recommendation", "exploration"}
FOREIGN = ("grpc", "google", "samekind.v1", "samekind.wire", "samekind_server.settings", "os.environ", "os.getenv")
HEAVY = {"hnswlib", "open_clip", "openvino", "rich", "samekind_server", "scipy", "sklearn", "torch", "transformers", "typer"}
MODULES = sorted(path for package in ("client/samekind", "server/samekind_server") for path in (ROOT / package).rglob("*.py"))


def names(path: Path) -> set[str]:
    """Every dotted name a module imports, and every `os.…` it uses."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            found.add(f"os.{node.attr}")
    return found


def part(name: str, package: str) -> str | None:
    """The layer of `package` that a dotted name belongs to."""
    first, _, rest = name.partition(".")
    return rest.partition(".")[0] if first == package and rest else None


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_layers_below_its_own(path):
    relative = path.relative_to(ROOT)
    package, own = relative.parts[1], relative.parts[2].removesuffix(".py")
    ranks = {name: rank for rank, layer in enumerate(RANKS[package]) for name in layer}
    above = {name for name in names(path) if (layer := part(name, package)) in ranks and layer != own and ranks[layer] >= ranks.get(own, len(ranks))}
    assert not above


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_has_its_place_among_the_layers(path):
    package, own = path.relative_to(ROOT).parts[1], path.relative_to(ROOT).parts[2].removesuffix(".py")
    assert own in {"__init__", "__main__", *(name for layer in RANKS[package] for name in layer)}


@pytest.mark.parametrize("path", [path for path in MODULES if path.relative_to(ROOT).parts[2] in CORE], ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_knows_no_grpc_no_settings_and_no_environment(path):
    assert not {name for name in names(path) if f"{name}.".startswith(tuple(f"{foreign}." for foreign in FOREIGN))}


def test_the_client_knows_nothing_of_the_server():
    client = [path for path in MODULES if path.relative_to(ROOT).parts[0] == "client"]
    assert not {path for path in client for name in names(path) if f"{name}.".startswith("samekind_server.")}


def test_import_samekind_loads_nothing_heavy():
    code = "import sys, samekind; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not HEAVY & set(loaded.split())


def test_the_server_imports_torch_only_when_a_model_needs_it():
    code = "import sys, samekind_server.app; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"torch", "open_clip"} & set(loaded.split())
