"""When the parts of a call's work began and ended, for whoever wants to know it of this very call."""

from contextvars import ContextVar

MOST = 4096  # More than a batch has; a stream, which may have no end, tells of its first ones.
Span = tuple[str, float, float]
_wanted: ContextVar[list[Span] | None] = ContextVar("spans", default=None)


def wanted() -> list[Span]:
    """A list that gets each part's name, begin and end (`time.monotonic`) as the call that is under way goes on."""
    spans: list[Span] = []
    _wanted.set(spans)
    return spans


def tell(name: str, began: float, ended: float) -> None:
    """Tells of a part, where that is wanted."""
    if (spans := _wanted.get()) is not None and len(spans) < MOST:
        spans.append((name, began, ended))
