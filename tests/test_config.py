"""What the client is told: arguments stand above the environment, and that above the user's file."""

import subprocess
import sys
from pathlib import Path

import pytest

import samekind
from samekind.config import Way, way
from samekind_server.edge import keys
from tests.running import environment, started

COMMAND = [sys.executable, "-c", "from samekind.cli import main; main()"]


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment whose user's file tells of a server."""
    write(tmp_path, 'server = "shop.example"\nkey = "of the file"\nca = "ca.pem"\ncert = "me.pem"\ncert_key = "me.key"\n')
    return {"XDG_CONFIG_HOME": str(tmp_path)}


def write(folder: Path, text: str) -> Path:
    file = folder / "samekind" / "config.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    file.chmod(0o600)
    return file


def test_without_a_word_the_server_is_this_machine_s(tmp_path: Path) -> None:
    assert way(Way(), {"XDG_CONFIG_HOME": str(tmp_path)}) == Way("localhost:50051")


def test_the_file_tells_of_its_server(home: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "samekind"
    told = Way("shop.example", "of the file", folder / "ca.pem", (folder / "me.pem", folder / "me.key"))
    assert way(Way(), home) == told
    assert way(Way("shop.example:50051"), home).key == "of the file"


def test_the_file_s_key_goes_to_no_other_server(home: dict[str, str]) -> None:
    assert way(Way("other.example"), home) == Way("other.example")
    assert way(Way(), home | {"SAMEKIND_SERVER": "other.example"}) == Way("other.example")


def test_the_environment_stands_above_the_file_and_arguments_above_both(home: dict[str, str]) -> None:
    variables = home | {"SAMEKIND_KEY": "of the environment", "SAMEKIND_CA": "theirs.pem"}
    assert (way(Way(), variables).key, way(Way(), variables).tls) == ("of the environment", Path("theirs.pem"))
    assert (way(Way(key="mine", tls=True), variables).key, way(Way(key="mine", tls=True), variables).tls) == ("mine", True)


def test_no_key_and_no_tls_can_be_said(home: dict[str, str]) -> None:
    said = way(Way(key="", tls=False), home)
    assert (said.key, said.tls) == ("", False)


@pytest.mark.parametrize(("value", "meant"), [("1", True), ("on", True), ("False", False)])
def test_tls_is_asked_for_by_a_word(tmp_path: Path, value: str, meant: bool) -> None:
    assert way(Way(), {"XDG_CONFIG_HOME": str(tmp_path), "SAMEKIND_TLS": value}).tls is meant


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("server = ", r"cannot read .*config\.toml"),
        ('port = "1"', r"port = '1' in .*config\.toml is nothing known; there may be server, key, tls, ca, cert, cert_key"),
        ("key = 7", "key = 7 in .* is nothing known"),
        ('cert = "me.pem"', "names cert or cert_key alone"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    write(tmp_path, text)
    with pytest.raises(ValueError, match=says):
        way(Way(), {"XDG_CONFIG_HOME": str(tmp_path)})


def test_a_file_with_a_key_that_others_can_read_is_warned_about(home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "samekind" / "config.toml").chmod(0o644)
    with pytest.warns(UserWarning, match="holds a key that others on this machine can read; chmod 600"):
        way(Way(), home)


def test_clients_and_command_line_are_told_by_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, secret = keys.new("reader")
    keys.add(tmp_path / "keys.json", key)
    with started(tmp_path) as address:
        file = write(tmp_path, f'server = "{address}"\nkey = "{secret}"\n')
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        with samekind.connect() as sk:
            assert sk.model().name == "mini"
        file.chmod(0o644)
        asked = [*COMMAND, "embed", "--text", "a dog"]
        ran = subprocess.run(asked, capture_output=True, text=True, env=environment(), timeout=60)
    assert (ran.returncode, ran.stderr) == (0, f"samekind: {file} holds a key that others on this machine can read; chmod 600 {file}\n")


def test_half_of_a_client_s_certificate_is_refused() -> None:
    ran = subprocess.run([*COMMAND, "embed", "--text", "x", "--cert", "x.pem"], capture_output=True, text=True, env=environment(), timeout=60)
    assert (ran.returncode, ran.stderr) == (2, "samekind: a client's certificate goes with its key; give both --cert and --cert-key\n")
