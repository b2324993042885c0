"""Keys: how they are written, kept in a file, made by the command line, and read again while a server runs."""

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from hypothesis import given
from hypothesis import strategies as st

import samekind
from samekind import keys as written
from samekind.config import Way
from samekind.connection import connection
from samekind.errors import SettingError, Unauthenticated
from samekind_server.edge import keys
from samekind_server.edge.callers import Role
from samekind_server.edge.keyring import Keyring
from tests import running
from tests.running import process, started


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def added(file: Path, name: str, **more: object) -> str:
    """The secret of a key now in the file."""
    key, secret = keys.new(name, **more)  # type: ignore[arg-type]
    keys.add(file, key)
    return secret


# How a key is written


def test_a_key_reads_as_it_was_written() -> None:
    key, secret = keys.new("ci")
    read = written.read(secret)
    assert read
    assert (read.id, keys.digest(read.secret)) == (key.id, key.sha256)
    assert re.fullmatch(r"sk_\w{8}_\w{49}", secret)


@given(st.integers(0, 60), st.sampled_from(written.ALPHABET))
def test_a_key_with_a_wrong_character_is_no_key(place: int, character: str) -> None:
    right = written.write("abcdefgh", "k" * written.SECRET)
    mistyped = right[:place] + character + right[place + 1 :]
    assert (written.read(mistyped) is None) is (mistyped != right)


def test_a_mistyped_key_is_told_before_it_is_sent() -> None:
    _, secret = keys.new("ci")
    with pytest.raises(ValueError, match="its checksum does not fit; copy it again") as caught:
        connection("localhost", key=secret[:-1])
    assert secret[:-1] not in str(caught.value)
    assert connection("localhost", key=secret).key == secret


def test_a_key_is_not_shown_with_what_holds_it() -> None:
    _, secret = keys.new("ci")
    assert secret not in f"{connection('localhost', key=secret)} {Way(key=secret)}"


# The file


def test_the_file_holds_no_secret_and_is_its_owner_s_alone(file: Path) -> None:
    secret = added(file, "ci", tenant="shop", role=Role.WRITE)
    read = written.read(secret)
    assert read
    assert read.secret not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert [(key.name, key.tenant, key.role) for key in keys.load(file)] == [("ci", "shop", Role.WRITE)]


def test_what_is_added_is_loaded_whole(file: Path) -> None:
    key, _ = keys.new("ci", expires=datetime(2030, 1, 1, tzinfo=UTC), requests_per_second=2.5, bytes_per_second=1e6)
    keys.add(file, key)
    assert keys.load(file) == (key,)


def test_keys_added_at_once_are_all_there(file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: added(file, f"k{number}"), range(16)))
    assert {key.name for key in keys.load(file)} == {f"k{number}" for number in range(16)}
    assert [other.name for other in file.parent.iterdir()] == ["keys.json"]


def test_a_name_is_given_once(file: Path) -> None:
    added(file, "ci")
    with pytest.raises(SettingError, match="there is a key named 'ci' already; choose another name"):
        added(file, "ci")
    assert len(keys.load(file)) == 1


def test_a_key_is_removed_by_name_or_id(file: Path) -> None:
    for name in ("a", "b"):
        added(file, name)
    first, second = keys.load(file)
    assert (keys.remove(file, "a"), keys.remove(file, second.id)) == (first, second)
    with pytest.raises(SettingError, match="no key 'a' in"):
        keys.remove(file, "a")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"keys": [1]}',
        '{"keys": [{"id": "x"}]}',
        '{"keys": [{"id": "x", "name": "x", "tenant": "", "role": "king", "created": "2026-01-01", "sha256": "00"}]}',
    ],
)
def test_a_damaged_file_is_named(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(SettingError, match=r"the keys .*keys\.json are damaged"):
        keys.load(file)


def test_a_damaged_file_is_not_written_over(file: Path) -> None:
    file.write_text("{")
    with pytest.raises(SettingError, match="damaged"):
        added(file, "ci")
    assert file.read_text() == "{"


# Read again while a server runs


def test_a_key_holds_from_when_it_is_added_until_it_is_removed(file: Path) -> None:
    first = added(file, "first")
    ring = Keyring(file)
    second = added(file, "second")
    assert (ring.asks(), ring.find(second).name) == (True, "second")
    keys.remove(file, "first")
    assert ring.asks()
    with pytest.raises(Unauthenticated):
        ring.find(first)


def test_keys_are_asked_for_from_when_the_file_is_there(file: Path) -> None:
    ring = Keyring(file)
    assert not ring.asks()
    added(file, "first")
    assert ring.asks()


def test_when_the_last_key_is_removed_nobody_may_call(file: Path) -> None:
    secret = added(file, "last")
    ring = Keyring(file)
    keys.remove(file, "last")
    assert (ring.asks(), Keyring(file).asks()) == (True, True)
    with pytest.raises(Unauthenticated):
        ring.find(secret)


@pytest.mark.parametrize("damage", [lambda file: file.write_text("{"), Path.unlink])
def test_a_damaged_or_lost_file_keeps_the_last_good_one(file: Path, damage: object, caplog: pytest.LogCaptureFixture) -> None:
    secret = added(file, "ci")
    ring = Keyring(file)
    damage(file)  # type: ignore[operator]
    assert (ring.asks(), ring.find(secret).name) == (True, "ci")
    assert "the 1 keys read before hold" in caplog.text
    assert ring.asks()
    assert len(caplog.records) == 1


def test_a_file_that_comes_damaged_lets_nobody_in(file: Path) -> None:
    ring = Keyring(file)
    file.write_text("{")
    assert ring.asks()


def test_a_file_others_can_read_is_warned_about(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    added(file, "ci")
    file.chmod(0o644)
    Keyring(file)
    assert "set its mode to 0600" in caplog.text


def test_an_expired_key_says_so_to_who_has_it_alone(file: Path) -> None:
    secret = added(file, "old", expires=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(Unauthenticated, match="the key 'old' has expired"):
        Keyring(file).find(secret)
    with pytest.raises(Unauthenticated, match="asks for a key"):
        Keyring(file).find(written.write(keys.load(file)[0].id, "x" * written.SECRET))


# The command line


def samekind_keys(data: Path, *arguments: str) -> CompletedProcess[str]:
    return running.samekind("keys", *arguments, "--data", data)


def test_a_key_made_by_the_command_opens_a_running_server(tmp_path: Path) -> None:
    with started(tmp_path) as address:
        with samekind.connect(address) as sk:
            assert sk.model().name == "mini"
        made = samekind_keys(tmp_path, "add", "shop", "--role", "read", "--expires", "90d", "--requests-per-second", "100")
        with samekind.connect(address, key=made.stdout.strip()) as sk:
            assert sk.model().name == "mini"
        with samekind.connect(address) as sk, pytest.raises(Unauthenticated):
            sk.model()
        assert samekind_keys(tmp_path, "remove", "shop").returncode == 0
        with samekind.connect(address, key=made.stdout.strip()) as sk, pytest.raises(Unauthenticated):
            sk.model()


def test_keys_are_listed_without_their_secrets(tmp_path: Path) -> None:
    secret = samekind_keys(tmp_path, "add", "shop", "--tenant", "a", "--role", "admin").stdout.strip()
    table, rows = samekind_keys(tmp_path, "list").stdout, json.loads(samekind_keys(tmp_path, "list", "--json").stdout)
    assert [(row["name"], row["tenant"], row["role"]) for row in rows["keys"]] == [("shop", "a", "admin")]
    assert "shop" in table
    assert not any(secret[12:] in text or "sha256" in text for text in (table, json.dumps(rows)))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["add", "x", "--role", "king"], "--role 'king' is not one of read, write, admin"),
        (["add", "x", "--expires", "soon"], "--expires 'soon' is no time such as 90d, 12h or 2030-01-31"),
        (["add", ""], "a key's name is 1 to 64 letters, digits and . _ - @"),
        (["remove", "x"], "no key 'x' in"),
    ],
)
def test_wrong_usage_of_keys_is_one_line_and_exit_code_2(tmp_path: Path, arguments: list[str], says: str) -> None:
    ran = samekind_keys(tmp_path, *arguments)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert says in ran.stderr


def test_a_server_with_damaged_keys_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{")
    with process(tmp_path) as server:
        _, told = server.communicate(timeout=60)
    assert (server.returncode, told.count("\n")) == (2, 1)
    assert "are damaged" in told


def test_a_file_of_keys_that_was_asked_for_has_to_be_there(tmp_path: Path) -> None:
    with process(tmp_path, "--keys", str(tmp_path / "none.json")) as server:
        _, told = server.communicate(timeout=60)
    assert (server.returncode, "`samekind keys add NAME` makes the file" in told) == (2, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to write for another user")
def test_keys_that_root_adds_belong_to_the_folder_s_owner(file: Path) -> None:
    os.chown(file.parent, 65534, 65534)
    added(file, "ci")
    assert file.stat().st_uid == 65534
