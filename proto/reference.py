"""Makes docs/reference from the protos: a page for each, of its comments, types and rules in words, and a list of all calls."""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc_tools
from google.api import annotations_pb2
from google.protobuf import descriptor_pb2 as pb
from grpc_tools import protoc

from proto import rules

ROOT = Path(__file__).parent
PACKAGE = ".samekind.v1."
SCALARS = {number: name.removeprefix("TYPE_").lower() for name, number in pb.FieldDescriptorProto.Type.items()}
OPENING = "Made from the protos' own comments and rules by `make proto`; change those, not this."
INTRODUCTION = f"""# Reference

{OPENING} What the calls mean together is told in
[the API](../api.md), how they fail in [errors](../errors.md). A rule's break is `INVALID_ARGUMENT` with the field's name.

| service | call | does |
|---|---|---|
"""


@dataclass(frozen=True)
class Declared:
    """A service, message or enum with the comment before it; `name` says what it stands within, `place` is protoc's path to it."""

    name: str
    place: tuple[int, ...]
    proto: pb.ServiceDescriptorProto | pb.DescriptorProto | pb.EnumDescriptorProto


class Page:
    """What one proto declares, and the text that tells it."""

    def __init__(self, file: pb.FileDescriptorProto) -> None:
        self.file = file
        self.name = Path(file.name).stem
        self.comments = {tuple(location.path): location.leading_comments for location in file.source_code_info.location}
        self.declared = list(_walk(file))

    def text(self, homes: dict[str, str]) -> str:
        """The page; `homes` has where each type is told, for links."""
        intro = [f"# {self.name}.proto", self.comment((2,)), f"[The proto](../../proto/{self.file.name}). {OPENING}"]
        parts = [*intro, *(part for each in self.declared for part in self.section(each))]
        return _linked("\n\n".join(part for part in parts if part) + "\n", homes, self.name)

    def calls(self) -> Iterator[str]:
        """The rows of the list of all calls."""
        for service in self.declared:
            if isinstance(service.proto, pb.ServiceDescriptorProto):
                link = f"[`{service.name}`]({self.name}.md#{_anchor(service.name)})"
                for index, method in enumerate(service.proto.method):
                    yield f"| {'' if index else link} | `{method.name}` | {self.cell((*service.place, 2, index))} |"

    def section(self, declared: Declared) -> list[str]:
        """What tells one service, message or enum."""
        heading = [f"## {declared.name}", self.comment(declared.place)]
        match declared.proto:
            case pb.ServiceDescriptorProto():
                return [*heading, _table("call", "takes", "answers", "does", "over HTTP", rows=self.methods(declared.proto, declared.place))]
            case pb.EnumDescriptorProto():
                return [*heading, _table("value", "number", "is", rows=self.values(declared.proto, declared.place))]
            case message:
                ruled = rules.of_message(message.options)
                fields = _table("field", "type", "is", "rule", rows=self.fields(message, declared.place)) if message.field else "No fields."
                return [*heading, f"Rule: {ruled}." if ruled else "", fields]

    def methods(self, service: pb.ServiceDescriptorProto, place: tuple[int, ...]) -> Iterator[Sequence[str]]:
        for index, method in enumerate(service.method):
            takes = ("stream of " if method.client_streaming else "") + _type(method.input_type)
            answers = ("stream of " if method.server_streaming else "") + _type(method.output_type)
            yield f"`{method.name}`", takes, answers, self.cell((*place, 2, index)), _route(method)

    def values(self, enum: pb.EnumDescriptorProto, place: tuple[int, ...]) -> Iterator[Sequence[str]]:
        for index, value in enumerate(enum.value):
            yield f"`{value.name}`", str(value.number), self.cell((*place, 2, index))

    def fields(self, message: pb.DescriptorProto, place: tuple[int, ...]) -> Iterator[Sequence[str]]:
        """A row for each field; a oneof's stand below a row of its own."""
        opened: set[int] = set()
        for index, field in enumerate(message.field):
            within = field.HasField("oneof_index") and not field.proto3_optional
            if within and field.oneof_index not in opened:
                opened.add(field.oneof_index)
                oneof = message.oneof_decl[field.oneof_index]
                yield f"*{oneof.name}*", "oneof", self.cell((*place, 8, field.oneof_index)), rules.of_oneof(oneof.options)
            name = f"{'· ' if within else ''}`{field.name}`"
            yield name, _kind(field, message), self.cell((*place, 2, index)), _escaped(rules.of_field(field.options))

    def comment(self, place: tuple[int, ...]) -> str:
        return "\n".join(line.removeprefix(" ") for line in self.comments.get(place, "").rstrip().splitlines())

    def cell(self, place: tuple[int, ...]) -> str:
        """The comment on one line, as a table takes it."""
        return _escaped(" ".join(self.comments.get(place, "").split()))


def pages() -> dict[str, str]:
    """Every page by its file's name."""
    found = [Page(file) for file in file_set().file]
    homes = {each.name: page.name for page in found for each in page.declared}
    index = INTRODUCTION + "\n".join(row for page in found for row in page.calls()) + "\n\n" + _others(found)
    return {"README.md": _linked(index, homes, "README")} | {f"{page.name}.md": page.text(homes) for page in found}


def file_set() -> pb.FileDescriptorSet:
    """samekind.v1's protos as protoc reads them, comments and all. Raises RuntimeError where it refuses them."""
    files = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("samekind/v1/*.proto"))]
    include = Path(grpc_tools.__file__).parent / "_proto"
    with TemporaryDirectory() as folder:
        made = Path(folder) / "set"
        if protoc.main(["protoc", f"-I{ROOT}", f"-I{include}", "--include_source_info", f"--descriptor_set_out={made}", *files]):
            raise RuntimeError("protoc refused the protos; its message stands above")
        return pb.FileDescriptorSet.FromString(made.read_bytes())


def stale(out: Path) -> list[str]:
    """Names of the pages in `out` that the protos would not make so, or that are missing or too many there."""
    fresh, present = pages(), {path.name: path.read_text() for path in out.glob("*")}
    return sorted(name for name in fresh | present if fresh.get(name) != present.get(name))


def write(out: Path) -> None:
    """Brings the pages in `out` in step."""
    out.mkdir(parents=True, exist_ok=True)
    fresh = pages()
    for path in out.glob("*.md"):
        if path.name not in fresh:
            path.unlink()
    for name, text in fresh.items():
        (out / name).write_text(text)


def _walk(file: pb.FileDescriptorProto) -> Iterator[Declared]:
    for index, service in enumerate(file.service):
        yield Declared(service.name, (6, index), service)
    for index, message in enumerate(file.message_type):
        yield from _within(message, (4, index), "")
    for index, enum in enumerate(file.enum_type):
        yield Declared(enum.name, (5, index), enum)


def _within(message: pb.DescriptorProto, place: tuple[int, ...], prefix: str) -> Iterator[Declared]:
    name = f"{prefix}{message.name}"
    yield Declared(name, place, message)
    for index, inner in enumerate(message.nested_type):
        if not inner.options.map_entry:
            yield from _within(inner, (*place, 3, index), f"{name}.")
    for index, enum in enumerate(message.enum_type):
        yield Declared(f"{name}.{enum.name}", (*place, 4, index), enum)


def _route(method: pb.MethodDescriptorProto) -> str:
    """The HTTP verb and path of a call that has one."""
    rule = method.options.Extensions[annotations_pb2.http]
    verb = rule.WhichOneof("pattern")
    return f"`{verb.upper()} {getattr(rule, verb)}`" if verb else ""


def _kind(field: pb.FieldDescriptorProto, message: pb.DescriptorProto) -> str:
    """A field's type in the proto's words."""
    entries = {inner.name: inner for inner in message.nested_type if inner.options.map_entry}
    if entry := entries.get(field.type_name.rpartition(".")[2]):
        return f"map of {_kind(entry.field[0], entry)} to {_kind(entry.field[1], entry)}"
    many = "repeated " if field.label == field.LABEL_REPEATED else "optional " if field.proto3_optional else ""
    return many + (_type(field.type_name) if field.type_name else SCALARS[field.type])


def _type(name: str) -> str:
    return f"`{name.removeprefix(PACKAGE).removeprefix('.')}`"


def _table(*columns: str, rows: Iterator[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in (columns, *rows)]
    return "\n".join([lines[0], "|---" * len(columns) + "|", *lines[1:]])


def _escaped(text: str) -> str:
    return text.replace("|", r"\|")


def _linked(text: str, homes: dict[str, str], here: str) -> str:
    """The text with each type named in it, alone or before a field's name, linked to where it is told."""
    return re.sub(r"(?<!\[)`([A-Z]\w*(?:\.\w+)*)`", partial(_link, homes=homes, here=here), text)


def _link(found: re.Match[str], homes: dict[str, str], here: str) -> str:
    words = found[1].split(".")
    known = (".".join(words[:length]) for length in range(len(words), 0, -1))
    name = next((name for name in known if name in homes), None)
    page = "" if name is None or homes[name] == here else f"{homes[name]}.md"
    return f"[{found[0]}]({page}#{_anchor(name)})" if name else found[0]


def _anchor(name: str) -> str:
    return name.replace(".", "").lower()


def _others(found: list[Page]) -> str:
    shared = [f"- [{page.name}]({page.name}.md): {' '.join(page.comment((2,)).split())}\n" for page in found if not page.file.service]
    return "Shared by the services:\n\n" + "".join(shared)


def main(arguments: list[str]) -> str | None:
    """`OUT` writes the pages there, `--check OUT` says what is not as the protos make it."""
    *check, out = arguments
    if not check:
        write(Path(out))
        return None
    names = stale(Path(out))
    return f"not as the protos make them: {', '.join(names)}; run `make proto`" if names else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
