"""samekind's client: what kind is it, and what else is the same kind?"""

from importlib.metadata import PackageNotFoundError, version

from samekind import errors
from samekind.client import AsyncClient, Client, aconnect, connect
from samekind.errors import SamekindError
from samekind.label_sets import AsyncLabelSetHandle, LabelSetHandle
from samekind.types import (
    Answer,
    Embedding,
    Image,
    Label,
    Labels,
    LabelScore,
    LabelSet,
    LongText,
    Model,
    Precision,
    ProbabilityKind,
    Report,
    ScoreKind,
    Text,
    Vector,
)

try:
    __version__ = version("samekind")
except PackageNotFoundError:  # a copy of the source that nobody installed
    __version__ = "0"

__all__ = [
    "Answer",
    "AsyncClient",
    "AsyncLabelSetHandle",
    "Client",
    "Embedding",
    "Image",
    "Label",
    "LabelScore",
    "LabelSet",
    "LabelSetHandle",
    "Labels",
    "LongText",
    "Model",
    "Precision",
    "ProbabilityKind",
    "Report",
    "SamekindError",
    "ScoreKind",
    "Text",
    "Vector",
    "__version__",
    "aconnect",
    "connect",
    "errors",
]
