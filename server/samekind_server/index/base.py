"""What an index of vectors can do, whichever way it finds them; the exact one is the twin that every other agrees with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from samekind.types import Floats, Metric, Rotation

Rows = NDArray[np.int64]
Bools = NDArray[np.bool_]
Step = Callable[[str], object]

BUFFER = 5_000  # Vectors that may wait outside the graph: a search compares each of them, which takes about as long as the graph does.


def unwatched(step: str) -> None:
    """Watches no step."""


@dataclass(frozen=True)
class Shape:
    """What an index is of: vectors of `dimensions` numbers under a metric, and how its graph is made (HNSW's M and efConstruction).

    The graph may go by fewer numbers, `search_dimensions` (0: all), the first ones or the first after a rotation. It then finds candidates, whose
    scores are of the whole vectors as ever.
    """

    dimensions: int
    metric: Metric = Metric.COSINE
    m: int = 16
    ef_construction: int = 200
    search_dimensions: int = 0
    rotation: Rotation = Rotation.PREFIX

    @property
    def searched(self) -> int:
        """How many numbers of a vector the graph goes by."""
        return min(self.search_dimensions or self.dimensions, self.dimensions)

    @property
    def reduced(self) -> bool:
        """Whether these are not all."""
        return self.searched < self.dimensions


@dataclass(frozen=True)
class Nearest:
    """One query's rows, nearest first, ties by the lower row; and how they were found.

    `rows` (n,) int64 and `scores` (n,) float32, n ≤ k. A score is higher where nearer: the cosine, the product, or the negative distance.
    It depends on the query and the row's vector alone, to the last bit, not on the way it was found or on what else was asked.
    `exact`: every row that could be an answer was compared; else the graph chose. `seen`: rows whose exact score was computed.
    Fewer than k means that no more rows are there (or allowed), never that some were not found.
    """

    rows: Rows
    scores: Floats
    exact: bool
    seen: int


@dataclass(frozen=True, eq=False)
class Gist:
    """What vectors are like on the whole: how many, their mean (dimensions,) float64, and some of them (n, dimensions), chosen by row alone."""

    count: int
    mean: NDArray[np.float64]
    some: Floats


def nothing() -> Nearest:
    """What is nearest where nothing is."""
    return Nearest(np.empty(0, np.int64), np.empty(0, np.float32), True, 0)


@dataclass(frozen=True)
class Stats:
    """The state of an index; numbers are of vectors.

    `live` can be found; `removed` are gone from answers and still take memory; `buffered` are live but not in the graph, and compared
    with each query; `room` may still be added before `add` should wait; `effort`: how many candidates the graph looks at (0: there is none),
    chosen so that a sample of queries finds 98 % of its nearest 10; `building`: a graph is being made beside the one that answers (or
    beside exact search); `changed`: added, removed or put in a new graph since the last snapshot; `quiet`: for how many seconds nobody asked;
    `memory_bytes`: vectors, rows and graph, not Python itself.
    """

    live: int
    removed: int
    buffered: int
    room: int
    graph: bool
    effort: int
    building: bool
    changed: int
    quiet: float
    memory_bytes: int


class Index(Protocol):
    """Vectors by the store's row numbers. One thread at a time may add and remove; any number may ask, and one save, at the same time as that one.

    What `add` and `remove` did is seen by every `nearest` begun after they returned. None of them waits for a graph: that is what `tend`
    is for, which one thread calls again and again (see `Tender`). Rows are int64 arrays, vectors float32 (n, dimensions), C order.
    """

    def add(self, rows: Rows, vectors: Floats) -> None:
        """Takes the vectors in, whole or not at all. Keeps a copy; cosine vectors are made unit.

        Rows ascend, and are above every row added before, removed ones too (else ValueError). Raises BadVector, naming the place in
        `vectors`, where one is zero (cosine), not finite, too long (a squared length above 1e37) or of another size. Never waits and
        never refuses for want of room, as the store has the rows already: ask `room` before writing to the store.
        """
        ...

    def remove(self, rows: Rows) -> int:
        """How many were live and are now gone; others, unknown or removed before, are passed over. Any order."""
        ...

    def nearest(self, queries: Floats, k: int, *, allowed: Rows | None = None, exact: bool = False, effort: int = 0) -> list[Nearest]:
        """The k nearest live rows of each query, (n, dimensions) float32, in the order of the queries.

        `allowed`: only these, ascending and without doubles; unknown and removed ones are passed over. `exact` compares them all. `effort`:
        how many candidates a graph looks at at least, for more recall (0: its own, see Stats). k may be above the number of rows.
        Raises BadVector where a query is not finite, zero (cosine), too long, or of another size.
        """
        ...

    def near(self, queries: Floats, k: int, *, allowed: Rows | None = None) -> list[Rows]:
        """About the same rows in about that order, and as many, for who ranks them by something else anyway.

        A graph looks at no more than it answers with: a fifth of the work, or less.
        """
        ...

    def vectors(self, rows: Rows) -> Floats:
        """The vectors (n, dimensions) as they are compared, unit for the cosine, in the order of `rows`. Raises KeyError where one is not live."""
        ...

    def reshape(self, shape: Shape) -> None:
        """Has the graph made anew in another form, beside the one that answers meanwhile; dimensions and metric stay."""
        ...

    @property
    def is_empty(self) -> bool:
        """Whether there is no live row."""
        ...

    def rows(self) -> Rows:
        """Every live row, ascending: what the store is compared with once it was opened."""
        ...

    def has(self, rows: Rows) -> Bools:
        """Which of these rows are live, in any order; it takes as long as there are rows asked for."""
        ...

    def gist(self, most: int) -> Gist:
        """What the live vectors are like on the whole, with at most so many of them; it looks at no others."""
        ...

    def room(self, count: int, timeout: float) -> bool:
        """Whether `count` may be added without the buffer growing above BUFFER, waiting up to `timeout` seconds (0: not at all) for that.

        A count above BUFFER waits for an empty buffer. Rows that a rebuild has yet to put in the graph do not count, nor do those of an index that is
        too small for one.
        """
        ...

    def tend(self) -> bool:
        """Does one short step (milliseconds) of what waits: rows into the graph, marks, a rebuild; False when nothing is left to do.

        Any thread, one at a time: a second caller waits. Searches never wait longer than a step, and while they come a step is followed by a rest.
        """
        ...

    def save(self, folder: Path, *, identity: str, change: int, step: Step = unwatched) -> None:
        """Puts a snapshot in place of what `folder` (made if missing) holds, whole or not at all, durable when this returns.

        `identity` says whose it is (catalog, modality, the store's own incarnation): `opened` refuses another's. `change` is the store's change
        number up to which every change had been given to this index before the call (later ones may be in it too). Rows in the buffer are
        left out: `rows` of what is opened tells. Searches wait while hnswlib hands its graph to the system: 30 ms for 100 MB. `step` is
        told each step by its name before it is done (SAVE_STEPS). Raises OSError; a whole snapshot then stands, the old one or the new.
        """
        ...

    def stats(self) -> Stats:
        """The state now."""
        ...

    def close(self) -> None:
        """Frees what it holds; nothing else may be called then."""
        ...


SAVE_STEPS = ("clear", "graph", "rows", "sync", "manifest", "rename", "sync-folder", "sweep")


@dataclass(frozen=True)
class Opened:
    """What `hnsw.opened(folder, shape, identity=…, newest=…)` answers: an index from a snapshot, or an empty one and why it must be filled.

    It raises nothing for what lies in the folder. `newest` is the store's change number now: a snapshot above it is of another life of the store.

    Where `rebuild` is empty the index holds a snapshot's rows, up to date until `change`: the caller removes those of `index.rows()` that the
    store has no more, and adds those of the store that are not in it. Their numbers are above all that are; where one is not, the caller
    takes a new `hnsw.Hnsw(shape)` and adds every row. Where `rebuild` says why, the index is empty: the caller adds every row of the store,
    ascending. In both cases it answers at once and exactly about what it holds, while `tend` brings the graph up to date.
    """

    index: Index
    change: int = 0
    rebuild: str = ""
