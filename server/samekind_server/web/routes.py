"""Reads from the protos which HTTP routes each method answers at (`google.api.http`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

WHOLE = "*"
VARIABLE = re.compile(r"\{([\w.]+)(?:=([^}]*))?\}")


@dataclass(frozen=True)
class Route:
    """A verb and a path, as in `/v1/models/{model=**}`; `body` is the request's field that the body holds, all of it, or none."""

    method: MethodDescriptor
    verb: str
    template: str
    body: str

    @property
    def name(self) -> str:
        """The method as gRPC names it."""
        return f"{self.method.containing_service.full_name}/{self.method.name}"

    @property
    def variables(self) -> tuple[str, ...]:
        """The fields of the request that stand in the path."""
        return tuple(found[1] for found in VARIABLE.finditer(self.template))

    @property
    def path(self) -> str:
        """The path with its variables alone, as in `/v1/models/{model}`."""
        return VARIABLE.sub(lambda found: f"{{{found[1]}}}", self.template)

    @property
    def pattern(self) -> re.Pattern[str]:
        """What a path matches; its groups are the variables in order. `**` takes slashes too."""
        return re.compile("".join(_patterns(self.template)))


def of(services: Iterable[ServiceDescriptor]) -> list[Route]:
    """Every route of the services, to be tried in this order; a method without any is asked with POST at its gRPC path."""
    found = [route for service in services for method in service.methods for route in _of(method)]
    return sorted(found, key=lambda route: -len(VARIABLE.sub("", route.template)))  # `/v1/a/{name}:do` before `/v1/a/{name}`.


def _of(method: MethodDescriptor) -> list[Route]:
    options = method.GetOptions()
    if not options.HasExtension(annotations_pb2.http):
        return [Route(method, "POST", f"/{method.containing_service.full_name}/{method.name}", WHOLE)]
    rule = options.Extensions[annotations_pb2.http]
    return [_route(method, one) for one in (rule, *rule.additional_bindings)]


def _route(method: MethodDescriptor, rule: HttpRule) -> Route:
    verb = rule.WhichOneof("pattern") or ""
    return Route(method, verb.upper(), getattr(rule, verb), rule.body)


def _patterns(template: str) -> Iterator[str]:
    end = 0
    for found in VARIABLE.finditer(template):
        yield re.escape(template[end : found.start()])
        yield "(.+)" if found[2] == "**" else "([^/]+)"
        end = found.end()
    yield re.escape(template[end:])
