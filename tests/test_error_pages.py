"""Runs the example of each page in docs/errors on a real server, and holds what it raises to the page."""

import re
import resource
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

import samekind
from samekind import errors
from samekind.errors import SamekindError
from samekind_server.edge import keys
from samekind_server.edge.callers import Role
from samekind_server.web.answers import BY_REASON, HTTP
from tests.running import address, environment, process, started

FOLDER = Path(__file__).parent.parent / "docs" / "errors"
ERRORS = {error.reason: error for error in errors.known()}
RAISED = [reason for reason in ERRORS if "```python" in (FOLDER / f"{reason}.md").read_text()]
# No call of one client brings these about by itself, each time.
ELSEWHERE = {"ALREADY_EXISTS", "CANCELLED", "DAMAGED", "INTERNAL", "OVERLOADED"}


def page(reason: str) -> str:
    return (FOLDER / f"{reason}.md").read_text()


def block(reason: str, language: str = "") -> str:
    """The page's block of a language; the one of no language is what is said."""
    return dict(re.findall(r"^```(\w*)\n(.*?)^```$", page(reason), re.M | re.S))[language]


def pattern(line: str) -> str:
    """What is said, where `…` stands for anything."""
    return ".*".join(re.escape(part) for part in line.split("…"))


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """A server that asks for keys, and the key that a page's reader has."""
    data = tmp_path_factory.mktemp("keyed")
    made = {"QUOTA_EXCEEDED": keys.new("slow", requests_per_second=0.001), "PERMISSION_DENIED": keys.new("shop", role=Role.READ)}
    for key, _ in made.values():
        keys.add(data / "keys.json", key)
    with started(data) as where:
        yield where, {reason: secret for reason, (_, secret) in made.items()}


@pytest.fixture(scope="module")
def unwell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of two models that cannot be had, whose disk takes no more."""
    models = ("mini", "hf-hub:someone/something", "local-dir:/models/none")
    with process(tmp_path_factory.mktemp("unwell"), "--lazy", *(word for model in models for word in ("--model", model))) as server:
        where = address(server)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (4096, 4096))
        yield where


@pytest.fixture(scope="module")
def stranger() -> Iterator[str]:
    """A gRPC server that is not samekind."""
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"localhost:{port}"
    server.stop(None).wait()


SERVERS = {"BAD_MODEL": "unwell", "MODEL_UNAVAILABLE": "unwell", "STORE_UNAVAILABLE": "unwell", "UNIMPLEMENTED": "stranger"}


@pytest.fixture
def where(request: pytest.FixtureRequest, reason: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of the server that a page's example asks; its reader's key is in the environment."""
    if reason in ("UNAUTHENTICATED", "QUOTA_EXCEEDED", "PERMISSION_DENIED"):
        found, secrets = request.getfixturevalue("keyed")
        monkeypatch.setenv("SAMEKIND_KEY", secrets.get(reason, ""))
        return str(found)
    return str(request.getfixturevalue(SERVERS.get(reason, "server")))


def told(error: BaseException) -> str:
    """The last line of the error's traceback."""
    return traceback.format_exception_only(error)[-1].rstrip()


@pytest.mark.parametrize("reason", RAISED)
def test_the_example_of_a_page_raises_what_the_page_says(reason: str, where: str) -> None:
    code = block(reason, "python").replace("localhost:50051", where)
    with pytest.raises(SamekindError) as caught:
        exec(compile(code, f"docs/errors/{reason}.md", "exec"), {})
    error, line = caught.value, told(caught.value).replace(where, "localhost:50051")
    assert error.reason == reason
    assert [one for one in block(reason).splitlines() if re.fullmatch(pattern(one), line)], line
    assert [each.field for each in error.violations if f"`{each.field}`" not in page(reason)] == []
    assert error.retry_after is None or "`error.retry_after`" in page(reason)


def test_a_setting_that_is_wrong_is_told_as_the_page_says(tmp_path: Path) -> None:
    command = block("SETTING", "console").removeprefix("$ samekind serve ").split()
    run = [sys.executable, "-m", "samekind_server", "--data", str(tmp_path), *command]
    done = subprocess.run(run, capture_output=True, text=True, env=environment(), check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == block("SETTING")


class Waiting(grpc.GenericRpcHandler):
    """Answers any call when it is told to."""

    def __init__(self) -> None:
        self.asked, self.answered = threading.Event(), threading.Event()

    def service(self, details: object) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(self._answer)

    def _answer(self, request: bytes, context: object) -> bytes:
        self.asked.set()
        self.answered.wait()
        return b""


def test_a_call_whose_client_is_closed_ends_as_the_page_says() -> None:
    server = grpc.server(ThreadPoolExecutor(1), handlers=[waiting := Waiting()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    client = samekind.connect(f"localhost:{port}")
    with ThreadPoolExecutor(1) as thread:
        call = thread.submit(client.embed, "a tabby")
        waiting.asked.wait()
        client.close()
        waiting.answered.set()
    assert told(call.exception() or Exception()) == block("CANCELLED").rstrip()
    server.stop(None).wait()


@pytest.mark.parametrize("reason", sorted(ELSEWHERE - {"CANCELLED"}))
def test_an_error_that_no_example_raises_is_met_in_another_test(reason: str) -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert re.search(rf"\b{ERRORS[reason].__name__}\b|refused\(\"{reason}\"", tests)


def test_each_reason_has_its_page_and_no_other_is_there() -> None:
    assert {path.stem for path in FOLDER.glob("*")} == set(ERRORS)
    assert set(ERRORS) - set(RAISED) == ELSEWHERE | {"SETTING"}


@pytest.mark.parametrize("reason", ERRORS)
def test_a_page_names_its_reason_its_class_and_its_codes_and_says_why_and_the_way_out(reason: str) -> None:
    error = ERRORS[reason]
    status = BY_REASON.get(reason, HTTP.get(error.code, 500))
    over_http = "" if reason == "SETTING" else f", {status} over [HTTP](../http.md)"
    opening = f"# {reason}\n\n{error.__doc__}\n\n`samekind.errors.{error.__name__}` in Python, `{error.code}` in gRPC{over_http}. What fails: "
    assert page(reason).startswith(opening)
    assert [words for words in ("\n**Why.** ", "\n**The way out.** ") if words not in page(reason)] == []
