"""`python -m samekind_server.recommendation.child`: learns from one catalog's events as a line of JSON tells it, and writes the model to a file."""

import json
import os
import resource
import sys
import threading
from pathlib import Path

from threadpoolctl import threadpool_limits

from samekind_server.catalog import definitions
from samekind_server.recommendation.gathering import gathered
from samekind_server.recommendation.model import learn
from samekind_server.store.sqlite import Look

NICE = 10


def main() -> None:
    """Learns beside a server that comes first."""
    told = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_DATA, (told["memory"], told["memory"]))
    catalog = definitions.catalog(definitions.unpack(told["head"].encode()))
    with threadpool_limits(1):
        with Look(Path(told["store"])) as look:
            told_of = gathered(look, told["catalog"], catalog)
        learn(*told_of, now=told["now"], ease_items=told["ease_items"]).save(Path(told["file"]))


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
