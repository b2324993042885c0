"""Label sets that last: every RPC on a real server with a real store, one version or another but never half of one."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.json_format import ParseDict
from grpc_status import rpc_status
from hypothesis import given, settings
from hypothesis import strategies as st

import samekind
from samekind import wire
from samekind.errors import DeadlineExceeded, EtagMismatch, NotFound, SamekindError
from samekind.types import Answer, Image, Label, Labels, LabelSet, Text, Vector
from samekind.v1 import classification_service_pb2 as classification
from samekind.v1 import embedding_service_pb2 as embedding
from samekind.v1 import label_set_service_pb2 as pb
from samekind.v1.classification_service_pb2_grpc import ClassificationServiceStub
from samekind.v1.embedding_service_pb2_grpc import EmbeddingServiceStub
from samekind.v1.label_set_service_pb2_grpc import LabelSetServiceStub
from samekind_server.classification import definitions
from samekind_server.classification.label_sets import LabelSets
from samekind_server.classification.zero_shot import Classifier
from samekind_server.edge import keys
from samekind_server.embedding.engine import Engine
from samekind_server.embedding.images import ImageLimits
from samekind_server.embedding.observer import Unobserved
from samekind_server.store.sqlite import SqliteStore
from tests.model_folders import minis_folder
from tests.running import address, process, started

PETS = {"labels": [{"name": "cat", "descriptions": ["a small animal with whiskers"]}, {"name": "dog"}]}
MISSING = "no label set '{}'"


@dataclass(frozen=True)
class Caller:
    """One tenant's way to a server."""

    channel: grpc.Channel
    secret: str = ""

    def ask(self, method: str, **request: Any) -> Any:
        """What an RPC answers; its error is raised as the client raises it."""
        service = ClassificationServiceStub if method == "Classify" else LabelSetServiceStub
        message = ParseDict(request, getattr(classification if method == "Classify" else pb, f"{method}Request")())
        metadata = [("authorization", f"Bearer {self.secret}")] if self.secret else []
        try:
            return getattr(service(self.channel), method)(message, metadata=metadata, timeout=120)
        except grpc.RpcError as broken:
            raise wire.read_status(rpc_status.from_call(broken)) from None

    def make(self, name: str, **given: Any) -> pb.LabelSet:
        """A new set."""
        return self.ask("CreateLabelSet", label_set={"name": name} | PETS | given).label_set

    def get(self, name: str) -> pb.LabelSet:
        """A set."""
        return self.ask("GetLabelSet", name=name).label_set

    def change(self, name: str, *paths: str, **given: Any) -> pb.LabelSet:
        """A set with something changed."""
        mask = {"update_mask": ",".join(paths)} if paths else {}
        return self.ask("UpdateLabelSet", label_set={"name": name} | given, **mask).label_set

    def top(self, text: str, **asked: Any) -> Any:
        """The answer to one text."""
        return self.ask("Classify", contents=[{"text": text}], **asked)


@contextmanager
def refused(code: str, told: str = ".", field: str = "") -> Iterator[None]:
    with pytest.raises(SamekindError, match=told) as raised:
        yield
    assert raised.value.code == code
    assert not field or [violation.field for violation in raised.value.violations] == [field]


@pytest.fixture(scope="module")
def tenants(tmp_path_factory) -> Iterator[dict[str, Caller]]:
    """Callers of three tenants, one of whom may only read, at a server of two models."""
    data = tmp_path_factory.mktemp("data")
    secrets = {}
    for name, tenant, role in (("a", "a", "WRITE"), ("b", "b", "WRITE"), ("reads", "a", "READ"), ("c", "c", "WRITE")):
        key, secrets[name] = keys.new(name, tenant=tenant, role=keys.Role[role])
        keys.add(data / "keys.json", key)
    other = f"local-dir:{minis_folder(data / 'other')}"
    with started(data, "--model", "mini", "--model", other) as at, grpc.insecure_channel(at) as channel:
        yield {name: Caller(channel, secret) for name, secret in secrets.items()}


@pytest.fixture
def a(tenants) -> Caller:
    return tenants["a"]


# What is kept.


def test_a_set_is_told_as_it_was_made(a):
    metadata = {"shelf": {"int_value": "3"}, "tags": {"list_value": {"values": [{"string_value": "x"}, {"bool_value": True}]}}}
    labels = [{"name": "animal"}, {"name": "cat", "descriptions": ["a {} with whiskers"], "parent": "animal", "metadata": metadata}]
    made = a.make("told", labels=labels, templates=["a {}"], model="mini")
    assert (made.version, made.label_count, bool(made.etag)) == (1, 2, True)
    assert made == a.get("told") == a.get("told@1")
    given = ParseDict({"name": "told", "labels": labels, "templates": ["a {}"], "model": "mini"}, pb.LabelSet())
    for field in ("version", "etag", "label_count", "create_time", "update_time"):
        made.ClearField(field)
    assert made == given


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.datetimes(timezones=st.just(UTC)),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
TEXTS = st.text(min_size=1, max_size=20)
LABELS = st.builds(Label, TEXTS, st.lists(TEXTS, max_size=3).map(tuple), metadata=st.dictionaries(TEXTS, VALUES, max_size=3))
SETS = st.builds(Labels, st.lists(LABELS, max_size=4).map(tuple), st.sampled_from(["photo", "plain"])) | st.builds(
    Labels, st.lists(LABELS, max_size=4).map(tuple), templates=st.lists(TEXTS, min_size=1, max_size=3).map(tuple)
)


@given(SETS)
@settings(max_examples=100, deadline=None)
def test_nothing_is_lost_in_the_store_nor_on_the_wire(labels):
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    value = LabelSet("pets", labels, "mini", 3, "etag", len(labels.labels), moment, moment)
    assert definitions.load(definitions.dump(labels)) == labels
    assert wire.read_label_set(wire.label_set(value)) == value


def test_a_name_is_given_once(a):
    a.make("once")
    with refused("ALREADY_EXISTS", "there is a label set 'once' already; update it"):
        a.make("once")


@pytest.mark.parametrize("name", ["", "Pets", "a b", "-a", "a@1", "é", "x" * 64])
def test_a_name_that_cannot_be_is_refused(a, name):
    with refused("INVALID_ARGUMENT", "1 to 63 small letters", "label_set.name"):
        a.make(name)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"labels": []}, "label_set.labels"),
        ({"labels": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}, "label_set.labels[2].name"),
        ({"labels": [{"name": ""}]}, "label_set.labels[0].name"),
        ({"labels": [{"name": "a", "parent": "b"}]}, "label_set.labels[0].parent"),
        ({"labels": [{"name": "a", "parent": "b"}, {"name": "b", "parent": "a"}]}, "label_set.labels[0].parent"),
        ({"template_set": "none"}, "label_set.template_set"),
        ({"templates": ["no blank"]}, "label_set.templates[0]"),
    ],
)
def test_labels_that_cannot_be_are_refused_by_their_field_and_leave_nothing(a, given, field):
    with refused("INVALID_ARGUMENT", field=field):
        a.make("never", **given)
    with refused("NOT_FOUND", MISSING.format("never")):
        a.get("never")


@pytest.mark.parametrize("value", [{}, {"double_value": "NaN"}, {"list_value": {"values": [{"double_value": "Infinity"}]}}])
def test_metadata_that_could_not_be_told_again_is_refused(a, value):
    with refused("INVALID_ARGUMENT", "exactly one field is required|must be finite"):
        a.make("never", labels=[{"name": "cat", "metadata": {"x": value}}])


def test_a_deleted_set_is_gone_with_all_its_versions(a):
    a.make("gone")
    a.change("gone", model="mini")
    a.ask("DeleteLabelSet", name="gone")
    for reference in ("gone", "gone@1"):
        with refused("NOT_FOUND", MISSING.format("gone")):
            a.get(reference)
        with refused("NOT_FOUND", MISSING.format("gone")):
            a.top("a cat", label_set=reference)
    with refused("NOT_FOUND"):
        a.ask("DeleteLabelSet", name="gone")
    a.ask("DeleteLabelSet", name="gone", allow_missing=True)
    assert a.make("gone").version == 1


def test_sets_are_listed_page_by_page_in_name_order_without_labels(tenants):
    c = tenants["c"]
    names = [f"set-{number:02}" for number in range(7)]
    for name in reversed(names):
        c.make(name)
    pages, token = [], ""
    while not pages or token:
        answer = c.ask("ListLabelSets", page_size=3, page_token=token)
        pages.append(list(answer.label_sets))
        token = answer.next_page_token
    assert [[each.name for each in page] for page in pages] == [names[:3], names[3:6], names[6:]]
    assert all(not each.labels and each.label_count == 2 and each.etag for page in pages for each in page)
    assert [each.name for each in c.ask("ListLabelSets").label_sets] == names


def test_a_page_token_of_something_else_is_refused(tenants):
    token = tenants["c"].ask("ListLabelSets", page_size=1).next_page_token
    for caller, wrong in (("a", token), ("c", "AAAA" + token[4:]), ("c", "%%%")):
        with refused("INVALID_ARGUMENT", "not one of this request", "page_token"):
            tenants[caller].ask("ListLabelSets", page_size=1, page_token=wrong)


def test_one_tenant_s_sets_are_unknown_to_another(tenants):
    a, b = tenants["a"], tenants["b"]
    a.make("secret", labels=[{"name": "merger"}])
    for ask in (lambda: b.get("secret"), lambda: b.top("x", label_set="secret"), lambda: b.change("secret", model="mini")):
        with refused("NOT_FOUND", "there is none yet"):
            ask()
    assert not b.ask("ListLabelSets").label_sets
    b.make("secret", labels=[{"name": "picnic"}])
    assert [caller.top("x", label_set="secret").results[0].classification.scores[0].label for caller in (a, b)] == ["merger", "picnic"]
    b.ask("DeleteLabelSet", name="secret")
    assert a.get("secret").labels[0].name == "merger"


def test_who_may_only_read_changes_nothing(tenants):
    tenants["a"].make("read-only")
    reader = tenants["reads"]
    assert reader.get("read-only").version == 1
    assert reader.top("a cat", label_set="read-only").results[0].classification.scores
    for ask in (lambda: reader.make("mine"), lambda: reader.change("read-only", model="x"), lambda: reader.ask("DeleteLabelSet", name="read-only")):
        with refused("PERMISSION_DENIED"):
            ask()


# Changes.


@pytest.mark.parametrize(
    ("paths", "given", "expected"),
    [
        ([], {"labels": [{"name": "x"}]}, (["x"], "", ["a {}"], "mini")),
        ([], {"model": "other"}, (["cat", "dog"], "", ["a {}"], "other")),
        ([], {"template_set": "plain"}, (["cat", "dog"], "plain", [], "mini")),
        (["model"], {"labels": [{"name": "x"}]}, (["cat", "dog"], "", ["a {}"], "")),
        (["templates"], {}, (["cat", "dog"], "photo", [], "mini")),
        (["templates"], {"templates": ["the {}"]}, (["cat", "dog"], "", ["the {}"], "mini")),
        (["labels", "model"], {"labels": [{"name": "x"}], "template_set": "plain"}, (["x"], "", ["a {}"], "")),
        (["*"], {"labels": [{"name": "x"}]}, (["x"], "photo", [], "")),
    ],
)
def test_an_update_changes_what_its_mask_names_or_else_what_is_not_empty(a, paths, given, expected):
    a.ask("DeleteLabelSet", name="masked", allow_missing=True)
    a.make("masked", templates=["a {}"], model="mini")
    message = pb.UpdateLabelSetRequest(label_set=ParseDict({"name": "masked"} | given, pb.LabelSet()))
    message.update_mask.paths.extend(paths)
    now = LabelSetServiceStub(a.channel).UpdateLabelSet(message, metadata=[("authorization", f"Bearer {a.secret}")]).label_set
    assert ([label.name for label in now.labels], now.template_set, list(now.templates), now.model) == expected
    assert now.version == 2 and now == a.get("masked")


def test_a_mask_of_what_cannot_be_changed_is_refused(a):
    a.make("mask")
    with refused("INVALID_ARGUMENT", "there are labels, template_set, templates, model", "update_mask"):
        a.change("mask", "version", version="7")


def test_what_changes_nothing_makes_no_version(a):
    made = a.make("still")
    assert a.change("still", **PETS) == made
    assert a.change("still", labels=[{"name": "cat"}]).version == 2


def test_an_update_makes_what_is_missing_only_where_asked_to(a):
    with refused("NOT_FOUND"):
        a.change("missing", **PETS)
    with refused("NOT_FOUND"):
        a.ask("UpdateLabelSet", label_set={"name": "missing", "etag": "x"} | PETS, allow_missing=True)
    assert a.ask("UpdateLabelSet", label_set={"name": "missing"} | PETS, allow_missing=True).label_set == a.get("missing")


def test_the_last_ten_versions_can_be_read_and_asked(a):
    for number in range(1, 13):
        a.ask("UpdateLabelSet", label_set={"name": "many", "labels": [{"name": f"v{number}"}]}, allow_missing=True)
    assert [a.get(f"many@{number}").labels[0].name for number in range(3, 13)] == [f"v{number}" for number in range(3, 13)]
    answer = a.top("x", label_set="many@5")
    assert (answer.label_sets[0].name, answer.label_sets[0].version, answer.results[0].classification.scores[0].label) == ("many@5", 5, "v5")
    for ask in (lambda: a.get("many@2"), lambda: a.top("x", label_set="many@13")):
        with refused("NOT_FOUND", "kept are 3 to 12"):
            ask()
    with refused("INVALID_ARGUMENT", "named as it is, or as name@version"):
        a.get("many@0")


def test_of_writers_with_one_etag_one_wins_and_the_others_are_told(a):
    made = a.make("raced")
    start = threading.Barrier(8)

    def write(number: int) -> pb.LabelSet | SamekindError:
        start.wait()
        try:
            return a.change("raced", labels=[{"name": f"writer {number}"}], etag=made.etag)
        except SamekindError as error:
            return error

    with ThreadPoolExecutor(8) as writers:
        ended = list(writers.map(write, range(8)))
    [winner] = [each for each in ended if isinstance(each, pb.LabelSet)]
    told = [each for each in ended if isinstance(each, EtagMismatch)]
    assert a.get("raced") == winner and winner.version == 2
    assert len(told) == 7 and {error.metadata["version"] for error in told} == {"2"}
    with refused("ABORTED", "has been changed since it was read"):
        a.ask("DeleteLabelSet", name="raced", etag=made.etag)


# Writes that are repeated.


def test_a_request_is_done_once_however_often_it_is_sent(a):
    created = [a.ask("CreateLabelSet", label_set={"name": "repeated"} | PETS, request_id="r1") for _ in range(3)]
    assert created[0] == created[1] == created[2] and created[0].label_set.version == 1
    change = {"name": "repeated", "labels": [{"name": "x"}]}
    changed = [a.ask("UpdateLabelSet", label_set=change, request_id="r2") for _ in range(2)]
    a.change("repeated", labels=[{"name": "y"}])
    assert changed[0] == changed[1] == a.ask("UpdateLabelSet", label_set=change, request_id="r2")
    assert [label.name for label in a.get("repeated").labels] == ["y"]
    for _ in range(2):
        a.ask("DeleteLabelSet", name="repeated", request_id="r3")


def test_a_request_s_id_is_no_other_request_s(a):
    a.ask("CreateLabelSet", label_set={"name": "first"} | PETS, request_id="same")
    for method, body in (("CreateLabelSet", {"label_set": {"name": "second"} | PETS}), ("DeleteLabelSet", {"name": "first"})):
        with refused("INVALID_ARGUMENT", "give this one an id of its own", "request_id"):
            a.ask(method, **body, request_id="same")
    assert a.get("first").version == 1


def test_a_request_s_id_is_a_tenant_s_own(tenants):
    for name in ("a", "b"):
        tenants[name].ask("CreateLabelSet", label_set={"name": "mine"} | PETS, request_id="anyone's")
    assert tenants["b"].get("mine").version == 1
    tenants["b"].ask("DeleteLabelSet", name="mine")


def test_a_request_sent_many_times_at_once_is_done_once(a):
    start = threading.Barrier(16)

    def send(_: int) -> pb.LabelSet:
        start.wait()
        return a.ask("CreateLabelSet", label_set={"name": "at-once"} | PETS, request_id="at once").label_set

    with ThreadPoolExecutor(16) as senders:
        made = list(senders.map(send, range(16)))
    assert all(each == a.get("at-once") for each in made) and made[0].version == 1


def test_a_refused_request_may_be_sent_again(a):
    with refused("NOT_FOUND"):
        a.ask("DeleteLabelSet", name="later", request_id="refused")
    a.make("later")
    a.ask("DeleteLabelSet", name="later", request_id="refused")


# Questions.


def test_a_kept_set_answers_as_its_labels_do(a):
    a.make("asked", templates=["a {}"])
    by_name, by_labels = (a.top("a cat", **asked) for asked in ({"label_set": "asked"}, {"labels": PETS | {"templates": ["a {}"]}}))
    assert by_name.results == by_labels.results
    assert [(each.name, each.version) for each in by_name.label_sets] == [("asked", 1)]


def test_a_change_is_asked_from_the_moment_it_is_answered(a):
    a.make("moving")
    for name in ("bird", "fish"):
        a.change("moving", labels=[{"name": name}])
        answer = a.top("an animal", label_set="moving")
        assert [score.label for score in answer.results[0].classification.scores] == [name]
    a.ask("DeleteLabelSet", name="moving")
    assert a.make("moving").version == 1
    assert {score.label for score in a.top("x", label_set="moving").results[0].classification.scores} == {"cat", "dog"}


def test_several_sets_answer_each_as_it_does_alone(a):
    a.make("kind")
    a.make("colour", labels=[{"name": "red"}, {"name": "green"}, {"name": "word " * 50}])
    contents = [{"text": "a red cat"}, {"image": ""}, {"text": "a green dog"}]
    together = a.ask("Classify", contents=contents, label_sets={"names": ["colour", "kind"]}, top_k=2)
    alone = [a.ask("Classify", contents=contents, label_set=name, top_k=2) for name in ("colour", "kind")]
    for index in (0, 2):
        assert not together.results[index].classification.scores
        each = [list(told.scores) for told in together.results[index].classification.by_label_set]
        assert each == [list(answer.results[index].classification.scores) for answer in alone]
    assert together.results[1].error == alone[0].results[1].error and together.results[1].error.code
    assert [list(told.truncated_labels) for told in together.label_sets] == [["word " * 50], []]


def test_a_set_asks_its_own_model_unless_the_call_names_one(a):
    models = EmbeddingServiceStub(a.channel).ListModels(embedding.ListModelsRequest(), metadata=[("authorization", f"Bearer {a.secret}")]).models
    a.make("modelled", model=models[1].name)
    assert a.top("x", label_set="modelled").report.model == models[1].name
    assert a.top("x", label_set="modelled", model="mini").report.model == "mini"
    a.change("modelled", model="unserved")
    with refused("NOT_FOUND", "unserved"):
        a.top("x", label_set="modelled")


def test_sets_of_several_models_are_asked_only_of_one_that_is_named_and_one_of_none_goes_with_any(a):
    for name, model in (("of-mini", "mini"), ("of-another", "another"), ("of-none", "")):
        a.make(name, model=model)
    with refused("INVALID_ARGUMENT", "name the model that all are to be asked of", "model"):
        a.top("x", label_sets={"names": ["of-none", "of-mini", "of-another"]})
    assert len(a.top("x", label_sets={"names": ["of-mini", "of-another"]}, model="mini").label_sets) == 2
    assert a.top("x", label_sets={"names": ["of-none", "of-mini"]}).report.model == "mini"


class Counting(Unobserved):
    """Counts what towers compute."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {"images": 0, "texts": 0}

    def computed(self, model: str, tower: str, waited: Any, seconds: float) -> None:
        self.rows[tower] += len(waited)


@dataclass(frozen=True)
class Counted:
    """Label sets, a classifier that keeps no text, what the model computed, and a content that needs no model."""

    sets: LabelSets
    classifier: Classifier
    rows: dict[str, int]
    vector: Vector

    async def asked(self, reference: str) -> tuple[int, Answer]:
        """How many texts a question took, and its answer."""
        before = self.rows["texts"]
        [answer] = await self.classifier.classify([self.vector], await self.sets.prepared("", reference))
        return self.rows["texts"] - before, answer


@pytest.fixture
def counted(engine, tmp_path) -> Iterator[Counted]:
    counting, store = Counting(), SqliteStore(tmp_path)
    mine = Engine(engine.registry, ImageLimits(), text_cache_bytes=0, observer=counting)
    model = engine.registry.get("").model
    yield Counted(LabelSets(store), Classifier(mine), counting.rows, Vector(np.eye(1, model.dimensions)[0], model.space))
    mine.close()
    store.close()


def labels(*names: str, templates: tuple[str, ...] = ("a {}",)) -> Labels:
    return Labels(tuple(map(Label, names)), templates=templates)


def test_several_sets_cost_one_embedding_of_each_content(counted, png):
    names = ("kind", "colour", "season")

    async def ask() -> list[Answer]:
        for name in names:
            await counted.sets.create("", LabelSet(name, labels(f"{name} a", f"{name} b")))
        return await counted.classifier.classify([Image(png), Image(png)], [await counted.sets.prepared("", name) for name in names])

    assert [tuple(answer.by_label_set) for answer in asyncio.run(ask())] == [names] * 2
    assert counted.rows == {"images": 2, "texts": 6}


def test_labels_are_embedded_once_for_each_version(counted):
    async def ask() -> list[int]:
        await counted.sets.create("", LabelSet("pets", labels("cat", "dog")))
        counts = [(await counted.asked("pets"))[0] for _ in range(2)]
        await counted.sets.update("", LabelSet("pets", labels("cow", "pig")), {"labels"})
        return counts + [(await counted.asked(reference))[0] for reference in ("pets", "pets", "pets@1")]

    assert asyncio.run(ask()) == [2, 0, 2, 0, 0]


def test_of_a_changed_set_only_what_changed_is_embedded(counted):
    long = "word " * 200
    versions = [labels("cat", "dog", long), labels("dog", "bird", long, "cat"), labels("cat", "bird"), labels("cat", templates=("the {}",))]

    async def ask() -> list[tuple[int, Answer]]:
        found = []
        for version in versions:
            await counted.sets.update("", LabelSet("pets", version), {"labels", "templates"}, allow_missing=True)
            found.append(await counted.asked("pets"))
        return found

    found = asyncio.run(ask())
    fresh = [asyncio.run(counted.classifier.classify([counted.vector], version))[0] for version in versions]
    assert [embedded for embedded, _ in found] == [3, 1, 0, 1]
    assert [answer.truncated_labels for _, answer in found] == [answer.truncated_labels for answer in fresh]
    for (_, answer), anew in zip(found, fresh, strict=True):
        wanted = [(score.label, pytest.approx(score.probability, abs=1e-4)) for score in anew.scores]
        assert [(score.label, score.probability) for score in answer.scores] == wanted


def test_a_caller_who_leaves_leaves_a_kept_set_s_labels_to_the_next(counted):
    async def ask() -> int:
        await counted.sets.create("", LabelSet("pets", labels(*(f"label {number}" for number in range(500)))))
        leaves = asyncio.create_task(counted.asked("pets"))
        while not counted.classifier._matrices._outliving:
            await asyncio.sleep(0)
        leaves.cancel()
        await counted.asked("pets")
        return counted.rows["texts"]

    assert asyncio.run(ask()) == 500


def test_ten_thousand_labels_are_made_changed_and_asked(counted):
    many = labels(*(f"label {number}" for number in range(10_000)), templates=("{}",))

    async def best(text: str) -> str:
        [answer] = await counted.classifier.classify([Text(text)], await counted.sets.prepared("", "many"), top_k=1)
        return answer.top

    async def ask() -> list[str]:
        made = await counted.sets.create("", LabelSet("many", many))
        first = await best("label 77")
        renamed = replace(many, labels=(Label("a mug"), *many.labels[1:]))
        changed = await counted.sets.update("", LabelSet("many", renamed, etag=made.etag), {"labels"})
        assert (changed.version, changed.label_count) == (2, 10_000)
        return [first, await best("a mug")]

    assert asyncio.run(ask()) == ["label 77", "a mug"]
    assert counted.rows["texts"] == 10_000 + 1 + 1 + 1


def test_one_label_too_many_is_refused(a):
    with refused("INVALID_ARGUMENT", field="label_set.labels"):
        a.make("too-many", labels=[{"name": str(number)} for number in range(10_001)])


# Ends.


def test_what_was_acknowledged_is_there_after_the_server_is_killed(tmp_path: Path):
    with process(tmp_path) as server, grpc.insecure_channel(address(server)) as channel:
        caller = Caller(channel)
        caller.make("pets")
        now = caller.change("pets", labels=[{"name": "bird"}])
        server.kill()
    with started(tmp_path) as at, grpc.insecure_channel(at) as channel:
        again = Caller(channel)
        assert again.get("pets") == now
        assert again.top("x", label_set="pets@1").label_sets[0].version == 1
        with pytest.raises(NotFound):
            again.get("pets@3")


def test_a_server_that_is_stopped_while_it_makes_a_set_ready_ends_without_a_word(tmp_path: Path):
    with process(tmp_path) as server:
        at = address(server)
        with samekind.connect(at) as sk, samekind.connect(at, timeout=0.5) as hasty:
            sk.label_set("many", labels=[f"label {number}" for number in range(10_000)])
            with pytest.raises(DeadlineExceeded):
                hasty.classify("x", label_set="many")
        server.terminate()
        assert (server.wait(), server.stderr.read()) == (0, "")
