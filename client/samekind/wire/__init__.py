"""Between the messages of samekind.v1 and the values of samekind.types, both ways, for the client and for the server's edge."""

from samekind.wire.classification import classify_request, classify_response, labels, read_classify_response, read_labels
from samekind.wire.contents import content, long_text, read_content, read_long_text, read_report, read_vectors, report, vectors
from samekind.wire.embedding import (
    embed_request,
    embed_response,
    model,
    model_request,
    model_response,
    models_request,
    models_response,
    read_embed_response,
    read_model,
    read_model_response,
    read_models_response,
)
from samekind.wire.statuses import read_status, status
from samekind.wire.values import Value, read_value, value

__all__ = [
    "Value",
    "classify_request",
    "classify_response",
    "content",
    "embed_request",
    "embed_response",
    "labels",
    "long_text",
    "model",
    "model_request",
    "model_response",
    "models_request",
    "models_response",
    "read_classify_response",
    "read_content",
    "read_embed_response",
    "read_labels",
    "read_long_text",
    "read_model",
    "read_model_response",
    "read_models_response",
    "read_report",
    "read_status",
    "read_value",
    "read_vectors",
    "report",
    "status",
    "value",
    "vectors",
]
