"""How much memory this process holds, and how it is given back to the system."""

import ctypes
import gc
import os
from pathlib import Path

STATM = Path("/proc/self/statm")
M_ARENA_MAX = -8  # As in glibc's malloc.h.


def resident() -> int:
    """Bytes of memory that this process holds now; 0 where the system does not tell."""
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if STATM.exists() else 0


def share_arena() -> None:
    """Has all threads take memory from one place, before any is started: in glibc's one for each, what a crowd leaves lies too scattered to be
    given back."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(M_ARENA_MAX, 1)


def take_to_stay() -> None:
    """Has what there is now looked through by `give_back` alone: it takes 0.1 s, for which collections in between would halt every call."""
    gc.freeze()


def give_back() -> None:
    """Frees what only cycles hold, and returns free memory to the system, which glibc else keeps for later. What is left is taken to stay."""
    gc.unfreeze()
    gc.collect()
    take_to_stay()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)
