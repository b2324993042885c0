"""Holds the wheel to what is promised of it, and the lock to pyproject.toml."""

import re
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import samekind

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
NEEDED = [PROJECT["dependencies"], *EXTRAS.values()]
LOCK = (ROOT / "requirements.lock").read_text().splitlines()
PLATFORMS = [
    {"python_version": python, "python_full_version": f"{python}.9", "sys_platform": system, "platform_machine": machine}
    for python in ("3.11", "3.12", "3.13")
    for system, machine in (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64"))
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """The wheel as it would be published."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


@pytest.fixture(scope="module")
def metadata(wheel) -> Message:
    return Parser().parsestr(wheel.read(f"samekind-{samekind.__version__}.dist-info/METADATA").decode())


def test_the_wheel_holds_two_packages_and_nothing_else(wheel):
    assert {name.partition("/")[0] for name in wheel.namelist()} == {"samekind", "samekind_server", f"samekind-{samekind.__version__}.dist-info"}


def test_the_wheel_holds_every_file_of_both_packages_weights_and_type_marks_included(wheel):
    for package in (ROOT / "client/samekind", ROOT / "server/samekind_server"):
        files = {str(path.relative_to(package.parent)) for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
        assert files <= set(wheel.namelist())
    assert {"samekind/py.typed", "samekind_server/py.typed"} <= set(wheel.namelist())


def test_the_wheel_is_below_60_megabytes(wheel):
    assert sum(entry.compress_size for entry in wheel.infolist()) < 60_000_000


def test_the_light_client_needs_six_packages(metadata):
    needed = {requirement.name for line in metadata.get_all("Requires-Dist", []) if not (requirement := Requirement(line)).marker}
    assert needed == {"googleapis-common-protos", "grpcio", "grpcio-status", "numpy", "pillow", "protobuf"}


def test_the_rest_comes_in_extras(metadata):
    assert set(metadata.get_all("Provides-Extra", [])) == {"cli", "parquet", "server", "otel", "training", "dev"}


def test_the_generated_code_runs_on_the_oldest_versions_allowed():
    made_by = {
        "protobuf": re.search(r"Protobuf Python Version: (\S+)", (ROOT / "client/samekind/v1/content_pb2.py").read_text()),
        "grpcio": re.search(r"GRPC_GENERATED_VERSION = '(\S+)'", (ROOT / "client/samekind/v1/embedding_service_pb2_grpc.py").read_text()),
    }
    oldest = {name: re.search(rf"^{name}>=([^,]+)", "\n".join(PROJECT["dependencies"]), re.M) for name in made_by}
    assert {name: found and found[1] for name, found in oldest.items()} == {name: found and found[1] for name, found in made_by.items()}


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: "-".join(platform.values()))
def test_the_lock_has_one_version_that_fits_of_each_package_named(platform):
    pins = [Requirement(line) for line in LOCK if not line.startswith("#")]
    here = {pin.name: str(pin.specifier).removeprefix("==") for pin in pins if not pin.marker or pin.marker.evaluate(platform)}
    for line in (line for needed in NEEDED for line in needed):
        requirement = Requirement(line)
        assert requirement.specifier.contains(here[requirement.name]), line


def test_the_lock_names_versions_and_no_place_to_fetch_them_from():
    assert [line for line in LOCK if not re.fullmatch(r"#.*|[a-z0-9-]+==[0-9a-z.]+( ; .+)?", line)] == []
    assert not re.search(r"://|--|/", "\n".join(LOCK))
