"""Holds the docs to the code: what there is has its place in docs/, and what the docs show runs."""

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from pathlib import Path

import pytest
import typer

from samekind import cli, errors
from samekind.v1 import (
    catalog_service_pb2,
    classification_service_pb2,
    embedding_service_pb2,
    label_set_service_pb2,
    recommendation_service_pb2,
    search_service_pb2,
)
from samekind_server import keys_command
from samekind_server.settings import SETTINGS
from tests.running import address, environment, process

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
DOCS = {page.relative_to(ROOT).as_posix().removeprefix("docs/"): page.read_text() for page in PAGES}
FILES = (
    *(catalog_service_pb2, classification_service_pb2, embedding_service_pb2),
    *(label_set_service_pb2, recommendation_service_pb2, search_service_pb2),
)
SERVICES = [service for file in FILES for service in file.DESCRIPTOR.services_by_name.values()]
# Pages whose blocks have a test of their own: tests/test_error_pages.py, and below.
APART = {"quickstart.md", *(page for page in DOCS if page.startswith("errors/"))}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))


def blocks(language: str) -> Iterator[tuple[str, int, str]]:
    """Every fenced block of a language, with its page and the number of its first line."""
    fence = re.compile(rf"^```{language}\n(.*?)^```", re.M | re.S)
    for page, text in DOCS.items():
        for found in fence.finditer(text):
            yield page, text.count("\n", 0, found.start()) + 2, found[1]


def calls(program: str) -> list[object]:
    """The arguments of every call of a program that a console block shows."""
    lines = [(f"{page}:{first + index}", line) for page, first, block in blocks("console") for index, line in enumerate(block.splitlines())]
    return [pytest.param(shlex.split(line[2:], comments=True)[1:], id=where) for where, line in lines if line.startswith(f"$ {program} ")]


def commands(command: typer.core.TyperGroup, name: str) -> Iterator[tuple[str, typer.core.TyperCommand]]:
    """Every command below one, by its full name."""
    for word, child in command.commands.items():
        yield from commands(child, f"{name} {word}") if hasattr(child, "commands") else [(f"{name} {word}", child)]


def options_of_keys() -> set[str]:
    """The options of `samekind keys`, which the server's package reads, as its help shows them."""
    with redirect_stdout(io.StringIO()) as shown:
        for verb in ("add", "list", "remove"):
            with suppress(SystemExit):
                keys_command.main([verb, "--help"], {})
    return set(re.findall(r"--[a-z-]+", shown.getvalue()))


COMMANDS = dict(commands(typer.main.get_command(cli.app), "samekind"))
OPTIONS = {name: {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)} for name, command in COMMANDS.items()}
OPTIONS |= {"samekind": {"--version"}, "samekind keys": options_of_keys()}
SERVERS = {"samekind serve": {setting.flag for setting in SETTINGS} | {"--config"}, "samekind keys": {"--data", "--keys", "--config"}}
SERVERS |= {f"samekind {verb}": {"--data", "--config"} for verb in ("backup", "restore", "verify")}
SERVERS |= {"samekind tune": {"--data", "--config", "--tenant", "--sample", "--json"}}


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_every_rpc_is_in_the_api_page(service):
    assert [name for name in (service.name, *service.methods_by_name) if f"`{name}`" not in DOCS["api.md"]] == []


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_in_the_table_with_its_default_and_its_help(setting):
    default = ", ".join(setting.default) if isinstance(setting.default, tuple) else str(setting.default) or "empty"
    assert f"| `{setting.name}` | {default} | {setting.help} |" in DOCS["operations.md"]


@pytest.mark.parametrize("error", errors.known(), ids=lambda error: error.__name__)
def test_every_error_is_in_the_page_of_errors_with_its_code_and_reason(error):
    rows = [line for line in DOCS["errors.md"].splitlines() if f"`{error.__name__}`" in line]
    assert [row for row in rows if error.code in row and error.reason in row]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_in_the_command_line_page(name):
    assert f"`{name}" in DOCS["cli.md"] or f"$ {name}" in DOCS["cli.md"]
    assert [option for option in OPTIONS[name] - {"--help"} if option.startswith("--") and option not in DOCS["cli.md"]] == []


@pytest.mark.parametrize("arguments", calls("samekind"))
def test_a_command_that_the_docs_show_is_one_with_these_options(arguments):
    words = ["samekind", *arguments]
    name = next((candidate for length in (3, 2) if (candidate := " ".join(words[:length])) in COMMANDS), "samekind")
    known = OPTIONS[name] | SERVERS.get(name, set())
    assert {word.partition("=")[0] for word in arguments if word.startswith("--")} <= known | {"--help"}


@pytest.mark.parametrize("arguments", calls("make"))
def test_a_make_target_that_the_docs_show_is_there(arguments):
    assert {word for word in arguments if "=" not in word} <= TARGETS


@pytest.mark.parametrize("code", [pytest.param(code, id=f"{page}:{line}") for page, line, code in blocks("python") if page not in APART])
def test_a_python_block_runs_against_a_real_server(code, server, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(photos[0], tmp_path / "cat.jpg")
    exec(compile(code.replace("localhost:50051", server), "a block of Python", "exec"), {"__name__": "__main__"})


def typed(block: str) -> str:
    """The commands of a console block that can be had here, but for those that set up or start a server."""
    commands = re.findall(r"^\$ ((?:.*\\\n)*.*)$", block, re.M)
    return "\n".join(command for command in commands if shutil.which(command.split()[0]) and not command.startswith(("make", ". ", "samekind serve")))


def test_the_quickstart_runs_from_its_beginning_to_its_end(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    shutil.copy(photos[0], "cat.jpg")
    Path(".curlrc").write_text("fail-with-body")
    with process(tmp_path / "served", "--web", "0") as server:
        where, web = address(server), next(line.split()[1] for line in server.stdout if line.startswith("  web "))
        here = environment() | {"SAMEKIND_SERVER": where, "XDG_DATA_HOME": str(tmp_path), "CURL_HOME": str(tmp_path)}
        for language, block in re.findall(r"^```(python|console|yaml)\n(.*?)^```", DOCS["quickstart.md"], re.M | re.S):
            said = block.replace("localhost:50051", where).replace("http://localhost:8080", web)
            if language == "python":
                exec(compile(said, "quickstart.md", "exec"), {})
            elif language == "yaml":
                Path(said.split()[1]).write_text(said)
            else:
                done = subprocess.run(["bash", "-euc", typed(said)], env=here, capture_output=True, text=True, check=False)
                assert done.returncode == 0, f"{said}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=list(DOCS))
def test_a_link_within_the_project_leads_somewhere(page):
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()) if "://" not in link and link[0] != "#"]
    assert [link for link in links if not (page.parent / link).exists()] == []
