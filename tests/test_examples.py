"""Runs the examples in other languages against a real server, each where its tools are."""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import samekind
from samekind import F
from tests.running import environment

ROOT = Path(__file__).parent.parent
BUF = next(ROOT.glob(".tools/buf-*/node_modules/.bin"), Path())
PATH = f"{os.environ['PATH']}:{BUF.absolute()}"
TOOLS = {
    "node": ["npm", "node"],
    "ruby": ["ruby", "protoc", "grpc_ruby_plugin"],
    "cpp": ["cmake", "c++", "protoc", "grpc_cpp_plugin"],
    "buf": ["buf", "jq", "base64"],
}
UNREACHED = "ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def shell(line: str, folder: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["bash", "-c", line], cwd=folder, env=environment() | {"PATH": PATH} | more, capture_output=True, text=True)


def lines(language: str) -> list[str]:
    """What the README says to run, the steps before and the example itself."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "examples/README.md").read_text(), re.M | re.S)
    [block] = [block for block in blocks if {"node": "node classify", "ruby": "ruby ", "cpp": "cmake ", "buf": ".sh "}[language] in block]
    return block.replace("\\\n", " ").splitlines()


@pytest.fixture(scope="module", params=TOOLS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language's examples, made ready in a folder of their own by the lines of the README."""
    language: str = request.param
    if missing := [tool for tool in TOOLS[language] if not shutil.which(tool, path=PATH)]:
        pytest.skip(f"{missing[0]} is not on this machine")
    if language == "cpp" and not request.config.getoption("--all-examples"):
        pytest.skip("compiling takes half a minute; ask for it with --all-examples, as `make torture` does")
    root = tmp_path_factory.mktemp(language)
    for folder in ("proto", f"examples/{language}"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "node_modules", "build", "lib"))
    for step in lines(language)[:-1]:
        done = shell(step, root / "examples" / language)
        if found := re.search(UNREACHED, done.stderr):
            pytest.skip(f"`{step}` cannot reach its registry: {found[0]}")
        assert done.returncode == 0, done.stderr
    return root / "examples" / language


@pytest.fixture
def run(folder: Path, server: str) -> Run:
    """An example, to be run with its arguments."""
    command = lines(folder.name)[-1].partition(" photo.jpg")[0]
    return lambda *words, at=server: shell(f"{command} {shlex.join(map(str, words))}", folder, SAMEKIND_SERVER=at)


def test_a_link_of_their_page_leads_somewhere() -> None:
    page = ROOT / "examples/README.md"
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_it_classifies_a_photo_as_the_python_client_does(run: Run, server: str, photos: list[Path]) -> None:
    done = run(photos[0], "temple", "flower")
    with samekind.connect(server) as sk:
        expected = sk.classify(photos[0], labels=["temple", "flower"]).scores
    told = [line.split() for line in done.stdout.splitlines()]
    assert [(label, float(probability)) for probability, label in told] == [(one.label, pytest.approx(one.probability, abs=5e-4)) for one in expected]
    assert done.returncode == 0, done.stderr


def test_it_tells_why_a_call_is_refused_and_which_field_is_wrong(run: Run, photos: list[Path]) -> None:
    done = run(photos[0])
    assert done.returncode == 1
    assert "BAD_REQUEST" in done.stderr
    assert "labels.labels" in done.stderr


def test_it_tells_why_a_photo_cannot_be_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "no.jpg").write_text("no photo")
    done = run(tmp_path / "no.jpg", "cat", "dog")
    assert "BAD_IMAGE" in done.stdout + done.stderr
    assert "contents[0]" in done.stdout + done.stderr


def test_it_says_so_where_no_server_is(run: Run, photos: list[Path]) -> None:
    done = run(photos[0], "cat", at="localhost:1")
    assert done.returncode == 1
    assert "refused" in done.stderr.lower()


@pytest.mark.parametrize("folder", ["node"], indirect=True)
def test_it_fills_a_catalog_by_a_stream_and_searches_it_as_the_python_client_does(folder: Path, server: str, tmp_path: Path) -> None:
    things = [{"id": f"sku-{n}", "text": f"a {colour} scarf", "price": n} for n, colour in enumerate(("red", "blue", "green") * 100)]
    (tmp_path / "things.jsonl").write_text("\n".join(map(json.dumps, [*things, {"id": "", "text": "nameless"}])))
    done = shell(f"node search.js node-shop {tmp_path}/things.jsonl 'a blue scarf' 120", folder, SAMEKIND_SERVER=server)
    assert ("300 items written" in done.stderr, "BAD_REQUEST" in done.stderr) == (True, True), done.stderr
    with samekind.connect(server) as sk:
        expected = [hit.item.id for hit in sk.catalog("node-shop").search("a blue scarf", where=F.price < 120, limit=100)]
        sk.delete_catalog("node-shop")
    assert [line.split()[1] for line in done.stdout.splitlines()] == expected
    assert len(expected) == 100


@pytest.mark.parametrize("folder", ["node"], indirect=True)
def test_it_tells_why_a_search_is_refused(folder: Path, server: str, tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_text("")
    done = shell(f"node search.js No-Such-Name {tmp_path}/none.jsonl x", folder, SAMEKIND_SERVER=server)
    assert (done.returncode, "BAD_REQUEST" in done.stderr, "name" in done.stderr) == (1, True, True)
