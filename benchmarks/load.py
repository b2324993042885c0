"""`python -m benchmarks.load`: a server under more load than it can bear, asked by processes of their own on a core of their own."""

import argparse
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine, versions
from benchmarks.servers import Server, watched

MIB = 1 << 20
ALL = frozenset(os.sched_getaffinity(0))
CROWD = 200
INGEST = 128  # Images of one bulk call.
REST = 10.0  # Seconds; a server gives memory back after five to eight without work.


def main(arguments: Sequence[str]) -> int:
    """Exit code: 0 measured."""
    options = _options(arguments)
    _keep_apart()
    with watched("--metrics", "0", *options.serve) as server:
        found = {"machine": machine(), "versions": versions(), **measure(server, options.seconds, options.contents)}
    _show(found)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


def measure(server: Server, seconds: float, contents: int) -> dict[str, Any]:
    """All rows by name, each with what its generator found, and the server's resident memory in MiB after it; a call has so many images."""
    rows: dict[str, Any] = {}

    def row(name: str, *arguments: str, beside: Sequence[str] = ()) -> dict[str, Any]:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        before, cpu = model_calls(server), server.cpu_seconds()
        background = _generator(server, seconds + 2, beside) if beside else None
        rows[name] = _told(_generator(server, seconds, arguments)) | ({"beside": _told(background)} if background else {})
        calls, images, busy = (after - begun for after, begun in zip(model_calls(server), before, strict=True))
        rows[name] |= {"batch": images / calls if calls else None, "batch_ms": 1000 * busy / calls if calls else None}
        rows[name] |= {"resident_mib": server.resident() / MIB, "server_cpu": (server.cpu_seconds() - cpu) / rows[name]["seconds"]}
        return dict(rows[name])

    images, callers = ("--contents", str(contents)), max(4, 32 // contents)  # As many as none is refused of.
    full = ("--callers", str(callers), *images)
    row("warming up", *full)  # So that calls of every size have been made.
    before = rested(server)
    row("one caller", "--callers", "1", *images)
    peak = row(f"capacity: {callers} callers", *full)["per_second"]
    row(f"{CROWD} callers", "--callers", str(CROWD), *images)
    for times in (1, 3, 10):
        row(f"open loop at {times}×", "--rate", str(times * peak / contents), *images)
    row("capacity again", *full)
    after = rested(server)
    row("texts, idle", "--kind", "text", "--callers", "1")
    row("texts, beside an ingest", "--kind", "text", "--callers", "1", beside=("--contents", str(INGEST), "--lane", "bulk", "--callers", "2"))
    return {"capacity_per_second": peak, "rows": rows, "rested_mib": {"before": before, "after": after}}


def rested(server: Server) -> float:
    """Resident memory in MiB once the server has had the time to come to rest."""
    time.sleep(REST)
    return server.resident() / MIB


def model_calls(server: Server) -> tuple[float, float, float]:
    """Calls of the image tower since the start, the images in them, and the seconds they took."""
    with urllib.request.urlopen(server.metrics) as answer:
        lines = answer.read().decode().splitlines()

    def total(name: str) -> float:
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name) and 'tower="images"' in line)

    return total("samekind_model_seconds_count"), total("samekind_batch_rows_sum"), total("samekind_model_seconds_sum")


def _keep_apart() -> None:
    """Leaves the last core to the generators, so that they take nothing from the server, as if they were other machines."""
    os.sched_setaffinity(0, ALL - {max(ALL)} or ALL)


def _generator(server: Server, seconds: float, arguments: Sequence[str]) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "benchmarks.generator", server.address, "--seconds", str(seconds), *arguments]
    generator = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    os.sched_setaffinity(generator.pid, {max(ALL)})
    return generator


def _told(generator: "subprocess.Popen[str]") -> dict[str, Any]:
    told, _ = generator.communicate()
    if generator.returncode:
        raise RuntimeError("the load generator failed; its message stands above")
    return dict(json.loads(told))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.load", description="Measures a server under more load than it can bear.")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each row takes")
    parser.add_argument("--contents", type=int, default=1, help="images of a call, of which more make it dearer beside its refusal")
    parser.add_argument("--serve", nargs="*", default=(), metavar="ARGUMENT", help="arguments for samekind serve, as in --serve=--threads=1")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number to FILE too")
    return parser.parse_args(arguments)


def _show(found: dict[str, Any]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 150)
    table = Table("row", title="Load", title_justify="left")
    for column in ("answered/s", "p50 ms", "p99 ms", "refused", "batch", "batch ms", "server MiB", "server CPU", "generator CPU", "late s"):
        table.add_column(column, justify="right")
    for name, row in found["rows"].items():
        refused = sum(count for code, count in row["calls"].items() if code != "OK")
        numbers = (row["per_second"], row["p50_ms"], row["p99_ms"], refused, row["batch"], row["batch_ms"], row["resident_mib"])
        table.add_row(name, *(_number(number) for number in (*numbers, row["server_cpu"], row["cpu"], row["late_s"])))
    console.print(table)
    rest = found["rested_mib"]
    console.print(f"at rest: {rest['before']:.0f} MiB before the open loop and {rest['after']:.0f} after it")
    for about in (found["machine"], found["versions"]):
        console.print(", ".join(f"{name} {value}" for name, value in about.items()), style="dim", highlight=False)


def _number(number: float | None) -> str:
    return "" if number is None else f"{number:,.0f}" if abs(number) >= 100 else f"{number:.2f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
