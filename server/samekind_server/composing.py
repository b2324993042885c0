"""Makes the parts of a server and puts them together."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from threadpoolctl import threadpool_limits

from samekind.types import Precision
from samekind.v1 import catalog_service_pb2 as catalog_service
from samekind.v1 import (
    catalog_service_pb2_grpc,
    classification_service_pb2,
    classification_service_pb2_grpc,
    embedding_service_pb2,
    embedding_service_pb2_grpc,
    label_set_service_pb2_grpc,
    recommendation_service_pb2_grpc,
    search_service_pb2_grpc,
)
from samekind.v1 import label_set_service_pb2 as label_set_service
from samekind.v1 import recommendation_service_pb2 as recommendation_service
from samekind.v1 import search_service_pb2 as search_service
from samekind_server import tuned
from samekind_server.catalog.catalogs import Catalogs
from samekind_server.catalog.snapshots import Snapshots
from samekind_server.classification.label_sets import LabelSets
from samekind_server.classification.zero_shot import Classifier
from samekind_server.data_dir import DataDir
from samekind_server.edge.asking import Overload, Shedding
from samekind_server.edge.catalog_service import CatalogServicer
from samekind_server.edge.classification_service import ClassificationServicer
from samekind_server.edge.drain import Drain
from samekind_server.edge.embedding_service import EmbeddingServicer
from samekind_server.edge.guard import Guard
from samekind_server.edge.handlers import Layer, Layers
from samekind_server.edge.health import SERVICE as HEALTH
from samekind_server.edge.health import HealthServicer
from samekind_server.edge.interceptors import errors
from samekind_server.edge.label_set_service import LabelSetServicer
from samekind_server.edge.metrics import Metrics
from samekind_server.edge.monitoring import Monitoring
from samekind_server.edge.proofs import Alone, DefaultModel
from samekind_server.edge.proving import Proof, Proving
from samekind_server.edge.recommendation_service import RecommendationServicer
from samekind_server.edge.search_service import SearchServicer
from samekind_server.embedding.admission import Admission
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.images import ImageLimits
from samekind_server.embedding.observer import Observer
from samekind_server.embedding.registry import Registry
from samekind_server.embedding.resting import Resting
from samekind_server.recommendation.events import Events
from samekind_server.recommendation.learning import Bounds, Learner
from samekind_server.recommendation.recommending import Recommending
from samekind_server.search.searching import Searching
from samekind_server.settings import Settings
from samekind_server.store import catalogs
from samekind_server.store.base import Store
from samekind_server.web.server import Web


def _services(*modules: Any) -> tuple[str, ...]:
    return tuple(service.full_name for module in modules for service in module.DESCRIPTOR.services_by_name.values())


OF_MODELS = _services(embedding_service_pb2, classification_service_pb2)
OF_THE_STORE = _services(catalog_service, label_set_service, recommendation_service)
OF_BOTH = _services(search_service)
SERVICES = (*OF_MODELS, *OF_THE_STORE, *OF_BOTH)
Servicers: TypeAlias = Sequence[Callable[[Any], None]]
JSON_SHARE = 4  # Of the bytes under way, what bodies in JSON may have: in memory they are several times as large.
Interceptors: TypeAlias = Sequence[grpc.aio.ServerInterceptor]


@dataclass(frozen=True)
class Parts:
    """What a server is made of."""

    servicers: Servicers
    interceptors: Interceptors
    engine: Engine
    items: Catalogs
    classifier: Classifier
    searching: Searching
    learner: Learner
    health: HealthServicer
    server: grpc.aio.Server
    web: Web | None
    proving: Proving
    monitoring: Monitoring
    resting: Resting

    async def end(self, drain: Drain, grace: float) -> None:
        """Ends what is under way, or lets it be after the grace; then each part."""
        self.proving.stop()
        self.resting.stop()
        await drain.end(*([self.server, self.web] if self.web else [self.server]), grace=grace)
        self.monitoring.close()
        self.learner.close()
        self.items.close()
        await self.classifier.close()
        await self.searching.close()
        self.engine.close()


async def composed(settings: Settings, data: DataDir, store: Store, guard: Guard, layers: Sequence[Layer], drain: Drain) -> Parts:
    """A server that does not listen yet; `layers` watch its calls."""
    # BLAS would share even a small product among threads, and wait tens of milliseconds for one of them where others use the cores.
    threadpool_limits(1, user_api="blas")
    metrics, health = Metrics(), HealthServicer(SERVICES)
    engine = _engine(settings, data.path, metrics)
    interceptors = _interceptors(engine, guard, metrics, layers, drain)
    items = await _catalogs(data.path, engine, store)
    classifier, searching = Classifier(engine, label_cache_bytes=settings.label_cache_bytes), Searching(engine, heard=metrics.searched)
    learner = await _learner(settings, data.path, store, metrics)
    recommending = Recommending(engine, learner.model, heard=metrics.recommended)
    recommendations = RecommendationServicer(Events(store, learner, heard=metrics.recorded), learner, items, recommending)
    servicers = _servicers(engine, store, classifier, items, searching, recommendations)
    metrics.sample(engine, health)
    _sample(metrics, items)
    _sample_learned(metrics, learner)
    return Parts(
        servicers,
        interceptors,
        engine,
        items,
        classifier,
        searching,
        learner,
        health,
        _server(settings, servicers, health, interceptors),
        _web(settings, servicers, health, guard, interceptors) if settings.web else None,
        Proving(health, _proofs(engine, data, store, metrics)),
        Monitoring(metrics.registry, ready=health.serving),
        Resting(engine),
    )


def _interceptors(engine: Engine, guard: Guard, metrics: Metrics, watching: Sequence[Layer], drain: Drain) -> Interceptors:
    # Outermost first: what stands inside `errors` may refuse a call by raising, and what stands outside sees the code it ended with.
    layers = Layers(*guard.layers, *watching, metrics.layer, errors, drain.layer)
    return [Overload(engine.admission, metrics.refused), layers, Shedding(engine.admission), guard.auth]


def _sample(metrics: Metrics, items: Catalogs) -> None:
    """Tells of catalogs whenever it is looked at."""
    metrics.sampled("samekind_catalogs", "catalogs read into memory, of all tenants", (), lambda: [((), items.totals.catalogs)])
    metrics.sampled("samekind_items", "items in them", (), lambda: [((), items.totals.items)])
    metrics.sampled("samekind_index_bytes", "memory their indexes and attributes take, about", (), lambda: [((), items.totals.memory_bytes)])
    metrics.sampled(
        "samekind_index_buffered", "vectors that are not in a graph yet and are compared one by one", (), lambda: [((), items.totals.buffered)]
    )


def _sample_learned(metrics: Metrics, learner: Learner) -> None:
    def age() -> float:
        return max(0.0, time.time() - max(model.about.learned for model in models)) if (models := learner.models()) else 0.0

    told = "memory that what was learned from events takes"
    metrics.sampled("samekind_learned_bytes", told, (), lambda: [((), sum(model.nbytes for model in learner.models()))])
    told = "seconds since anything was learned from events; 0 where nothing was"
    metrics.sampled("samekind_learned_age_seconds", told, (), lambda: [((), age())])


def _proofs(engine: Engine, data: DataDir, store: Store, metrics: Metrics) -> list[Proof]:
    model = DefaultModel(engine, lambda: metrics.succeeded)
    return [
        Proof("the default model", ("", *OF_MODELS, *OF_BOTH), model.prove),
        Proof("the data folder", ("",), partial(Alone().run, data.prove)),
        Proof("the store", ("", *OF_THE_STORE, *OF_BOTH), partial(Alone().run, store.prove)),
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
    made = Catalogs(store, engine, Snapshots(folder, life, costs=tuned.load(folder)))
    await made.start()
    return made


async def _learner(settings: Settings, folder: Path, store: Store, metrics: Metrics) -> Learner:
    life = await asyncio.wrap_future(store.read(catalogs.life))
    learner = Learner(store, folder, life, Bounds(settings.learn_every, settings.learn_memory, settings.ease_items), heard=metrics.learned)
    learner.start()
    return learner


def _servicers(
    engine: Engine, store: Store, classifier: Classifier, items: Catalogs, searching: Searching, recommendations: RecommendationServicer
) -> Servicers:
    """Each adds one to a server."""
    label_sets = LabelSets(store)
    return [
        partial(embedding_service_pb2_grpc.add_EmbeddingServiceServicer_to_server, EmbeddingServicer(engine)),
        partial(catalog_service_pb2_grpc.add_CatalogServiceServicer_to_server, CatalogServicer(items)),
        partial(classification_service_pb2_grpc.add_ClassificationServiceServicer_to_server, ClassificationServicer(classifier, label_sets)),
        partial(label_set_service_pb2_grpc.add_LabelSetServiceServicer_to_server, LabelSetServicer(label_sets)),
        partial(search_service_pb2_grpc.add_SearchServiceServicer_to_server, SearchServicer(items, searching)),
        partial(recommendation_service_pb2_grpc.add_RecommendationServiceServicer_to_server, recommendations),
    ]


class Unregistered:
    """Stands in for a server where the generated code adds its servicers, and registers no method.

    grpc.aio waits for the next call of each registered method, and at each call anew for all of them, which costs more than it spares.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self.add_generic_rpc_handlers = server.add_generic_rpc_handlers

    def add_registered_method_handlers(self, service: str, handlers: object) -> None:
        """Called by the generated code, after the handlers were added."""


def _server(settings: Settings, servicers: Servicers, health: HealthServicer, interceptors: Interceptors) -> grpc.aio.Server:
    # Without so_reuseport=0 a second server takes the same port without a word and gets half the calls.
    options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", settings.max_message_bytes), ("grpc.max_send_message_length", -1)]
    server = grpc.aio.server(interceptors=interceptors, options=options)
    for add in servicers:
        add(Unregistered(server))
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    reflection.enable_server_reflection((*SERVICES, HEALTH, reflection.SERVICE_NAME), server)
    return server


def _web(settings: Settings, servicers: Servicers, health: HealthServicer, guard: Guard, interceptors: Interceptors) -> Web:
    return Web(
        servicers,
        interceptors,
        services=SERVICES,
        most=settings.max_message_bytes,
        at_once=max(settings.max_message_bytes, settings.max_bytes_under_way // JSON_SHARE),
        ready=health.serving,
        guarded=lambda: not (settings.insecure or guard.keyring.on),
        tls=guard.certificates.context() if guard.certificates else None,
    )
