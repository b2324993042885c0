"""samekind's client: what kind is it, and what else is the same kind?"""

from importlib.metadata import PackageNotFoundError, version

from samekind import errors
from samekind import quiet as quiet
from samekind.catalogs import AsyncCatalogHandle, CatalogHandle
from samekind.client import AsyncClient, Client, aconnect, connect
from samekind.errors import SamekindError
from samekind.filters import F
from samekind.label_sets import AsyncLabelSetHandle, LabelSetHandle
from samekind.queries import Cutoff, Found, Grouping, Hit, ItemView, Query
from samekind.recommendations import Event, EventKind, ExampleStrategy, Reason, ReasonKind, Recommendation, Recommended, Recorded, Recording
from samekind.search_calls import query
from samekind.types import (
    Answer,
    Best,
    ById,
    Catalog,
    Embedding,
    EventWeights,
    Fused,
    Image,
    Item,
    Label,
    Labels,
    LabelScore,
    LabelSet,
    LongText,
    Metric,
    Model,
    Precision,
    ProbabilityKind,
    Report,
    Rotation,
    ScoreKind,
    Term,
    Text,
    Vector,
    WriteMode,
    Written,
)

try:
    __version__ = version("samekind")
except PackageNotFoundError:  # a copy of the source that nobody installed
    __version__ = "0"

__all__ = [
    "Answer",
    "AsyncCatalogHandle",
    "AsyncClient",
    "AsyncLabelSetHandle",
    "Best",
    "ById",
    "Catalog",
    "CatalogHandle",
    "Client",
    "Cutoff",
    "Embedding",
    "Event",
    "EventKind",
    "EventWeights",
    "ExampleStrategy",
    "F",
    "Found",
    "Fused",
    "Grouping",
    "Hit",
    "Image",
    "Item",
    "ItemView",
    "Label",
    "LabelScore",
    "LabelSet",
    "LabelSetHandle",
    "Labels",
    "LongText",
    "Metric",
    "Model",
    "Precision",
    "ProbabilityKind",
    "Query",
    "Reason",
    "ReasonKind",
    "Recommendation",
    "Recommended",
    "Recorded",
    "Recording",
    "Report",
    "Rotation",
    "SamekindError",
    "ScoreKind",
    "Term",
    "Text",
    "Vector",
    "WriteMode",
    "Written",
    "__version__",
    "aconnect",
    "connect",
    "errors",
    "query",
]
