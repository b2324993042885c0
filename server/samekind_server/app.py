"""Puts the server together, starts it, says where it listens, and drains it when told to stop."""

import asyncio
import io
import ipaddress
import logging
import os
import signal
import socket
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
from samekind_server.edge.classification_service import ClassificationServicer
from samekind_server.edge.embedding_service import EmbeddingServicer
from samekind_server.edge.handlers import Layers
from samekind_server.edge.health import SERVICE as HEALTH
from samekind_server.edge.health import HealthServicer
from samekind_server.edge.interceptors import errors
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.images import ImageLimits
from samekind_server.embedding.registry import Registry
from samekind_server.settings import Settings

SERVICES = tuple(
    service.full_name for module in (embedding_service_pb2, classification_service_pb2) for service in module.DESCRIPTOR.services_by_name.values()
)


def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT; a second one does not wait for requests under way. Raises SettingError where it cannot start."""
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    _check_address(settings)
    folder = Path(settings.data or Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "samekind").absolute()
    with DataDir(folder):
        asyncio.run(_serve(settings, folder))


async def _serve(settings: Settings, folder: Path) -> None:
    engine = _engine(settings, folder)
    health = HealthServicer(SERVICES)
    server = _server(settings, engine, health)
    stop = _stop_signals(server)
    try:
        port = _bind(server, settings)
        await server.start()
        models = [await _prove(engine, name) for name in settings.model]
        health.say(dict.fromkeys(("", *SERVICES), True))
        print(_banner(settings, folder, port, models), flush=True)
        await stop.wait()
        health.end()
    finally:
        await server.stop(settings.grace)
        engine.close()


def _engine(settings: Settings, folder: Path) -> Engine:
    precision = None if settings.precision == "auto" else Precision(settings.precision)
    registry = Registry(settings.model, offline=settings.offline, precision=precision, cache_dir=folder / "models", threads=settings.threads)
    limits = ImageLimits(max_bytes=settings.max_image_bytes, max_pixels=settings.max_image_pixels)
    return Engine(registry, limits, decoders=settings.decoders)


def _server(settings: Settings, engine: Engine, health: HealthServicer) -> grpc.aio.Server:
    # Without so_reuseport=0 a second server takes the same port without a word and gets half the calls.
    options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", settings.max_message_bytes), ("grpc.max_send_message_length", -1)]
    server = grpc.aio.server(interceptors=[Layers(errors)], options=options)
    embedding_service_pb2_grpc.add_EmbeddingServiceServicer_to_server(EmbeddingServicer(engine), server)
    classifier = Classifier(engine, label_cache_bytes=settings.label_cache_bytes)
    classification_service_pb2_grpc.add_ClassificationServiceServicer_to_server(ClassificationServicer(classifier), server)
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    reflection.enable_server_reflection((*SERVICES, HEALTH, reflection.SERVICE_NAME), server)
    return server


def _stop_signals(server: grpc.aio.Server) -> asyncio.Event:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    hurry: set[asyncio.Task[None]] = set()

    def told() -> None:
        if stop.is_set():
            hurry.add(loop.create_task(server.stop(None)))
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
    return stop


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


def _banner(settings: Settings, folder: Path, port: int, models: list[Model]) -> str:
    address = _address(settings.host, port)
    lines = [f"samekind listens on {address}", f"  version  {__version__}"]
    for model in models:
        lines.append(f"  model    {model.name}: {model.dimensions} dimensions, {model.precision.value} on {model.runtime}, space {model.space}")
    who = "anyone who reaches this address may call" if settings.insecure else "only this machine can call"
    lines += [f"  data     {folder}", f"  keys     none: {who}"]
    at = "" if port == 50051 else f" --server {address}"
    lines += ["", "Try it in another terminal:", f"  samekind classify photo.jpg --labels cat,dog,car{at}", "Ctrl-C stops it."]
    return "\n".join(lines)
