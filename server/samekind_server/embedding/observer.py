"""What the engine tells those who count; by itself nobody listens. Called on the event loop, between two awaits."""

from collections.abc import Sequence
from enum import Enum
from typing import Protocol


class Drop(Enum):
    """Why work that waited for a model was never computed."""

    CANCELLED = "cancelled"
    DEADLINE = "deadline"


class Shed(Enum):
    """Why a request was refused before any work was done for it."""

    BYTES = "bytes"
    PIXELS = "pixels"
    WAIT = "wait"
    QUERIES = "queries"


class Observer(Protocol):
    """Hears of each thing as it happens. `model` is a model's name; `tower` is `images` or `texts`; times are in seconds."""

    def computed(self, model: str, tower: str, waited: Sequence[float], seconds: float) -> None:
        """One call of a tower took `seconds` and answered, for some at least of its rows: one for each of `waited`, the time it had waited."""

    def failed(self, model: str, tower: str, rows: int) -> None:
        """A tower raised for so many rows."""

    def dropped(self, model: str, tower: str, why: Drop, rows: int) -> None:
        """So many rows were dropped before the model ran for them."""

    def restarted(self, model: str, tower: str) -> None:
        """A call hung, or the worker died, and was started anew."""

    def shed(self, why: Shed) -> None:
        """A request was refused with Overloaded."""

    def asked(self, cache: str, *, hits: int, misses: int) -> None:
        """A cache, `texts` or `labels`, was asked for so many entries."""


class Unobserved:
    """Hears nothing."""

    def computed(self, model: str, tower: str, waited: Sequence[float], seconds: float) -> None:
        """See Observer."""

    def failed(self, model: str, tower: str, rows: int) -> None:
        """See Observer."""

    def dropped(self, model: str, tower: str, why: Drop, rows: int) -> None:
        """See Observer."""

    def restarted(self, model: str, tower: str) -> None:
        """See Observer."""

    def shed(self, why: Shed) -> None:
        """See Observer."""

    def asked(self, cache: str, *, hits: int, misses: int) -> None:
        """See Observer."""
