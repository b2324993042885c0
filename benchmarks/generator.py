"""`python -m benchmarks.generator`: sends calls to a server from a process of its own and tells, as JSON, what came of them."""

import argparse
import asyncio
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import grpc
import numpy as np

from benchmarks.pictures import never_sent, photo
from samekind.v1 import content_pb2, embedding_service_pb2, embedding_service_pb2_grpc

LANE = "samekind-lane"
AT_ONCE = 4000  # Calls under way, beyond which an open loop waits: more would measure this process.
Request = embedding_service_pb2.EmbedRequest


class Outcomes:
    """How each call ended, and how many seconds after it was due."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}
        self.latest = 0.0

    def add(self, code: str, seconds: float) -> None:
        """Counts a call."""
        self.seconds.setdefault(code, []).append(seconds)

    def as_json(self, took: float, contents: int) -> dict[str, Any]:
        """All that is known: `per_second` are contents answered, `cpu` this process's share of one core, `late_s` how far it fell behind."""
        good = self.seconds.get("OK", [])
        return {
            "calls": dict(Counter({code: len(each) for code, each in self.seconds.items()})),
            "per_second": len(good) * contents / took,
            **{f"{name}_ms": 1000 * float(np.quantile(good, share)) if good else None for name, share in (("p50", 0.5), ("p99", 0.99))},
            "refused_p50_ms": 1000 * float(np.median(self.seconds["RESOURCE_EXHAUSTED"])) if "RESOURCE_EXHAUSTED" in self.seconds else None,
            "seconds": took,
            "cpu": time.process_time() / took,
            "late_s": self.latest,
        }


def main(arguments: Sequence[str]) -> int:
    """Exit code: 0 done."""
    options = _options(arguments)
    print(json.dumps(asyncio.run(_generate(options))))
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.generator", description="Sends calls to a server and tells what came of them.")
    parser.add_argument("server")
    parser.add_argument("--kind", choices=("image", "text"), default="image")
    parser.add_argument("--contents", type=int, default=1, help="contents of a call")
    parser.add_argument("--lane", default="interactive")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds that a call is waited for")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--callers", type=int, help="so many callers, each asking again once it is answered")
    how.add_argument("--rate", type=float, help="so many calls a second, whatever is answered")
    return parser.parse_args(arguments)


async def _generate(options: argparse.Namespace) -> dict[str, Any]:
    settings = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.enable_retries", 0)]
    async with grpc.aio.insecure_channel(options.server, options=settings) as channel:
        embed, outcomes = embedding_service_pb2_grpc.EmbeddingServiceStub(channel).Embed, Outcomes()
        requests = _requests(options.kind, options.contents)

        async def call(due: float) -> None:
            try:
                await embed(next(requests), timeout=options.timeout, metadata=((LANE, options.lane),))
                code = "OK"
            except grpc.aio.AioRpcError as error:
                code = error.code().name
            outcomes.add(code, time.perf_counter() - due)

        began = time.perf_counter()
        await (_open(call, options.rate, options.seconds, outcomes) if options.rate else _closed(call, options.callers, options.seconds))
        return outcomes.as_json(time.perf_counter() - began, options.contents)


def _requests(kind: str, contents: int) -> Iterator[Request]:
    """Calls whose contents no server has seen before."""
    pictures, numbers = never_sent(photo()), itertools.count()
    while True:
        if kind == "image":
            some = [content_pb2.Content(image=content_pb2.Image(data=next(pictures))) for _ in range(contents)]
        else:
            some = [content_pb2.Content(text=f"a photo of thing number {next(numbers)} in {time.time_ns()}") for _ in range(contents)]
        yield Request(contents=some)


async def _closed(call: Callable[[float], Awaitable[None]], callers: int, seconds: float) -> None:
    end = time.perf_counter() + seconds

    async def caller() -> None:
        while time.perf_counter() < end:
            await call(time.perf_counter())

    await asyncio.gather(*(caller() for _ in range(callers)))


async def _open(call: Callable[[float], Awaitable[None]], rate: float, seconds: float, outcomes: Outcomes) -> None:
    """Calls at fixed times; each is counted from when it was due, so that a slow server hides nothing."""
    began, at_once = time.perf_counter(), asyncio.Semaphore(AT_ONCE)

    async def one(due: float) -> None:
        try:
            await call(due)
        finally:
            at_once.release()

    async with asyncio.TaskGroup() as calls:
        for number in range(int(rate * seconds)):
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            await at_once.acquire()
            outcomes.latest = max(outcomes.latest, time.perf_counter() - due)
            calls.create_task(one(due))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
