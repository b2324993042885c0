"""Rows of the service as a whole: asked over gRPC, in a process of its own."""

import itertools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import samekind
from benchmarks import rival
from benchmarks.pictures import never_sent, photo
from benchmarks.servers import started
from benchmarks.timing import Contenders
from samekind import ById, Item

LABELS = ("temple", "flower", "beach", "dog", "car", "pizza", "lamp", "guitar", "tent", "bicycle")
MANY = 1000
KEPT = 10_000


@contextmanager
def classify() -> Iterator[Contenders]:
    """One photo over gRPC, labels known, and the same answer in-process, by a script that keeps its model."""
    with _mini() as sk:
        ours, theirs, by_script = never_sent(photo()), never_sent(photo()), rival.classifier(LABELS)
        script = lambda: by_script(next(theirs))  # noqa: E731
        yield {
            f"samekind serve, {sk.model().precision.value}": lambda: sk.classify(next(ours), LABELS),
            "script, torch in 1 thread": rival.in_one_thread(script),
            "script, torch as it comes": script,
        }


@contextmanager
def batch() -> Iterator[Contenders]:
    """32 photos embedded in one call, and in a call each."""
    with _mini() as sk:
        fresh = never_sent(photo())
        yield {"one call": lambda: sk.embed(_some(fresh)), "32 calls": lambda: [sk.embed(each) for each in _some(fresh)]}


@contextmanager
def labels() -> Iterator[Contenders]:
    """A thousand labels asked again, and asked the first time: those asked again are the ones that the round before brought."""
    with _mini() as sk:
        fresh = never_sent(photo())
        lists = ([f"{LABELS[number % 10]} of type {number} {turn}" for number in range(MANY)] for turn in itertools.count())
        asked = [next(lists)]

        def again() -> object:
            return sk.classify(next(fresh), asked[-1])

        def first() -> object:
            asked.append(next(lists))
            return again()

        again()
        yield {"asked again": again, "asked the first time": first}


@contextmanager
def label_sets() -> Iterator[Contenders]:
    """A photo embedded, and asked of a kept set of ten thousand labels, as it is and with one label changed just before."""
    with _mini() as sk:
        fresh, turns = never_sent(photo()), itertools.count()
        names = [f"{LABELS[number % 10]} of type {number}" for number in range(KEPT)]
        kept = sk.label_set("many", labels=names)

        def again() -> object:
            return kept.classify(next(fresh), top_k=5)

        def changed() -> object:
            kept.update(labels=[f"new {next(turns)}", *names[1:]])
            return again()

        again()
        yield {"embedded alone": lambda: sk.embed(next(fresh)), "among the labels": again, "one label changed, and among the labels": changed}


@contextmanager
def catalog_photos() -> Iterator[Contenders]:
    """32 photos added to a catalog, and embedded alone."""
    with _mini() as sk:
        fresh, numbers, album = never_sent(photo()), itertools.count(), sk.catalog("album")

        def added() -> object:
            return album.upsert(Item(str(next(numbers)), [each]) for each in _some(fresh))

        yield {"added": added, "embedded alone": lambda: sk.embed(_some(fresh))}


@contextmanager
def catalog_get() -> Iterator[Contenders]:
    """An item by its id, a search by the item, and a call that has nothing to do."""
    with _mini() as sk:
        album = sk.catalog("album")
        album.upsert(Item(str(number), [f"thing number {number}"]) for number in range(MANY))
        yield {"its item": lambda: album.get("7"), "its nearest ten": lambda: album.search(ById("7")), "GetModel": lambda: sk.model()}


@contextmanager
def start_up() -> Iterator[Contenders]:
    """From the command to the server's first line, and what a script pays to import open_clip."""
    with ExitStack() as servers:
        imports = [sys.executable, "-c", "import open_clip"]
        yield {
            "serve to its first line": lambda: servers.enter_context(started("--offline")),
            "import open_clip": lambda: subprocess.run(imports, check=True),
        }


def _some(fresh: Iterator[bytes]) -> list[bytes]:
    return list(itertools.islice(fresh, 32))


@contextmanager
def _mini() -> Iterator[samekind.Client]:
    with started("--offline") as address, samekind.connect(address) as sk:
        yield sk
