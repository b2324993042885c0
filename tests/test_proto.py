"""Holds the generated code to the protos, and the protos to their own comments."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2 as pb
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message

from proto import reference, rules
from proto.generate import ROOT, stale
from samekind.v1 import buf_validate_pb2
from samekind.v1.rules import validate_pb2

CAPS = {"max_len", "max_items", "lte"}
NAMED = re.compile(r"Default|Cap|Required|Exactly one|\d to \d")


@dataclass(frozen=True)
class Declared:
    """One thing a proto declares, with the comment before it."""

    name: str
    proto: Message
    comment: str


def children(proto: Message) -> Iterator[tuple[int, Message]]:
    """What is declared within, each with its number in protoc's source paths."""
    names = ["service", "message_type", "enum_type", "field", "nested_type", "oneof_decl", "value", "method"]
    for field, declared in proto.ListFields():
        if field.name in names:
            yield field.number, declared


def walk(proto: Message, comments: dict[tuple[int, ...], str], path: tuple[int, ...] = (), prefix: str = "") -> Iterator[Declared]:
    for number, declared in children(proto):
        for index, child in enumerate(declared):
            place, name = (*path, number, index), f"{prefix}{child.name}"
            if isinstance(child, pb.DescriptorProto) and child.options.map_entry:
                continue  # What protoc makes of a map has no place for a comment,
            if isinstance(child, pb.OneofDescriptorProto) and child.name.startswith("_"):
                continue  # nor what it makes of an optional field.
            yield Declared(name, child, comments.get(place, ""))
            yield from walk(child, comments, place, f"{name}.")


@pytest.fixture(scope="module")
def declared() -> list[Declared]:
    """Every service, method, message, field, oneof, enum and value of samekind.v1."""
    found = []
    for file in reference.file_set().file:
        comments = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}
        found += walk(file, comments)
    return found


def caps(rules: Message) -> Iterator[float]:
    """The limits that a field's rules set, at any depth."""
    for field, value in rules.ListFields():
        if field.name in CAPS and not isinstance(value, Message):
            yield value
        elif isinstance(value, Message):
            yield from caps(value)


def asked(declared: list[Declared]) -> list[Declared]:
    """The scalar fields that a request is made of."""
    messages = {one.name: one.proto for one in declared if isinstance(one.proto, pb.DescriptorProto)}
    reached: set[str] = set()
    todo = [name for name in messages if name.endswith("Request")]
    while todo:
        reached.add(name := todo.pop())
        inner = {field.type_name.removeprefix(".samekind.v1.") for field in messages[name].field}
        todo += [name for name in inner if name in messages and name not in reached]
    fields = [one for one in declared if isinstance(one.proto, pb.FieldDescriptorProto) and one.name.rpartition(".")[0] in reached]
    # One of several kinds, true or false or a word of an enum: there is no more to say of its limits.
    plain = {pb.FieldDescriptorProto.TYPE_BOOL, pb.FieldDescriptorProto.TYPE_ENUM}
    told = [one for one in fields if not (one.proto.HasField("oneof_index") and one.proto.type in plain)]
    return [one for one in told if one.proto.type != pb.FieldDescriptorProto.TYPE_MESSAGE]


def test_the_generated_code_is_as_the_protos_make_it():
    assert stale(ROOT.parent / "client") == []


def test_the_reference_is_as_the_protos_make_it():
    assert reference.stale(ROOT.parent / "docs/reference") == []


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"string": {"min_len": 1, "max_len": 65536}}, "1 to 65,536 characters"),
        ({"bytes": {"max_len": 512}, "required": True}, "required; at most 512 bytes"),
        (
            {"repeated": {"min_items": 1, "unique": True, "items": {"double": {"gt": 0, "finite": True}}}},
            "1 or more items; all different; each: more than 0, finite",
        ),
        ({"map": {"max_pairs": 64, "keys": {"string": {"len": 3}}}}, "at most 64 entries; keys: exactly 3 characters"),
        ({"string": {"in": ["cosine", "dot"]}}, "one of `cosine`, `dot`"),
        ({"string": {"uuid": True}}, "uuid"),
        ({"duration": {"lte": "86400s"}}, "at most 86,400 s"),
        ({"cel": [{"message": "at most 16 paths", "expression": "true"}], "ignore": "IGNORE_ALWAYS"}, "checked by itself; at most 16 paths"),
    ],
)
def test_a_rule_is_said_in_words(rule, words):
    options = pb.FieldOptions()
    ParseDict(rule, options.Extensions[validate_pb2.field])
    assert rules.of_field(options) == words


def test_everything_a_proto_declares_has_a_comment(declared):
    assert [one.name for one in declared if not one.comment.strip()] == []


def test_every_scalar_of_a_request_says_its_default_or_its_limits(declared):
    assert [one.name for one in asked(declared) if not NAMED.search(one.comment)] == []


def test_every_cap_in_the_rules_stands_in_the_comment(declared):
    fields = [one for one in declared if isinstance(one.proto, pb.FieldDescriptorProto)]
    assert [
        (one.name, cap) for one in fields for cap in caps(one.proto.options.Extensions[validate_pb2.field]) if f"{cap:,.15g}" not in one.comment
    ] == []


def foreign_rules(folder: Path) -> None:
    """Another package's `buf.validate`, of an older version than ours: without the examples of durations."""
    older = pb.FileDescriptorProto.FromString(buf_validate_pb2.DESCRIPTOR.serialized_pb)
    duration = next(message for message in older.message_type if message.name == "DurationRules")
    del duration.field[-1]
    (folder / "buf/validate").mkdir(parents=True)
    (folder / "buf/validate/validate_pb2.py").write_text(
        "from google.protobuf import descriptor_pool, duration_pb2, descriptor_pb2, field_mask_pb2, timestamp_pb2\n"
        "from google.protobuf.internal import builder\n"
        f"DESCRIPTOR = descriptor_pool.Default().AddSerializedFile({older.SerializeToString()!r})\n"
        "builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())\n"
        "builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, 'buf.validate.validate_pb2', globals())\n"
    )


def output(code: str, **environment: str) -> str:
    """What a fresh interpreter, with warnings as errors, prints; fails with its last words."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env=os.environ | environment)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("order", ["buf.validate.validate_pb2, samekind.v1.content_pb2", "samekind.v1.content_pb2, buf.validate.validate_pb2"])
def test_it_imports_beside_another_package_that_ships_older_rules(order, tmp_path):
    foreign_rules(tmp_path)
    older = "hasattr(buf.validate.validate_pb2.DurationRules, 'example')"
    ours = "samekind.v1.content_pb2.Content(text='x').text"
    assert output(f"import {order}; print({older}, {ours})", PYTHONPATH=str(tmp_path)) == "False x\n"


@pytest.mark.parametrize("order", ["protovalidate, samekind.v1.content_pb2", "samekind.v1.content_pb2, protovalidate"])
def test_protovalidate_reads_our_rules_whichever_is_imported_first(order):
    code = f"import {order}; print(len(protovalidate.collect_violations(samekind.v1.content_pb2.Content(text=''))))"
    assert output(code) == "1\n"
