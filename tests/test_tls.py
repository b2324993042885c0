"""TLS from files: spoken, renewed while a server runs, and never taken damaged."""

import http.client
import logging
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import pytest
import trustme

import samekind
from samekind.errors import SettingError, Unavailable
from samekind_server.edge import keys, listening
from samekind_server.edge.tls import Certificates
from tests.running import address, process, told


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def ca(authority: trustme.CA, folder: Path) -> Path:
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    return folder / "ca.pem"


@pytest.fixture
def files(authority: trustme.CA, folder: Path) -> tuple[Path, Path]:
    """A certificate and its key, new for each test."""
    return issue(authority, folder)


@pytest.fixture(scope="module")
def encrypted(authority: trustme.CA, folder: Path) -> Iterator[str]:
    """A server that speaks TLS with these files."""
    with process(folder / "data", *flags(issue(authority, folder))) as server:
        yield address(server)


def issue(authority: trustme.CA, folder: Path, name: str = "server") -> tuple[Path, Path]:
    """A new certificate for this machine, put in place as tools that renew them do."""
    issued = authority.issue_cert("localhost", "127.0.0.1")
    pair = folder / f"{name}.pem", folder / f"{name}.key"
    blobs = b"".join(blob.bytes() for blob in issued.cert_chain_pems), issued.private_key_pem.bytes()
    for file, blob in zip(pair, blobs, strict=True):
        new = file.with_suffix(".new")
        new.write_bytes(blob)
        new.chmod(0o600)
        new.replace(file)
    return pair


def flags(files: tuple[Path, Path]) -> list[str]:
    return ["--tls-cert", str(files[0]), "--tls-key", str(files[1])]


def shown(where: str, ca: Path) -> str:
    """The certificate that a new connection is shown."""
    context = ssl.create_default_context(cafile=str(ca))
    host, _, port = where.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as plain, context.wrap_socket(plain, server_hostname=host) as encrypted:
        return ssl.DER_cert_to_PEM_cert(encrypted.getpeercert(binary_form=True) or b"")


def first(chain: Path) -> str:
    return chain.read_text().partition("-----END CERTIFICATE-----")[0].split()[-1]


def test_a_server_speaks_tls(encrypted: str, ca: Path) -> None:
    with samekind.connect(encrypted, tls=ca) as sk:
        assert sk.model().name == "mini"
    with samekind.connect(encrypted) as sk, pytest.raises(Unavailable):
        sk.model()


def test_a_renewed_certificate_is_shown_to_new_connections_and_the_old_ones_stay(
    encrypted: str, ca: Path, files: tuple[Path, Path], authority: trustme.CA, folder: Path
) -> None:
    with samekind.connect(encrypted, tls=ca) as sk:
        sk.model()
        before = shown(encrypted, ca)
        issue(authority, folder)
        after = shown(encrypted, ca)
        assert sk.model().name == "mini"
    assert before != after
    assert first(files[0]) in after


@pytest.mark.parametrize("damage", ["cut", "of another key", "lost"])
def test_a_damaged_new_certificate_leaves_the_old_one(
    encrypted: str, ca: Path, files: tuple[Path, Path], authority: trustme.CA, folder: Path, damage: str
) -> None:
    before = shown(encrypted, ca)
    match damage:
        case "cut":
            files[0].write_bytes(files[0].read_bytes()[:200])
        case "of another key":
            issue(authority, folder, "other")[1].replace(files[1])
        case "lost":
            files[1].unlink()
    assert shown(encrypted, ca) == before
    issue(authority, folder)
    assert shown(encrypted, ca) != before


def test_a_client_s_certificate_is_asked_for_where_there_is_an_authority(
    files: tuple[Path, Path], ca: Path, authority: trustme.CA, tmp_path: Path
) -> None:
    mine, foreign = issue(authority, tmp_path, "me"), issue(trustme.CA(), tmp_path, "stranger")
    with process(tmp_path / "data", *flags(files), "--tls-client-ca", str(ca), "--web", "0") as server:
        at, web = address(server), urlsplit(told(server, "web")).netloc
        with samekind.connect(at, tls=ca, certificate=mine) as sk:
            assert sk.model().name == "mini"
        for certificate in (None, foreign):
            with samekind.connect(at, tls=ca, certificate=certificate) as sk, pytest.raises(Unavailable):
                sk.model()
            with pytest.raises((ssl.SSLError, ConnectionError)):
                health(web, ca, certificate)
        assert health(web, ca, mine) == 200


def health(where: str, ca: Path, certificate: tuple[Path, Path] | None) -> int:
    context = ssl.create_default_context(cafile=str(ca))
    if certificate:
        context.load_cert_chain(*certificate)
    with closing(http.client.HTTPSConnection(where, timeout=60, context=context)) as connection:
        connection.request("GET", "/readyz")
        with connection.getresponse() as answer:
            return answer.status


def test_keys_and_tls_open_any_address(files: tuple[Path, Path], ca: Path, tmp_path: Path) -> None:
    key, secret = keys.new("reader")
    (tmp_path / "data").mkdir()
    keys.add(tmp_path / "data" / "keys.json", key)
    with process(tmp_path / "data", "--host", "0.0.0.0", *flags(files)) as server:
        port = address(server).rpartition(":")[2]
        with samekind.connect(f"127.0.0.1:{port}", key=secret, tls=ca) as sk:
            assert sk.model().name == "mini"


@pytest.mark.parametrize(
    ("there", "says"),
    [
        ({"keys": False, "tls": False}, "neither encrypted nor held to keys: make a key with `samekind keys add NAME` and give --tls-cert FILE"),
        ({"keys": True, "tls": False}, "not encrypted: give --tls-cert FILE and --tls-key FILE; or say --insecure"),
        ({"keys": False, "tls": True}, "not held to keys: make a key with `samekind keys add NAME`; or say --insecure"),
    ],
)
def test_an_address_open_to_others_needs_keys_and_tls(there: dict[str, bool], says: str) -> None:
    for host in ("0.0.0.0", "::", "10.0.0.1", "example.org"):
        with pytest.raises(SettingError, match=f"^{host} is open to other machines") as caught:
            listening.check(host, insecure=False, **there)
        assert says in str(caught.value)
        listening.check(host, insecure=True, **there)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machine_s_own_addresses_need_neither(host: str) -> None:
    listening.check(host, keys=False, tls=False, insecure=False)


@pytest.mark.parametrize("given", [["--tls-cert", "x"], ["--tls-key", "x"], ["--tls-client-ca", "x"]])
def test_half_of_tls_is_refused(given: list[str], tmp_path: Path) -> None:
    with process(tmp_path, *given) as server:
        _, told = server.communicate(timeout=60)
    assert (server.returncode, told) == (
        2,
        "samekind serve: TLS takes a certificate and its key: give both --tls-cert FILE and --tls-key FILE\n",
    )


def test_certificate_and_key_that_do_not_fit_are_refused(files: tuple[Path, Path], authority: trustme.CA, tmp_path: Path) -> None:
    other = issue(authority, tmp_path, "other")
    with pytest.raises(SettingError, match="KEY_VALUES_MISMATCH; give PEM files that fit"):
        Certificates(files[0], other[1])
    with pytest.raises(SettingError, match=r"cannot read .*none\.pem: No such file"):
        Certificates(tmp_path / "none.pem", files[1])


def test_a_key_that_others_can_read_is_warned_about(files: tuple[Path, Path], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    files[1].chmod(0o644)
    assert isinstance(Certificates(*files).credentials(), grpc.ServerCredentials)
    assert "set its mode to 0600" in caplog.text
    os.chmod(files[1], 0o600)


def test_the_server_says_with_what_a_client_is_let_in(files: tuple[Path, Path], tmp_path: Path) -> None:
    keys.add(tmp_path / "keys.json", keys.new("reader")[0])
    with process(tmp_path, *flags(files)) as server:
        at = address(server)
        server.terminate()
        told = server.stdout.read()  # type: ignore[union-attr]
    for line in (f"keys     1 in {tmp_path}/keys.json", f"tls      {files[0]}", f"--labels cat,dog,car --server {at} --tls --key KEY"):
        assert line in told
