"""Puts the server together, starts it, says where it listens, and drains it when told to stop."""

import asyncio
import io
import ipaddress
import logging
import os
import signal
import socket
import threading
from functools import partial
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from PIL import Image as Pillow

from samekind import __version__
from samekind.errors import SettingError
from samekind.types import Image, Model, Precision, Text
from samekind.v1 import classification_service_pb2, classification_service_pb2_grpc, embedding_service_pb2, embedding_service_pb2_grpc
from samekind_server.classification.zero_shot import Classifier
from samekind_server.data_dir import DataDir
from samekind_server.edge import logs
from samekind_server.edge.access_log import access_log
from samekind_server.edge.classification_service import ClassificationServicer
from samekind_server.edge.drain import LAST_WORDS, Drain
from samekind_server.edge.embedding_service import EmbeddingServicer
from samekind_server.edge.handlers import Layer, Layers
from samekind_server.edge.health import SERVICE as HEALTH
from samekind_server.edge.health import HealthServicer
from samekind_server.edge.interceptors import errors
from samekind_server.edge.metrics import Metrics
from samekind_server.edge.monitoring import Monitoring
from samekind_server.edge.proving import Proof, Proving
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.images import ImageLimits
from samekind_server.embedding.proof import prove
from samekind_server.embedding.registry import Registry
from samekind_server.settings import Settings

SERVICES = tuple(
    service.full_name for module in (embedding_service_pb2, classification_service_pb2) for service in module.DESCRIPTOR.services_by_name.values()
)


def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT; a second one does not wait for requests under way. Raises SettingError where it cannot start."""
    logs.start(settings.log_level, settings.log_format)
    _check_address(settings)
    folder = Path(settings.data or Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "samekind").absolute()
    with DataDir(folder) as data, logs.calls(settings.access_log, settings.log_format) as calls:
        asyncio.run(_serve(settings, data, access_log(calls)))


async def _serve(settings: Settings, data: DataDir, log_calls: Layer) -> None:
    metrics, drain, health = Metrics(), Drain(), HealthServicer(SERVICES)
    engine = _engine(settings, data.path)
    # Outermost first: what stands inside `errors` may refuse a call by raising, and what stands outside sees the code it ended with.
    server = _server(settings, engine, health, Layers(metrics.layer, log_calls, errors, drain.layer))
    proving = Proving(health, _proofs(engine, data))
    monitoring = Monitoring(metrics.registry, ready=health.serving)
    metrics.sampled("samekind_serving", "1 where a service serves, 0 where not; `server` is all of it", ("service",), lambda: _serving(health))
    _listen_to_signals(drain)
    try:
        port = _bind(server, settings)
        told = await monitoring.listen(settings.metrics) if settings.metrics else ""
        await server.start()
        if models := await drain.unless_asked(_proved(engine, settings)):
            await proving.start()
            print(_banner(settings, data.path, port, models, told), flush=True)
            await drain.asked.wait()
        health.end()
    finally:
        proving.stop()
        await drain.end(server, grace=settings.grace)
        monitoring.close()
        engine.close()
        _leave_behind()


def _serving(health: HealthServicer) -> list[tuple[tuple[str, ...], float]]:
    return [((service or "server",), float(serves)) for service, serves in health.states.items()]


def _proofs(engine: Engine, data: DataDir) -> list[Proof]:
    async def models() -> None:
        await asyncio.to_thread(prove, await engine.encoder(""))

    return [Proof("the default model", ("", *SERVICES), models), Proof("the data folder", ("",), partial(asyncio.to_thread, data.prove))]


def _engine(settings: Settings, folder: Path) -> Engine:
    precision = None if settings.precision == "auto" else Precision(settings.precision)
    registry = Registry(settings.model, offline=settings.offline, precision=precision, cache_dir=folder / "models", threads=settings.threads)
    limits = ImageLimits(max_bytes=settings.max_image_bytes, max_pixels=settings.max_image_pixels)
    return Engine(registry, limits, decoders=settings.decoders)


def _server(settings: Settings, engine: Engine, health: HealthServicer, layers: Layers) -> grpc.aio.Server:
    # Without so_reuseport=0 a second server takes the same port without a word and gets half the calls.
    options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", settings.max_message_bytes), ("grpc.max_send_message_length", -1)]
    server = grpc.aio.server(interceptors=[layers], options=options)
    embedding_service_pb2_grpc.add_EmbeddingServiceServicer_to_server(EmbeddingServicer(engine), server)
    classifier = Classifier(engine, label_cache_bytes=settings.label_cache_bytes)
    classification_service_pb2_grpc.add_ClassificationServiceServicer_to_server(ClassificationServicer(classifier), server)
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    reflection.enable_server_reflection((*SERVICES, HEALTH, reflection.SERVICE_NAME), server)
    return server


def _listen_to_signals(drain: Drain) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, drain.ask)


def _leave_behind() -> None:
    """Ends the process in a moment, even where a thread is at something that does not end: a model's load, or its call."""
    end = threading.Timer(LAST_WORDS, _exit)
    end.daemon = True
    end.start()


def _exit() -> None:
    logging.getLogger(__name__).warning("something did not end and is left behind")
    logging.shutdown()
    os._exit(0)


async def _proved(engine: Engine, settings: Settings) -> list[Model]:
    return [await _prove(engine, name) for name in settings.model]


async def _prove(engine: Engine, name: str) -> Model:
    """Loads the model and has it read a text and see an image, so that what is served is known to work."""
    encoder = await engine.encoder(name)
    picture = io.BytesIO()
    Pillow.new("RGB", (32, 32), "grey").save(picture, "PNG")
    embedded = await engine.embed(encoder, [Text("awake"), Image(picture.getvalue())])
    for error in embedded.errors.values():
        raise error
    return encoder.model


def _check_address(settings: Settings) -> None:
    if not (_is_loopback(settings.host) or settings.insecure):
        raise SettingError(
            f"{settings.host} is open to other machines, where calls are neither encrypted nor held to keys; say --insecure if that is meant"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bind(server: grpc.aio.Server, settings: Settings) -> int:
    try:
        return int(server.add_insecure_port(_address(settings.host, settings.port)))
    except RuntimeError:
        where = _address(settings.host, settings.port)
        raise SettingError(f"cannot listen on {where}: {_refusal(settings)}; choose another with --port, 0 for a free one") from None


def _refusal(settings: Settings) -> str:
    """Why the address cannot be had, which gRPC does not tell."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(address)
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return "it was taken a moment ago"


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _banner(settings: Settings, folder: Path, port: int, models: list[Model], metrics: str) -> str:
    address = _address(settings.host, port)
    lines = [f"samekind listens on {address}", f"  version  {__version__}"]
    for model in models:
        lines.append(f"  model    {model.name}: {model.dimensions} dimensions, {model.precision.value} on {model.runtime}, space {model.space}")
    who = "anyone who reaches this address may call" if settings.insecure else "only this machine can call"
    lines += [f"  data     {folder}", f"  keys     none: {who}"]
    if metrics:
        lines.append(f"  metrics  http://{metrics}/metrics")
    at = "" if port == 50051 else f" --server {address}"
    lines += ["", "Try it in another terminal:", f"  samekind classify photo.jpg --labels cat,dog,car{at}", "Ctrl-C stops it."]
    return "\n".join(lines)
