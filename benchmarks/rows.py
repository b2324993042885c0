"""The table of what is measured, each row in turns within one run."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from benchmarks import indexing, inputs, serving, towers, transports
from benchmarks.timing import Contenders, Timings, interleaved


@dataclass(frozen=True)
class Row:
    """One thing done in several ways, at most `rounds` times each; `items` are done each time."""

    name: str
    what: str
    contenders: Callable[[], AbstractContextManager[Contenders]]
    rounds: int
    items: int = 1


@dataclass(frozen=True)
class Measured:
    """A row's timings, or why there are none."""

    row: Row
    timings: Timings | None
    skipped: str | None = None

    def as_json(self) -> dict[str, Any]:
        """All that is known of the row."""
        row = self.row
        told = {"name": row.name, "what": row.what, "items": row.items, "skipped": self.skipped}
        return told | (self.timings.as_json() if self.timings else {})


ROWS = (
    Row("classify", "one photo (640×480) among 10 labels it was asked before, mini", serving.classify, 60),
    Row("batch", "32 photos embedded, mini", serving.batch, 10, 32),
    Row("labels", f"one photo among {serving.MANY:,} labels, mini", serving.labels, 5),
    Row("label-sets", f"one photo among {serving.KEPT:,} labels of a kept set, mini", serving.label_sets, 20),
    Row("catalog-photos", "32 photos added to a catalog, mini", serving.catalog_photos, 10, 32),
    Row("catalog-get", f"one of {serving.MANY:,} items, mini", serving.catalog_get, 200),
    Row("http-text", "one text among 3 labels, mini", transports.classify(transports.text), 200),
    Row("http-photo", "one photo (640×480) among 3 labels, mini", transports.classify(transports.picture), 60),
    Row("http-large", "an image file of 20 MiB among 3 labels, mini", transports.classify(transports.large), 10),
    Row("jpeg-640x480", "a JPEG of 640×480 made into 224 pixels of input", inputs.jpeg(640, 480), 40),
    Row("jpeg-1600x1200", "a JPEG of 1600×1200 made into 224 pixels of input", inputs.jpeg(1600, 1200), 25),
    Row("tokenize", f"{inputs.TEXTS:,} product descriptions made into tokens", inputs.tokenize, 15, inputs.TEXTS),
    Row("vit-b-32", "8 images through ViT-B-32's image tower", towers.images, 10, 8),
    Row("index-add", f"{indexing.ADDED:,} vectors of {indexing.DIMENSIONS} until the graph holds all", indexing.adding, 5, indexing.ADDED),
    Row("index-search-10k", "the nearest 10 of 10,000 vectors", indexing.searching(10_000), 300),
    Row("index-search-100k", "the nearest 10 of 100,000 vectors", indexing.searching(100_000), 300),
    Row("index-callers", f"{indexing.CALLERS} callers, {indexing.QUERIES} queries each", indexing.together, 20, indexing.CALLERS * indexing.QUERIES),
    Row("index-meanwhile", "the nearest 10 of 10,000 vectors, and more coming", indexing.meanwhile, 300),
    Row("start-up", "from the command until it is ready", serving.start_up, 3),
)


def measured(row: Row) -> Measured:
    """The row's timings on this machine, now."""
    try:
        with row.contenders() as contenders:
            return Measured(row, interleaved(contenders, row.rounds))
    except towers.Skipped as why:
        return Measured(row, None, str(why))
