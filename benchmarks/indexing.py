"""Rows of the index alone, beside bare hnswlib with the same vectors: adding until the graph holds all, and searching."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from itertools import cycle
from threading import Event, Thread
from typing import Any

import numpy as np

from benchmarks.timing import Contenders
from samekind.types import Floats
from samekind_server.index.base import Shape
from samekind_server.index.graph import EF
from samekind_server.index.hnsw import Hnsw
from samekind_server.index.tender import Tender

DIMENSIONS = 256
ADDED = 10_000
AT_ONCE = 500  # Vectors added at a time,
DRAWN = 10_000  # and drawn.
CALLERS = 16
QUERIES = 50  # Asked by each caller.
K = 10


@cache
def vectors(count: int, seed: int = 0) -> Floats:
    """Unit vectors around a thousand centres, as embeddings of like things are."""
    centres, chance = np.random.default_rng(99).normal(size=(1000, DIMENSIONS)), np.random.default_rng(seed)
    around, drawn = chance.integers(0, len(centres), count), chance.normal(size=(count, DIMENSIONS))
    unit = np.empty(drawn.shape, np.float32)
    for start in range(0, count, DRAWN):  # Of a million at once the steps between would take 6 GB.
        some = centres[around[start : start + DRAWN]] + 0.8 * drawn[start : start + DRAWN]
        unit[start : start + DRAWN] = some / np.linalg.norm(some, axis=1, keepdims=True)
    return unit


@contextmanager
def adding() -> Iterator[Contenders]:
    """Ten thousand vectors until a graph holds them all, each in one thread."""
    added = vectors(ADDED)
    yield {"samekind": lambda: _ours(added).close(), "hnswlib": lambda: _bare(added)}


def searching(count: int) -> Callable[[], AbstractContextManager[Contenders]]:
    """One query after another."""

    @contextmanager
    def contenders() -> Iterator[Contenders]:
        ours, queries = _ours(vectors(count), threads=2), vectors(1000, seed=1)
        bare = _bare(vectors(count), threads=2, ef=ours.stats().effort)
        each = cycle(queries[:, None])
        yield {"samekind": lambda: ours.nearest(next(each), K), "hnswlib": lambda: bare.knn_query(next(each), k=K, num_threads=1)}
        ours.close()

    return contenders


@contextmanager
def together() -> Iterator[Contenders]:
    """Sixteen callers who each ask one query after another."""
    ours, queries = _ours(vectors(ADDED)), vectors(CALLERS * QUERIES, seed=1)
    bare = _bare(vectors(ADDED), ef=ours.stats().effort)
    shares = np.split(queries[:, None], CALLERS)
    with ThreadPoolExecutor(CALLERS) as callers:
        yield {
            "samekind": lambda: [*callers.map(lambda share: [ours.nearest(query, K) for query in share], shares)],
            "hnswlib": lambda: [*callers.map(lambda share: [bare.knn_query(query, k=K, num_threads=1) for query in share], shares)],
        }
    ours.close()


@contextmanager
def meanwhile() -> Iterator[Contenders]:
    """A query to an index that is added to as fast as it goes, and to one at rest in the same process."""
    busy, rest, queries, done = _ours(vectors(ADDED)), _ours(vectors(ADDED)), cycle(vectors(1000, seed=1)[:, None]), Event()
    feeder = Thread(target=_feed, args=(busy, done))
    feeder.start()
    yield {"added to meanwhile": lambda: busy.nearest(next(queries), K), "at rest": lambda: rest.nearest(next(queries), K)}
    done.set()
    feeder.join()


def _feed(index: Hnsw, done: Event) -> None:
    """Adds for as long as it is not done, waiting where the buffer is full, while a thread tends the graph."""
    tender, more, last = Tender(), vectors(ADDED, seed=2), ADDED
    tender.add(index)
    while not done.is_set():
        if index.room(AT_ONCE, 1.0):
            start = last % ADDED
            index.add(np.arange(last, last + AT_ONCE), more[start : start + AT_ONCE])
            last += AT_ONCE
            tender.wake()
    tender.close()


def _ours(added: Floats, threads: int = 1) -> Hnsw:
    """An index with all in its graph."""
    index = Hnsw(Shape(DIMENSIONS), threads=threads)
    for start in range(0, len(added), AT_ONCE):
        index.add(np.arange(start, start + AT_ONCE), added[start : start + AT_ONCE])
    while index.tend():
        pass
    return index


def _bare(added: Floats, threads: int = 1, ef: int = EF) -> Any:
    """hnswlib with the same settings."""
    import hnswlib

    index = hnswlib.Index("ip", DIMENSIONS)
    index.init_index(len(added), M=16, ef_construction=200)
    index.add_items(added, np.arange(len(added)), num_threads=threads)
    index.set_ef(ef)
    return index
