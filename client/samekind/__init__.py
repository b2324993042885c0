"""samekind's client: what kind is it, and what else is the same kind?"""

from importlib.metadata import PackageNotFoundError, version

from samekind import errors
from samekind.catalogs import AsyncCatalogHandle, CatalogHandle
from samekind.client import AsyncClient, Client, aconnect, connect
from samekind.errors import SamekindError
from samekind.filters import F
from samekind.label_sets import AsyncLabelSetHandle, LabelSetHandle
from samekind.types import (
    Answer,
    Best,
    Catalog,
    Embedding,
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
    "Catalog",
    "CatalogHandle",
    "Client",
    "Embedding",
    "F",
    "Fused",
    "Image",
    "Item",
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
    "Report",
    "Rotation",
    "SamekindError",
    "ScoreKind",
    "Text",
    "Vector",
    "WriteMode",
    "Written",
    "__version__",
    "aconnect",
    "connect",
    "errors",
]
