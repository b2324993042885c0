"""Makes an operation's builder a method that tells what the builder tells."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, signature
from typing import TypeVar

Asked = TypeVar("Asked", bound=Callable[..., object])


def described(method: Asked, build: Callable[..., object], *, bound: int = 0) -> Asked:
    """The method with its builder's words and signature, as `help` shows them; the first `bound` parameters are the method's own to give."""
    wraps(build)(method)
    asked = signature(build)
    this = Parameter("self", Parameter.POSITIONAL_ONLY)
    vars(method)["__signature__"] = asked.replace(parameters=[this, *list(asked.parameters.values())[bound:]], return_annotation=asked.empty)
    return method
