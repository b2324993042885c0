from pathlib import Path

import pytest

from samekind.errors import SettingError
from samekind_server import settings
from samekind_server.settings import Settings

LISTS = "`samekind serve --help` lists them"


def read(*arguments: str, **environment: str) -> Settings:
    return settings.read(arguments, environment)


def test_nothing_given_means_the_defaults() -> None:
    assert read() == Settings()


def test_arguments_stand_above_the_environment_and_that_above_the_file(tmp_path: Path) -> None:
    file = tmp_path / "samekind.toml"
    file.write_text('port = 1\nthreads = 1\ndecoders = 1\nmodel = ["a", "b"]')
    made = read("--config", str(file), "--port", "3", SAMEKIND_PORT="2", SAMEKIND_THREADS="2")
    assert made == Settings(port=3, threads=2, decoders=1, model=("a", "b"))


def test_models_are_named_one_by_one_or_with_commas() -> None:
    assert read("--model", "mini", "--model", "b").model == ("mini", "b")
    assert read(SAMEKIND_MODEL="mini,b").model == ("mini", "b")


@pytest.mark.parametrize(("given", "meant"), [("1", True), ("true", True), ("off", False)])
def test_a_switch_reads_words(given: str, meant: bool) -> None:
    assert read(SAMEKIND_OFFLINE=given).offline is meant


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        (["--prot", "1"], {}, "unrecognized arguments: --prot 1; `samekind serve --help` lists the settings"),
        ([], {"SAMEKIND_PROT": "1"}, "the environment variable SAMEKIND_PROT is no setting; did you mean SAMEKIND_PORT? " + LISTS),
        (["--port", "http"], {}, "--port 'http' is not a value such as '50051'"),
        (["--port", "70000"], {}, "--port 70000 is out of range"),
        (["--grace", "-1"], {}, "--grace -1 is out of range"),
        (["--precision", "int8"], {}, "--precision 'int8' is not one of auto, exact, fast"),
        ([], {"SAMEKIND_OFFLINE": "maybe"}, "--offline 'maybe' is not a value such as 'False'"),
    ],
)
def test_a_wrong_setting_is_named_with_the_way_out(arguments: list[str], environment: dict[str, str], told: str) -> None:
    with pytest.raises(SettingError) as caught:
        settings.read(arguments, environment)
    assert str(caught.value) == told


def test_an_unknown_key_of_the_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "samekind.toml"
    file.write_text("treads = 1")
    with pytest.raises(SettingError, match=r"'treads' in .* is no setting; did you mean threads\?"):
        read("--config", str(file))


def test_what_the_client_reads_from_the_environment_is_no_error_here() -> None:
    assert read(SAMEKIND_KEY="k", SAMEKIND_SERVER="s") == Settings()
