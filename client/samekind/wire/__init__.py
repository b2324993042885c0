"""Between the messages of samekind.v1 and the values of samekind.types, both ways, for the client and for the server's edge."""

from samekind.types import Value
from samekind.wire.classification import Asked, classify_request, classify_response, labels, read_classify_response, read_labels
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
from samekind.wire.label_sets import (
    create_label_set_request,
    delete_label_set_request,
    label_set,
    label_set_request,
    label_sets_request,
    label_sets_response,
    read_label_set,
    read_label_sets_response,
    update_label_set_request,
)
from samekind.wire.statuses import read_status, status
from samekind.wire.values import read_value, value

__all__ = [
    "Asked",
    "Value",
    "classify_request",
    "classify_response",
    "content",
    "create_label_set_request",
    "delete_label_set_request",
    "embed_request",
    "embed_response",
    "label_set",
    "label_set_request",
    "label_sets_request",
    "label_sets_response",
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
    "read_label_set",
    "read_label_sets_response",
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
    "update_label_set_request",
    "value",
    "vectors",
]
