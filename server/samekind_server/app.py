"""Puts the server together, starts it, says where it listens, and drains it when told to stop."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from samekind import __version__
from samekind.types import Model, Precision
from samekind.v1 import catalog_service_pb2 as catalog_service
from samekind.v1 import (
    catalog_service_pb2_grpc,
    classification_service_pb2,
    classification_service_pb2_grpc,
    embedding_service_pb2,
    embedding_service_pb2_grpc,
    label_set_service_pb2_grpc,
)
from samekind.v1 import label_set_service_pb2 as label_set_service
from samekind_server.catalog.catalogs import Catalogs
from samekind_server.catalog.snapshots import Snapshots
from samekind_server.classification.label_sets import LabelSets
from samekind_server.classification.zero_shot import Classifier
from samekind_server.data_dir import DataDir
from samekind_server.edge import listening, logs, systemd
from samekind_server.edge.access_log import access_log
from samekind_server.edge.asking import Shedding
from samekind_server.edge.catalog_service import CatalogServicer
from samekind_server.edge.classification_service import ClassificationServicer
from samekind_server.edge.drain import LAST_WORDS, Drain
from samekind_server.edge.embedding_service import EmbeddingServicer
from samekind_server.edge.guard import Guard
from samekind_server.edge.handlers import Layer, Layers
from samekind_server.edge.health import SERVICE as HEALTH
from samekind_server.edge.health import HealthServicer
from samekind_server.edge.interceptors import errors
from samekind_server.edge.label_set_service import LabelSetServicer
from samekind_server.edge.metrics import Metrics
from samekind_server.edge.monitoring import Monitoring
from samekind_server.edge.proofs import Alone, DefaultModel, asked
from samekind_server.edge.proving import Proof, Proving
from samekind_server.edge.tracing import Traces
from samekind_server.embedding.admission import Admission
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.images import ImageLimits
from samekind_server.embedding.observer import Observer
from samekind_server.embedding.registry import Registry
from samekind_server.embedding.resting import Resting
from samekind_server.settings import Settings
from samekind_server.store import catalogs
from samekind_server.store.base import Store
from samekind_server.store.sqlite import SqliteStore
from samekind_server.web.server import Web

OF_MODELS = tuple(
    service.full_name for module in (embedding_service_pb2, classification_service_pb2) for service in module.DESCRIPTOR.services_by_name.values()
)
OF_THE_STORE = tuple(service.full_name for module in (catalog_service, label_set_service) for service in module.DESCRIPTOR.services_by_name.values())
SERVICES = (*OF_MODELS, *OF_THE_STORE)
Servicers: TypeAlias = Sequence[Callable[[Any], None]]
Interceptors: TypeAlias = Sequence[grpc.aio.ServerInterceptor]


def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT; a second one does not wait for requests under way. Raises SettingError where it cannot start."""
    logs.start(settings.log_level, settings.log_format)
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
    metrics, drain, health = Metrics(), Drain(), HealthServicer(SERVICES)
    engine = _engine(settings, data.path, metrics)
    # Outermost first: what stands inside `errors` may refuse a call by raising, and what stands outside sees the code it ended with.
    layers = Layers(*guard.layers, *watching, metrics.layer, errors, drain.layer)
    interceptors = [layers, Shedding(engine.admission), guard.auth]
    items = await _catalogs(data.path, engine, store)
    classifier = Classifier(engine, label_cache_bytes=settings.label_cache_bytes)
    servicers = _servicers(engine, store, classifier, items)
    server = _server(settings, servicers, health, interceptors)
    web = _web(settings, servicers, health, guard, interceptors) if settings.web else None
    proving = Proving(health, _proofs(engine, data, store, metrics))
    monitoring = Monitoring(metrics.registry, ready=health.serving)
    metrics.sample(engine, health)
    _sample(metrics, items)
    resting = Resting(engine)
    _listen_to_signals(drain)
    try:
        port = listening.bind(server, settings.host, settings.port, guard.credentials)
        told = await monitoring.listen(settings.metrics) if settings.metrics else ""
        reached = await web.listen(*listening.split("--web", settings.web)) if web else ""
        await server.start()
        if models := await drain.unless_asked(_proved(engine, settings)):
            await proving.start()
            resting.start()
            print(_banner(settings, data.path, port, models, told, reached, guard), flush=True)
            systemd.tell(os.environ.get("NOTIFY_SOCKET", ""), "READY=1")
            await drain.asked.wait()
            systemd.tell(os.environ.get("NOTIFY_SOCKET", ""), "STOPPING=1")
        health.end()
    finally:
        proving.stop()
        resting.stop()
        await drain.end(*([server, web] if web else [server]), grace=settings.grace)
        monitoring.close()
        items.close()
        await classifier.close()
        engine.close()
        _leave_behind()


def _sample(metrics: Metrics, items: Catalogs) -> None:
    """Tells of catalogs whenever it is looked at."""
    metrics.sampled("samekind_catalogs", "catalogs read into memory, of all tenants", (), lambda: [((), items.totals.catalogs)])
    metrics.sampled("samekind_items", "items in them", (), lambda: [((), items.totals.items)])
    metrics.sampled("samekind_index_bytes", "memory their indexes and attributes take, about", (), lambda: [((), items.totals.memory_bytes)])
    metrics.sampled(
        "samekind_index_buffered", "vectors that are not in a graph yet and are compared one by one", (), lambda: [((), items.totals.buffered)]
    )


def _proofs(engine: Engine, data: DataDir, store: Store, metrics: Metrics) -> list[Proof]:
    model = DefaultModel(engine, lambda: metrics.succeeded)
    return [
        Proof("the default model", ("", *OF_MODELS), model.prove),
        Proof("the data folder", ("",), partial(Alone().run, data.prove)),
        Proof("the store", ("", *OF_THE_STORE), partial(Alone().run, store.prove)),
    ]


def _engine(settings: Settings, folder: Path, observer: Observer) -> Engine:
    precision = None if settings.precision == "auto" else Precision(settings.precision)
    registry = Registry(
        settings.model,
        offline=settings.offline,
        precision=precision,
        cache_dir=folder / "models",
        threads=settings.threads,
        memory=settings.model_memory,
    )
    limits = ImageLimits(max_bytes=settings.max_image_bytes, max_pixels=settings.max_image_pixels)
    admission = Admission(
        max_bytes=settings.max_bytes_under_way, max_pixels=settings.max_pixels_under_way, max_wait=settings.max_wait, observer=observer
    )
    return Engine(
        registry,
        limits,
        decoders=settings.decoders,
        admission=admission,
        model_timeout=settings.model_timeout,
        text_cache_bytes=settings.text_cache_bytes,
        observer=observer,
    )


async def _catalogs(folder: Path, engine: Engine, store: Store) -> Catalogs:
    life = await asyncio.wrap_future(store.read(catalogs.life))
    made = Catalogs(store, engine, Snapshots(folder, life))
    await made.start()
    return made


def _servicers(engine: Engine, store: Store, classifier: Classifier, items: Catalogs) -> Servicers:
    """Each adds one to a server."""
    label_sets = LabelSets(store)
    return [
        partial(embedding_service_pb2_grpc.add_EmbeddingServiceServicer_to_server, EmbeddingServicer(engine)),
        partial(catalog_service_pb2_grpc.add_CatalogServiceServicer_to_server, CatalogServicer(items)),
        partial(classification_service_pb2_grpc.add_ClassificationServiceServicer_to_server, ClassificationServicer(classifier, label_sets)),
        partial(label_set_service_pb2_grpc.add_LabelSetServiceServicer_to_server, LabelSetServicer(label_sets)),
    ]


def _server(settings: Settings, servicers: Servicers, health: HealthServicer, interceptors: Interceptors) -> grpc.aio.Server:
    # Without so_reuseport=0 a second server takes the same port without a word and gets half the calls.
    options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", settings.max_message_bytes), ("grpc.max_send_message_length", -1)]
    server = grpc.aio.server(interceptors=interceptors, options=options)
    for add in servicers:
        add(server)
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    reflection.enable_server_reflection((*SERVICES, HEALTH, reflection.SERVICE_NAME), server)
    return server


def _web(settings: Settings, servicers: Servicers, health: HealthServicer, guard: Guard, interceptors: Interceptors) -> Web:
    return Web(
        servicers,
        interceptors,
        services=SERVICES,
        most=settings.max_message_bytes,
        ready=health.serving,
        guarded=lambda: not (settings.insecure or guard.keyring.on),
        tls=guard.certificates.context() if guard.certificates else None,
    )


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


def _banner(settings: Settings, folder: Path, port: int, models: list[Model], metrics: str, web: str, guard: Guard) -> str:
    address = listening.address(settings.host, port)
    lines = [f"samekind listens on {address}", f"  version  {__version__}"]
    for model in models:
        lines.append(f"  model    {model.name}: {model.dimensions} dimensions, {model.precision.value} on {model.runtime}, space {model.space}")
    lines += [f"  model    {name}: loaded when it is first asked for" for name in (settings.model[1:] if settings.lazy else ())]
    lines += [f"  data     {folder}", *guard.told(local=listening.is_loopback(settings.host))]
    if web:
        lines.append(f"  web      {'https' if guard.certificates else 'http'}://{web}")
    if metrics:
        lines.append(f"  metrics  http://{metrics}/metrics")
    at = "" if port == 50051 else f" --server {address}"
    lines += ["", "Try it in another terminal:", f"  samekind classify photo.jpg --labels cat,dog,car{at}{guard.options}", "Ctrl-C stops it."]
    return "\n".join(lines)
