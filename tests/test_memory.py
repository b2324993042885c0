"""Several models in bounded memory: loaded each by itself, unloaded when not in use, and their memory given back."""

import asyncio
import gc
import os
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

import samekind
from samekind.errors import BadModel, ModelUnavailable, Overloaded
from samekind.types import Image, Text
from samekind_server.embedding.askers import ANYONE
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.images import ImageLimits
from samekind_server.embedding.openvino_runtime import pieces
from samekind_server.embedding.proof import picture
from samekind_server.embedding.registry import Registry
from samekind_server.embedding.resident import give_back, resident
from samekind_server.embedding.resting import Resting
from tests.model_folders import OF_MINIS_FORM, SMALL_TEXT, configure, minis_folder
from tests.running import started

WIDE = OF_MINIS_FORM | {"text_cfg": SMALL_TEXT | {"width": 512, "heads": 8}}  # Large beside what a process takes or gives back by itself.
CONFIG = "open_clip_config.json"


class Cyclic:
    """Something that holds itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """Three models of one size."""
    folder = tmp_path_factory.mktemp("models")
    return [f"local-dir:{minis_folder(folder / name, WIDE)}" for name in ("a", "b", "c")]


@pytest.fixture(scope="module")
def size(names, tmp_path_factory):
    """What one of them takes, beside what is loaded only once."""
    registry = Registry(names, offline=True, precision=None, cache_dir=tmp_path_factory.mktemp("cache"), threads=1)
    for name in names:
        registry.get(name)
    return min(registry.memory().values())


def registry_of(names, cache, **more):
    return Registry(names, offline=True, precision=None, cache_dir=cache, threads=1, **more)


def test_the_model_used_longest_ago_is_unloaded_and_the_default_stays(names, size, tmp_path):
    a, b, c = names
    extra = f"local-dir:{minis_folder(tmp_path / 'd', WIDE)}"
    registry = registry_of([*names, extra], tmp_path, memory=int(3.6 * size))
    for name in (a, b, c, b, extra):
        registry.get(name)
    assert list(registry.memory()) == [a, b, extra]
    registry.get(c)
    assert list(registry.memory()) == [a, c, extra]


def test_a_model_in_use_is_never_unloaded_and_who_finds_no_room_is_told_when_to_ask_again(names, size, tmp_path):
    a, b, c = names
    registry = registry_of(names, tmp_path, memory=int(2.6 * size))
    registry.get(a)
    with registry.lease(b) as held:
        with pytest.raises(Overloaded, match=f"{c} takes .* MiB and has no room within the .* MiB of --model-memory beside {a}, {b}") as refused:
            registry.get(c)
        assert refused.value.retry_after == 1.0
        assert registry.get(b) is held
    assert registry.get(c).model.name == c
    assert list(registry.memory()) == [a, c]


def test_a_model_got_before_may_be_held_while_it_works(names, size, tmp_path):
    registry = registry_of(names, tmp_path, memory=int(2.6 * size))
    registry.get()
    with registry.using(registry.get(names[1])), pytest.raises(Overloaded):
        registry.get(names[2])
    assert registry.get(names[2]).model.name == names[2]


def test_a_model_larger_than_all_the_memory_is_refused_for_good(names, tmp_path):
    registry = registry_of(names, tmp_path, memory=1 << 20)
    with pytest.raises(ModelUnavailable, match=r"takes .* MiB, more than the 1 MiB of --model-memory; raise it"):
        registry.get()
    assert registry.memory() == {}


def test_what_is_unloaded_comes_back_to_the_system(names, size, tmp_path):
    registry = registry_of(names, tmp_path)
    give_back()
    before = resident()
    registry.get(names[1])
    loaded = resident() - before
    registry.renew(names[1])
    assert loaded > size / 2
    assert resident() - before < loaded / 3


def test_what_only_a_cycle_holds_is_freed_though_it_was_taken_to_stay():
    something = Cyclic()
    give_back()
    held = weakref.ref(something)
    del something
    gc.collect()
    assert held() is not None
    give_back()
    assert held() is None


def test_calls_of_any_size_are_made_in_few_sizes():
    sizes = set()
    for count in range(1, 65):
        made = [piece.stop - piece.start for piece in pieces(count)]
        assert (sum(made), len(made) <= 3) == (count, True)
        sizes.update(made)
    assert sizes == {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64}


def test_watchers_are_told_what_is_unloaded(names, tmp_path):
    registry, told = registry_of(names, tmp_path), []
    registry.watchers.append(lambda encoder: told.append(encoder.model.name))
    registry.get()
    registry.renew()
    registry.renew()
    assert told == [names[0]]


def test_a_renewed_model_is_another_and_makes_the_same_space(names, tmp_path):
    registry = registry_of(names, tmp_path)
    old = registry.get()
    registry.renew()
    new = registry.get()
    assert new is not old
    assert new.model == old.model


def test_a_slow_load_holds_up_nobody_who_asks_for_another_model(names, tmp_path):
    slow = minis_folder(tmp_path / "slow")
    config = (slow / CONFIG).read_text()
    (slow / CONFIG).unlink()
    os.mkfifo(slow / CONFIG)
    registry = registry_of([names[0], f"local-dir:{slow}", names[1]], tmp_path)
    registry.get()
    found = []
    asker = Thread(target=lambda: found.append(registry.get(f"local-dir:{slow}").model.name))
    asker.start()
    with (slow / CONFIG).open("w") as pipe:  # Opens once the load reads it.
        assert registry.get() and registry.get(names[1])
        assert found == []
        pipe.write(config)
    asker.join()
    assert found == [f"local-dir:{slow}"]


def test_a_broken_model_fails_those_who_ask_for_it_and_is_tried_again(names, tmp_path):
    broken = configure(tmp_path / "broken", WIDE)
    registry = registry_of([names[0], f"local-dir:{broken}"], tmp_path)
    with ThreadPoolExecutor(4) as threads:
        errors = [asked.exception() for asked in [threads.submit(registry.get, f"local-dir:{broken}") for _ in range(4)]]
    assert {(type(error), str(error)) for error in errors} == {(BadModel, str(errors[0]))}
    assert [model.name for model in registry.models()] == [names[0]]
    minis_folder(broken, WIDE)
    assert registry.get(f"local-dir:{broken}").model.dimensions == 32


def test_a_server_told_to_be_lazy_loads_the_first_model_and_leaves_a_broken_one_to_who_asks(tmp_path):
    broken = f"local-dir:{configure(tmp_path / 'broken', WIDE)}"
    with started(tmp_path / "data", "--model", "mini", "--model", broken, "--lazy") as address, samekind.connect(address) as sk:
        with pytest.raises(BadModel, match="must hold its weights"):
            sk.embed("a cat", model=broken)
        assert sk.embed("a cat").vector.size == 256
        assert [model.name for model in sk.models()] == ["mini"]
        minis_folder(Path(broken.removeprefix("local-dir:")), WIDE)
        assert sk.embed("a cat", model=broken).vector.size == 32


def test_a_server_with_little_memory_serves_its_models_by_turns(names, size, tmp_path):
    options = [word for name in names for word in ("--model", name)]
    with started(tmp_path / "data", *options, "--model-memory", str(int(2.6 * size))) as address, samekind.connect(address) as sk:
        spaces = [sk.embed("a cat", model=name).space for name in (*names, *names)]
    assert spaces[:3] == spaces[3:]
    assert len(set(spaces)) == 1


def test_an_engine_that_embedded_with_a_model_does_not_keep_it(names, tmp_path):
    registry = registry_of(names, tmp_path)
    engine = Engine(registry, ImageLimits())

    async def used() -> weakref.ref[object]:
        encoder = await engine.encoder("")
        await engine.embed(encoder, [Text("a cat"), Image(picture())])
        return weakref.ref(encoder.runtime)

    runtime = asyncio.run(used())
    registry.renew()
    engine.close()
    assert runtime() is None


class Rested(Registry):
    """Tells how often it came to rest, and when it next does."""

    def __init__(self, names, cache):
        super().__init__(names, offline=True, precision=None, cache_dir=cache, threads=1)
        self.times, self.told = 0, asyncio.Event()

    def rest(self):
        super().rest()
        self.times += 1
        self.told.set()


def test_memory_is_given_back_once_for_each_time_that_work_comes_to_rest(tmp_path):
    async def work():
        engine = Engine(registry := Rested(["mini"], tmp_path), ImageLimits())
        resting = Resting(engine, after=0.01)
        resting.start()
        for _ in range(2):
            registry.told.clear()
            embedded = await engine.embed(await engine.encoder(""), [Image(picture())] * 16 + [Text("a cat")])
            await asyncio.wait_for(registry.told.wait(), 60)
        resting.stop()
        engine.close()
        return registry.times, embedded.errors

    assert asyncio.run(work()) == (2, {})


def test_nothing_is_given_back_while_work_is_under_way(engine):
    with engine.admission.admitted([Text("a cat")], ANYONE):
        assert engine.admission.ended == float("inf")
    assert engine.admission.ended < float("inf")


def test_a_model_that_gave_its_buffers_back_answers_as_before(engine):
    runtime = engine.registry.get("").runtime
    pixels = np.random.default_rng(0).random((16, 3, *engine.registry.get("").preprocess.height_width), np.float32)
    before = runtime.images(pixels)
    runtime.rest()
    assert (runtime.images(pixels) == before).all()
