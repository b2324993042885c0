"""What many tests need: one server, one engine, pictures."""

import io
import logging
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image as Pillow

import samekind
from samekind.types import Precision
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.images import ImageLimits
from samekind_server.embedding.registry import Registry
from tests.echo import Echo, serving
from tests.model_folders import SMALL_TEXT, TINY, perturbed, siglip_tokenizer, torch_folder
from tests.running import started


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the tests of chance go on, and what takes too long for every day."""
    parser.addoption("--fuzz-calls", type=int, default=100_000, help="calls that a server is fuzzed with")
    parser.addoption("--kills", type=int, default=20, help="times that a writer is killed in the midst of its writing")
    parser.addoption("--power-losses", type=int, default=12, help="moments of a writer's life at which the power goes")
    parser.addoption("--packed", type=int, default=3000, help="items of a catalog of which half are deleted")
    parser.addoption("--flips", type=int, default=30, help="bytes of a store that are changed")
    parser.addoption("--events", type=int, default=10_000, help="events that are recorded in one stream")
    parser.addoption("--files", type=int, default=3000, help="files that the command line classifies in one run")
    parser.addoption("--all-examples", action="store_true", help="run the examples that take long to compile too")
    parser.addoption("--whole-models", action="store_true", help="compare models as deep as open_clip's own, not of a few layers")


def pytest_configure() -> None:
    """Interrupts are heard where the run itself ignores them, as in a shell's background: what tests start has it from here."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def logs_tell_warnings() -> None:
    """Whatever a library did to the root's logger in the tests before, as converting a model does."""
    logging.disable(logging.NOTSET)
    logging.root.setLevel(logging.WARNING)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server of `mini`, in a process of its own."""
    with started(tmp_path_factory.mktemp("data")) as address:
        yield address


@pytest.fixture(scope="session")
def learning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of one that learns from events at once."""
    with started(tmp_path_factory.mktemp("data"), "--learn-every", "0") as address:
        yield address


@pytest.fixture(scope="module")
def learner(learning: str) -> Iterator[samekind.Client]:
    """A client of it."""
    with samekind.connect(learning) as client:
        yield client


@pytest.fixture
def echo() -> Echo:
    """What answers clients with what they sent."""
    return Echo()


@pytest.fixture
def address(echo: Echo) -> Iterator[str]:
    """Where it listens."""
    with serving(echo) as address:
        yield address


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A causal CLIP that is not of mini's form, with a tokenizer of transformers' beside it."""
    import open_clip

    config = TINY | {"text_cfg": SMALL_TEXT | {"hf_tokenizer_name": "someone/spoken"}}
    folder = torch_folder(tmp_path_factory.mktemp("spoken") / "model", perturbed(open_clip.CLIP(**TINY)), config)
    siglip_tokenizer(folder, 200)
    return folder


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine of `mini` in exact precision."""
    registry = Registry(("mini",), offline=True, precision=Precision.EXACT, cache_dir=tmp_path_factory.mktemp("models"), threads=2)
    engine = Engine(registry, ImageLimits())
    yield engine
    engine.close()


@pytest.fixture
def forgetful(engine: Engine) -> Iterator[Engine]:
    """An engine of the same model that keeps no text."""
    forgetful = Engine(engine.registry, ImageLimits(), text_cache_bytes=0)
    yield forgetful
    forgetful.close()


@pytest.fixture(scope="session")
def photos() -> list[Path]:
    """Two real photographs: a temple in China, a flower."""
    found = find_spec("sklearn")
    assert found
    assert found.submodule_search_locations
    folder = Path(found.submodule_search_locations[0]) / "datasets" / "images"
    return [folder / "china.jpg", folder / "flower.jpg"]


@pytest.fixture(scope="session")
def png() -> bytes:
    """A small picture."""
    file = io.BytesIO()
    Pillow.radial_gradient("L").convert("RGB").save(file, "PNG")
    return file.getvalue()
