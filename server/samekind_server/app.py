"""Starts the server, says where it listens, and drains it when told to stop."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from samekind import __version__
from samekind.types import Model
from samekind_server.composing import Parts, composed
from samekind_server.data_dir import DataDir
from samekind_server.edge import listening, logs, systemd
from samekind_server.edge.access_log import access_log
from samekind_server.edge.drain import LAST_WORDS, Drain
from samekind_server.edge.guard import Guard
from samekind_server.edge.handlers import Layer
from samekind_server.edge.proofs import asked
from samekind_server.edge.tracing import Traces
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.resident import share_arena, take_to_stay
from samekind_server.settings import Settings
from samekind_server.store.base import Store
from samekind_server.store.sqlite import SqliteStore

TURN = 0.0005  # Seconds after which a thread that computes in Python lets another go on; Python's own 5 ms add up where a call goes through several.


@dataclass(frozen=True)
class Addresses:
    """Where a server listens: its port, and where else it answers, empty where it does not."""

    port: int
    metrics: str
    web: str


def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT; a second one does not wait for requests under way. Raises SettingError where it cannot start."""
    share_arena()
    logs.start(settings.log_level, settings.log_format)
    sys.setswitchinterval(TURN)
    with (
        DataDir(settings.folder(os.environ)) as data,
        closing(SqliteStore(data.path)) as store,
        _guard(settings, data.path) as guard,
        logs.calls(settings.access_log, settings.log_format) as calls,
        _traces(settings.traces or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")) as traces,
    ):
        asyncio.run(_serve(settings, data, store, guard, [*traces, access_log(calls)]))


@contextmanager
def _traces(endpoint: str) -> Iterator[list[Layer]]:
    if not endpoint:
        yield []
        return
    with closing(Traces(endpoint)) as traces:
        yield [traces.layer]


def _guard(settings: Settings, folder: Path) -> Guard:
    guard = Guard(
        folder,
        keys_file=settings.keys,
        tls_cert=settings.tls_cert,
        tls_key=settings.tls_key,
        tls_client_ca=settings.tls_client_ca,
        audit_log=settings.audit_log,
    )
    for host in (settings.host, *([listening.split("--web", settings.web)[0]] if settings.web else ())):
        listening.check(host, keys=guard.keyring.on, tls=guard.certificates is not None, insecure=settings.insecure)
    return guard


async def _serve(settings: Settings, data: DataDir, store: Store, guard: Guard, watching: list[Layer]) -> None:
    drain = Drain()
    parts = await composed(settings, data, store, guard, watching, drain)
    _listen_to_signals(drain)
    try:
        addresses = await _listening(settings, parts, guard)
        if models := await drain.unless_asked(_proved(parts.engine, settings)):
            await parts.proving.start()
            parts.resting.start()
            take_to_stay()
            print(_banner(settings, data.path, models, addresses, guard), flush=True)
            systemd.tell(os.environ.get("NOTIFY_SOCKET", ""), "READY=1")
            await drain.asked.wait()
            systemd.tell(os.environ.get("NOTIFY_SOCKET", ""), "STOPPING=1")
        parts.health.end()
    finally:
        await parts.end(drain, settings.grace)
        _leave_behind()


async def _listening(settings: Settings, parts: Parts, guard: Guard) -> Addresses:
    port = listening.bind(parts.server, settings.host, settings.port, guard.credentials)
    metrics = await parts.monitoring.listen(settings.metrics) if settings.metrics else ""
    web = await parts.web.listen(*listening.split("--web", settings.web)) if parts.web else ""
    await parts.server.start()
    return Addresses(port, metrics, web)


def _listen_to_signals(drain: Drain) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, drain.ask)


def _leave_behind() -> None:
    """Ends the process in a moment, even where a thread is at something that does not end: a model's load, its call, a log nobody reads."""
    end = threading.Timer(LAST_WORDS, os._exit, (0,))
    end.daemon = True
    end.start()


async def _proved(engine: Engine, settings: Settings) -> list[Model]:
    models = []
    for name in settings.model[:1] if settings.lazy else settings.model:
        await asked(engine, name)
        models.append((await engine.encoder(name)).model)
    return models


def _banner(settings: Settings, folder: Path, models: list[Model], told: Addresses, guard: Guard) -> str:
    address = listening.address(settings.host, told.port)
    lines = [f"samekind listens on {address}", f"  version  {__version__}"]
    for model in models:
        lines.append(f"  model    {model.name}: {model.dimensions} dimensions, {model.precision.value} on {model.runtime}, space {model.space}")
    lines += [f"  model    {name}: loaded when it is first asked for" for name in (settings.model[1:] if settings.lazy else ())]
    lines += [f"  data     {folder}", *guard.told(local=listening.is_loopback(settings.host))]
    if told.web:
        lines.append(f"  web      {'https' if guard.certificates else 'http'}://{told.web}")
    if told.metrics:
        lines.append(f"  metrics  http://{told.metrics}/metrics")
    at = "" if told.port == 50051 else f" --server {address}"
    lines += ["", "Try it in another terminal:", f"  samekind classify photo.jpg --labels cat,dog,car{at}{guard.options}", "Ctrl-C stops it."]
    return "\n".join(lines)
