"""`python -m benchmarks.writing`: gives a running server new items, as quickly as it takes them, in a process of its own until that is ended.

Who asks meanwhile would otherwise wait for the interpreter that it shares with the writer.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.chroma import Chroma
from benchmarks.contenders import Contender, Samekind
from benchmarks.indexing import vectors

WRITTEN = 200  # Items of one write.
OPENED = {each.__name__: each.opened for each in (Samekind, Chroma)}


def main(arguments: Sequence[str]) -> int:
    """Writes until it is ended; a line for each write."""
    name, address, first = arguments
    with OPENED[name](address) as one:
        number = int(first)
        while True:
            one.add(number, vectors(WRITTEN, seed=number))
            number += WRITTEN
            print(number, flush=True)


@contextmanager
def written(one: Contender, first: int) -> Iterator[None]:
    """New items come to a contender, numbered from `first`, once the first of them have come."""
    command = [sys.executable, "-m", "benchmarks.writing", type(one).__name__, one.address, str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        try:
            if not writer.stdout.readline():
                raise RuntimeError("the process that writes did not begin; its message stands above")
            yield
        finally:
            writer.terminate()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
