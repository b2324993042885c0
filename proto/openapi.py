"""Makes client/samekind/v1/openapi.json from the protos: their HTTP routes, comments and rules, as OpenAPI 3.1."""

import json
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2 as pb
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.rpc import status_pb2

from proto.reference import ROOT, file_set
from samekind.v1.rules import validate_pb2
from samekind_server.web import routes
from samekind_server.web.routes import WHOLE, Route

Schema = dict[str, Any]
JSON, LINES = "application/json", "application/x-ndjson"
ABOUT = """Zero-shot classification, cross-modal search and recommendation from one embedding space: the calls of samekind's gRPC API as
JSON, by proto3's JSON mapping. Images and vectors are base64; 64-bit integers are strings; an answer has every field, empty ones too.
A call that fails is answered with a `Status` and the HTTP status that fits its code."""
SCALARS: dict[int, Schema] = {
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    FieldDescriptor.TYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.TYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptor.TYPE_UINT32: {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
    FieldDescriptor.TYPE_INT64: {"type": "string", "format": "int64"},
    FieldDescriptor.TYPE_UINT64: {"type": "string", "format": "uint64"},
}
KNOWN: dict[str, Schema] = {
    "google.protobuf.Any": {"type": "object", "properties": {"@type": {"type": "string"}}, "required": ["@type"]},
    "google.protobuf.Duration": {"type": "string", "description": "Seconds, as in `1.5s`.", "pattern": r"^-?\d+(\.\d+)?s$"},
    "google.protobuf.FieldMask": {"type": "string", "description": "Names with commas between them, as in `labels,templateSet`."},
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
}
LIMITS = {
    "min_len": "minLength",
    "max_len": "maxLength",
    "min_items": "minItems",
    "max_items": "maxItems",
    "unique": "uniqueItems",
    "max_pairs": "maxProperties",
    "gte": "minimum",
    "lte": "maximum",
    "gt": "exclusiveMinimum",
    "lt": "exclusiveMaximum",
    "pattern": "pattern",
}
PARAMETERS: Schema = {
    "RequestId": {
        "name": "X-Request-Id",
        "in": "header",
        "description": "The caller's name for the call, answered and logged. Default: a new one. Cap: 64 characters.",
        "schema": {"type": "string", "maxLength": 64},
    },
    "Timeout": {
        "name": "X-Server-Timeout",
        "in": "header",
        "description": "Seconds after which the caller waits no more. Default: none.",
        "schema": {"type": "number", "exclusiveMinimum": 0},
    },
}
PAGES: Schema = {
    "/healthz": {"get": {"operationId": "Healthz", "summary": "Whether the server lives.", "responses": {"200": {"description": "It does."}}}},
    "/readyz": {
        "get": {
            "operationId": "Readyz",
            "summary": "Whether the server serves.",
            "responses": {"200": {"description": "It does."}, "503": {"description": "It does not, or not yet."}},
        }
    },
}


class Document:
    """Collects the schemas that its operations speak of."""

    def __init__(self, services: list[ServiceDescriptor], comments: dict[str, str]) -> None:
        self._services, self._comments = services, comments
        self._schemas: dict[str, Schema] = {}

    def text(self) -> str:
        """The document as JSON."""
        paths: Schema = {}
        for route in routes.of(self._services):
            paths.setdefault(route.path, {})[route.verb.lower()] = self._operation(route)
        self.message(status_pb2.Status.DESCRIPTOR)
        document = {
            "openapi": "3.1.0",
            "info": {"title": "samekind", "version": "v1", "description": ABOUT, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
            "tags": [{"name": service.name, "description": self._told(service.full_name)} for service in self._services],
            "security": [{"key": []}, {}],
            "paths": paths | PAGES,
            "components": {
                "schemas": dict(sorted(self._schemas.items())),
                "parameters": PARAMETERS,
                "responses": {"Error": {"description": "The call failed.", "content": {JSON: {"schema": _reference("Status")}}}},
                "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "A key, where the server asks for keys."}},
            },
        }
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"

    def message(self, descriptor: Descriptor) -> Schema:
        """A reference to the message's schema, which is made where it is new."""
        if descriptor.full_name in KNOWN:
            return KNOWN[descriptor.full_name]
        name = _name(descriptor)
        if name not in self._schemas:
            self._schemas[name] = {}  # A message may hold its own kind.
            schema = {"type": "object", "description": self._about(descriptor), "properties": {}, "additionalProperties": False}
            schema["properties"] = {field.json_name: self._field(field) for field in descriptor.fields}
            required = [field.json_name for field in descriptor.fields if _rules(field).required]
            self._schemas[name] = schema | ({"required": required} if required else {})
        return _reference(name)

    def _operation(self, route: Route) -> Schema:
        method = route.method
        told = self._told(method.full_name)
        operation: Schema = {
            "operationId": method.name,
            "tags": [method.containing_service.name],
            "summary": re.split(r"[.;] ", told)[0],
            "description": told,
        }
        operation["parameters"] = [*self._parameters(route), *(_reference(name, "parameters") for name in PARAMETERS)]
        if route.body:
            holds = self.message(method.input_type) if route.body == WHOLE else self._field(method.input_type.fields_by_name[route.body])
            operation["requestBody"] = {"required": True, "content": {LINES if method.client_streaming else JSON: {"schema": holds}}}
        answer = self.message(method.output_type)
        if method.server_streaming:
            answer = {"type": "object", "description": "Each line.", "properties": {"result": answer, "error": _reference("Status")}}
        content = {LINES if method.server_streaming else JSON: {"schema": answer}}
        return operation | {"responses": {"200": {"description": "Answered.", "content": content}, "default": _reference("Error", "responses")}}

    def _parameters(self, route: Route) -> Iterator[Schema]:
        for variable in route.variables:
            field = _at(route.method.input_type, variable)
            yield {"name": variable, "in": "path", "required": True, **self._parameter(field)}
        if route.body == WHOLE:
            return
        for field in route.method.input_type.fields:
            if field.name not in (*route.variables, route.body):
                yield {"name": field.json_name, "in": "query", **self._parameter(field)}

    def _parameter(self, field: FieldDescriptor) -> Schema:
        schema = self._field(field)
        return {"description": schema.pop("description", ""), "schema": schema}

    def _field(self, field: FieldDescriptor) -> Schema:
        rules = _rules(field)
        if field.message_type and field.message_type.GetOptions().map_entry:
            schema = {"type": "object", "additionalProperties": self._value(field.message_type.fields_by_name["value"])}
        elif field.is_repeated:
            schema = {"type": "array", "items": self._value(field) | _limits(rules.repeated.items)}
        else:
            schema = self._value(field)
        return schema | _limits(rules) | {"description": self._told(field.full_name)}

    def _value(self, field: FieldDescriptor) -> Schema:
        if field.message_type:
            return dict(self.message(field.message_type))
        return dict(self._enum(field.enum_type)) if field.enum_type else dict(SCALARS[field.type])

    def _enum(self, descriptor: EnumDescriptor) -> Schema:
        values = [f"- `{value.name}`: {self._told(f'{descriptor.full_name}.{value.name}')}" for value in descriptor.values]
        told = "\n".join([self._told(descriptor.full_name), "", *values])
        self._schemas[_name(descriptor)] = {"type": "string", "description": told, "enum": [value.name for value in descriptor.values]}
        return _reference(_name(descriptor))

    def _about(self, descriptor: Descriptor) -> str:
        """The message's comment, and which of its fields exclude each other."""
        several = [oneof for oneof in descriptor.oneofs if len(oneof.fields) > 1]
        choices = [f"At most one of {', '.join(f'`{field.json_name}`' for field in oneof.fields)}." for oneof in several]
        return " ".join([self._told(descriptor.full_name), *choices]).strip()

    def _told(self, name: str) -> str:
        return self._comments.get(name, "")


def text() -> str:
    """The document of all services."""
    names = sorted(path.stem for path in ROOT.glob("samekind/v1/*.proto"))
    files = [import_module(f"samekind.v1.{name}_pb2").DESCRIPTOR for name in names]
    services = [service for file in files for service in file.services_by_name.values()]
    return Document(services, {name: told for file in file_set().file for name, told in _comments(file)}).text()


def _comments(file: pb.FileDescriptorProto) -> Iterator[tuple[str, str]]:
    """What stands before each declaration, by its full name."""
    comments = {tuple(place.path): " ".join(place.leading_comments.split()) for place in file.source_code_info.location}
    yield from _within(file, (), file.package, comments)


def _within(declared: Message, place: tuple[int, ...], prefix: str, comments: dict[tuple[int, ...], str]) -> Iterator[tuple[str, str]]:
    for field, values in declared.ListFields():
        if field.message_type and field.is_repeated and "name" in field.message_type.fields_by_name:
            for index, child in enumerate(values):
                path, name = (*place, field.number, index), f"{prefix}.{child.name}"
                yield name, comments.get(path, "")
                yield from _within(child, path, name, comments)


def _rules(field: FieldDescriptor) -> Any:
    return field.GetOptions().Extensions[validate_pb2.field]


def _limits(rules: Any) -> Schema:
    """What JSON Schema can say of the rules of one field; of its items they say nothing here."""
    kind = rules.WhichOneof("type")
    given = getattr(rules, kind).ListFields() if kind else []
    return {LIMITS[field.name]: _number(value) for field, value in given if field.name in LIMITS and not isinstance(value, Message)}


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _at(descriptor: Descriptor, path: str) -> FieldDescriptor:
    *outer, last = path.split(".")
    for name in outer:
        inner = descriptor.fields_by_name[name].message_type
        assert inner, path
        descriptor = inner
    return descriptor.fields_by_name[last]


def _name(descriptor: Descriptor | EnumDescriptor) -> str:
    return descriptor.full_name.removeprefix(descriptor.file.package).removeprefix(".")


def _reference(name: str, kind: str = "schemas") -> Schema:
    return {"$ref": f"#/components/{kind}/{name}"}


def main(arguments: list[str]) -> str | None:
    """`FILE` writes it there, `--check FILE` says whether it is not as the protos make it."""
    *check, out = arguments
    if not check:
        Path(out).write_text(text())
        return None
    return None if Path(out).read_text() == text() else f"{out} is not as the protos make it; run `make proto`"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
