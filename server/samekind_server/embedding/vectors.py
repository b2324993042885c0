"""Ready vectors: checked, made unit, and cut to fewer dimensions."""

import numpy as np

from samekind.errors import BadRequest, BadVector, SpaceMismatch, Violation
from samekind.types import Floats, Model, Vector


def unit(vector: Vector, model: Model) -> Floats:
    """The vector's unit row. Raises SpaceMismatch, or BadVector where it has another size or points nowhere."""
    if vector.space != model.space:
        theirs, ours = vector.space, model.space
        raise SpaceMismatch(f"the vector is of space {theirs!r}, but {model.name} makes {ours!r}; embed the content with this model")
    if vector.values.shape != (model.dimensions,):
        raise BadVector(f"the vector has {vector.values.size} numbers, but its space {vector.space!r} has {model.dimensions}")
    norm = float(np.linalg.norm(vector.values.astype(np.float64)))
    if not np.isfinite(norm) or norm == 0:
        raise BadVector(f"the vector is {'zero' if norm == 0 else 'not finite'}, so it points nowhere; send a finite one other than zero")
    return (vector.values / norm).astype(np.float32)


def kept(model: Model, dimensions: int) -> int:
    """How many dimensions are asked for, 0 being all. Raises BadRequest where that is more than the model has."""
    if dimensions > model.dimensions:
        message = f"{dimensions} dimensions are more than the {model.dimensions} that {model.name} has; ask for {model.dimensions} or fewer"
        raise BadRequest(message, violations=(Violation("dimensions", message),))
    return dimensions or model.dimensions


def cut(vectors: Floats, dimensions: int) -> Floats:
    """The rows' first `dimensions` numbers, unit again (Matryoshka representation learning, arXiv 2205.13147); zero rows stay zero."""
    if dimensions == vectors.shape[1]:
        return vectors
    first = vectors[:, :dimensions]
    norms = np.linalg.norm(first, axis=1, keepdims=True)
    unit: Floats = np.divide(first, norms, out=np.zeros_like(first), where=norms > 0)
    return unit
