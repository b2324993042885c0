"""What a store of record can do, whichever database it is; one suite of tests holds for every one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Cell = None | int | float | str | bytes
Row = tuple[Any, ...]


class Transaction(Protocol):
    """What is done in it is done as a whole or not at all."""

    def rows(self, sql: str, *values: Cell) -> list[Row]:
        """The rows of one statement, `?` standing for each value; none for one that answers none."""
        ...


class Store(Protocol):
    """From any thread. Its futures raise what the work raises, Overloaded, or StoreUnavailable."""

    def write(self, work: Callable[[Transaction], T], then: Callable[[T], None] | None = None) -> Future[T]:
        """What `work` answers, once that is durable and seen by every read begun from then on.

        Before it is answered, `then` is told the same, of one write after the other in the order they were committed; it has to be quick.
        """
        ...

    def read(self, work: Callable[[Transaction], T]) -> Future[T]:
        """What `work` answers, of one moment; it never waits for a write."""
        ...

    def read_here(self, work: Callable[[Transaction], T]) -> T:
        """As `read`, in the thread that asks, which keeps a connection for as long as the store is open. Raises what `read` does."""
        ...

    def prove(self) -> None:
        """Writes and reads it again. Raises StoreUnavailable."""
        ...

    def purge(self) -> Future[None]:
        """Leaves nothing in its files of what was deleted. Raises StoreUnavailable while another program reads what it was before."""
        ...

    def close(self) -> None:
        """Ends what is under way, then closes."""
        ...
