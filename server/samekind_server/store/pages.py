"""Gives back to the disk what is free in SQLite's file; another store looks after that by itself."""

from samekind_server.store.base import Transaction

AT_ONCE = 256


def give_back(to: Transaction, most: int = AT_ONCE) -> None:
    """Gives back so many of the free pages."""
    [[free]] = to.rows("PRAGMA freelist_count")
    for _ in range(min(free, most)):
        # The module takes one step of a statement without columns, and a step gives back one page.
        to.rows("PRAGMA incremental_vacuum(1)")
