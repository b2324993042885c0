"""The values samekind speaks in, the same on both sides of the wire; nothing here knows gRPC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from samekind.errors import SamekindError

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Floats = NDArray[np.float32]
# What an attribute, or a label's metadata, may hold.
Scalar = None | bool | int | float | str | datetime
Value = Scalar | list["Value"]


def _weighed(content: Content | ById, weight: float) -> Term:
    """The content as a term of a query: `0.5 * Text("in blue")`."""
    return Term(content, float(weight)) if isinstance(weight, int | float | np.number) else NotImplemented


@dataclass(frozen=True)
class Text:
    """A text to be looked at; a plain `str` is one too."""

    text: str

    __array_ufunc__ = None
    __mul__ = __rmul__ = _weighed


@dataclass(frozen=True)
class Image:
    """An image to be looked at: the bytes of an image file.

    Made with `Image("cat.jpg")`, of a path, bytes, a PIL image or an (h, w), (h, w, 3) or (h, w, 4) uint8 array;
    the file is read by the client when it is sent, never by the server.
    """

    source: str | Path | bytes | Picture | NDArray[Any]

    __array_ufunc__ = None
    __mul__ = __rmul__ = _weighed


@dataclass(frozen=True)
class Vector:
    """A ready vector, (dimensions,) float, of the space it bears."""

    values: Floats
    space: str

    __array_ufunc__ = None
    __mul__ = __rmul__ = _weighed


Content = Text | Image | Vector


@dataclass(frozen=True)
class ById:
    """An item of the catalog, named by its id, as a part of a query; it is not among the hits."""

    id: str

    __array_ufunc__ = None
    __mul__ = __rmul__ = _weighed


@dataclass(frozen=True)
class Term:
    """A content of a query and how much it counts; below 0 it pushes away."""

    content: Content | ById
    weight: float = 1.0


class LongText(Enum):
    """What happens to a text longer than the model's context; of `windows` its vector is the mean, and a catalog's items keep each."""

    TRUNCATE = "truncate"
    REJECT = "reject"
    WINDOWS = "windows"


class Precision(Enum):
    """How a model computed: `exact` in float32, `fast` in bfloat16 where that is quicker."""

    EXACT = "exact"
    FAST = "fast"


class ScoreKind(Enum):
    """How a model was trained to turn similarities into probabilities."""

    SOFTMAX = "softmax"
    SIGMOID = "sigmoid"


class ProbabilityKind(Enum):
    """What a probability is: a softmax over the labels, the model's sigmoid, or each label against neutral prompts."""

    SOFTMAX = "softmax"
    SIGMOID = "sigmoid"
    BACKGROUND = "background"


@dataclass(frozen=True)
class Label:
    """One thing a content may be: its name, and descriptions in words where the name says too little.

    `parent` names the label it is a kind of, in the same set; it and `metadata` are kept and change no probability.
    """

    name: str
    descriptions: tuple[str, ...] = ()
    parent: str = ""
    metadata: Mapping[str, Value] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Labels:
    """Labels and how their names are put in sentences: a named set of templates, or one's own (each with one `{}`)."""

    labels: tuple[Label, ...]
    template_set: str = "photo"
    templates: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabelSet:
    """Labels that the server keeps under a name; version, etag, count and times are the server's to tell. In a list it has no labels."""

    name: str
    labels: Labels
    model: str = ""
    version: int = 0
    etag: str = ""
    label_count: int = 0
    create_time: datetime | None = None
    update_time: datetime | None = None


@dataclass(frozen=True)
class Report:
    """How an answer was made: model, space, precision (None where no model ran) and milliseconds."""

    model: str
    space: str
    precision: Precision | None
    wait_ms: float = 0.0
    decode_ms: float = 0.0
    compute_ms: float = 0.0


@dataclass(frozen=True)
class LabelScore:
    """How well a label fits: `probability` 0 to 1, `similarity` a cosine."""

    label: str
    probability: float
    similarity: float


@dataclass(frozen=True)
class Answer:
    """One content's labels, most probable first, or the error it failed with.

    `label_set` and `version` name the kept label set that was asked. Of several sets, each one's answer is in `by_label_set`.
    """

    scores: tuple[LabelScore, ...]
    probability_kind: ProbabilityKind
    report: Report
    truncated: bool = False
    truncated_labels: tuple[str, ...] = ()
    error: SamekindError | None = None
    label_set: str = ""
    version: int = 0
    by_label_set: Mapping[str, Answer] = field(default_factory=dict, hash=False)

    @property
    def top(self) -> str:
        """The most probable label's name; raises the content's own error where it failed."""
        if self.error:
            raise self.error
        if self.by_label_set:
            raise ValueError(f"this answers several label sets, each in .by_label_set: {', '.join(self.by_label_set)}")
        return self.scores[0].label if self.scores else ""


@dataclass(frozen=True)
class Embedding:
    """One content's unit vector, (dimensions,) float32, or the error it failed with."""

    vector: Floats
    space: str
    report: Report
    truncated: bool = False
    error: SamekindError | None = None


@dataclass(frozen=True)
class Model:
    """An embedding model and the space its vectors are of."""

    name: str
    space: str
    dimensions: int
    prefix_dimensions: tuple[int, ...]
    context_length: int
    image_size: int
    parameters: int
    score_kind: ScoreKind
    runtime: str
    precision: Precision
    default: bool = False


class Metric(Enum):
    """How near two vectors are: by their angle, their product, or their distance. A score is higher where they are nearer."""

    COSINE = "cosine"
    DOT = "dot"
    EUCLIDEAN = "euclidean"


@dataclass(frozen=True)
class Fused:
    """An item's contents are one vector: their weighted mean, of unit length for the cosine."""

    text: float = 1.0
    image: float = 1.0
    vector: float = 1.0


@dataclass(frozen=True)
class Best:
    """Each of an item's contents is compared, and the nearest counts."""


Comparison = Fused | Best


class Rotation(Enum):
    """Which numbers of a vector a search goes by where these are not all: the first ones, or its place along the catalog's principal axes."""

    PREFIX = "prefix"
    PCA = "pca"


class WriteMode(Enum):
    """What becomes of an item that is there, or is not there yet."""

    UPSERT = "upsert"
    INSERT = "insert"
    UPDATE = "update"


@dataclass(frozen=True)
class EventWeights:
    """How much each kind of event counts in recommendations; the best rating counts `rating`, the worst as much against."""

    view: float = 1.0
    like: float = 4.0
    cart: float = 3.0
    purchase: float = 5.0
    rating: float = 4.0
    dislike: float = -4.0
    hide: float = -4.0


@dataclass(frozen=True)
class Catalog:
    """A named set of items in one space; version, etag, count and times are the server's to tell.

    Without a model it holds ready vectors of `space` alone. `m` and `ef_construction` shape the graph that finds the nearest
    (HNSW, arXiv 1603.09320), which goes by `search_dimensions` numbers of each vector (0: all), chosen as `rotation` says.
    `thumbnail_size` is the longer side, in pixels, of the small picture kept of each image, 0: none. `long_text` is what happens to a text
    longer than the model's context where a write does not say.
    """

    name: str
    model: str = ""
    space: str = ""
    dimensions: int = 0
    metric: Metric = Metric.COSINE
    comparison: Comparison = field(default_factory=Fused)
    m: int = 16
    ef_construction: int = 200
    search_dimensions: int = 0
    rotation: Rotation = Rotation.PREFIX
    thumbnail_size: int = 0
    long_text: LongText = LongText.TRUNCATE
    event_weights: EventWeights = field(default_factory=EventWeights)
    version: int = 0
    etag: str = ""
    create_time: datetime | None = None
    update_time: datetime | None = None


@dataclass(frozen=True)
class Item:
    """A thing in a catalog: an id of 1 to 512 bytes, at most one text, one image and one ready vector, and attributes.

    Contents are as elsewhere: a `str` is text, a `Path` an image's file. `version` rises whenever the item changes; given with a
    write, it is made only where the item is still at that version. In answers `contents` has the text, `vectors` (by text, image,
    vector) and `thumbnail` (a JPEG's bytes) what was asked for.
    """

    id: str
    contents: Sequence[Any] = ()
    attributes: Mapping[str, Value] = field(default_factory=dict, hash=False)
    version: int = 0
    kinds: tuple[str, ...] = ()
    vectors: Mapping[str, Vector] = field(default_factory=dict, hash=False)
    thumbnail: bytes = b""
    create_time: datetime | None = None
    update_time: datetime | None = None


@dataclass(frozen=True)
class Written:
    """What became of one item that was to be written: its version now, or the error it failed with.

    `changed` is false where it was there already just so; `truncated` where its text was longer than the model reads.
    """

    id: str
    version: int = 0
    created: bool = False
    changed: bool = False
    truncated: bool = False
    error: SamekindError | None = None


@dataclass(frozen=True)
class Upserted:
    """What became of many items: how many are as they were to be, how many of them were new, or not just so before, and those that failed."""

    count: int
    created: int
    changed: int
    failures: tuple[Written, ...] = ()


@dataclass(frozen=True)
class Deleted:
    """How many items were deleted, and which of those named were not there."""

    count: int
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class IndexStats:
    """The state of one index: `removed` vectors still take room, `buffered` ones are compared with each query until the graph has them."""

    name: str
    live: int
    removed: int
    buffered: int
    graph: bool
    building: bool
    memory_bytes: int


@dataclass(frozen=True)
class CatalogStats:
    """How much there is of a catalog, and what state its indexes are in."""

    items: int
    store_bytes: int
    memory_bytes: int
    indexes: tuple[IndexStats, ...]
