"""Label sets through the clients: made by one call, changed with care, asked by name; blocking and awaited alike."""

import asyncio
import inspect
from collections.abc import Iterator

import pytest

import samekind
from samekind import AsyncLabelSetHandle, Label, Labels, LabelSetHandle
from samekind.errors import EtagMismatch, NotFound

PETS = {"cat": "a small animal with whiskers", "dog": []}


@pytest.fixture
def sk(server) -> Iterator[samekind.Client]:
    with samekind.connect(server) as sk:
        yield sk


def test_one_call_makes_a_set_leaves_it_alone_or_changes_it(sk):
    made = sk.label_set("handled", labels=PETS)
    assert (made.version, made.labels) == (1, (Label("cat", ("a small animal with whiskers",)), Label("dog")))
    same, opened = sk.label_set("handled", labels=PETS), sk.label_set("handled")
    assert made.value == same.value == opened.value
    changed = sk.label_set("handled", labels=Labels((Label("bird"),), templates=("a {}",)), model="mini")
    assert (changed.version, changed.templates, changed.model) == (2, ("a {}",), "mini")
    assert repr(changed) == "<label set 'handled', version 2, 1 labels>"


def test_a_handle_asks_the_set_as_it_is_now_or_one_of_its_versions(sk):
    pets, first = sk.label_set("asked-by-handle", labels=PETS), sk.label_set("asked-by-handle@1")
    sk.label_set("asked-by-handle", labels=["bird", "fish"])
    assert [pets.classify("a cat").version, first.classify("a cat").version] == [2, 1]
    several = first.classify(["a cat", b"no image"], top_k=1)
    assert [(len(answer.scores), answer.error is None) for answer in several] == [(1, True), (0, False)]
    with pytest.raises(NotFound):
        sk.label_set("asked-by-handle@3")


def test_several_sets_are_asked_at_once(sk):
    sk.label_set("asked-animal", labels=PETS)
    sk.label_set("asked-colour", labels=["red", "black"])
    answers = sk.classify(["a red cat", b"no image"], label_sets=["asked-animal", "asked-colour"])
    assert {name: each.top for name, each in answers[0].by_label_set.items()} == {"asked-animal": "cat", "asked-colour": "red"}
    assert answers[1].error and not answers[1].by_label_set
    with pytest.raises(ValueError, match="answers several label sets"):
        _ = answers[0].top


def test_an_update_changes_what_is_given_and_only_what_was_seen(sk):
    mine, theirs = sk.label_set("updated", labels=PETS, model="mini"), sk.label_set("updated")
    mine.update(templates="plain")
    assert (mine.version, mine.templates, mine.model, len(mine.labels)) == (2, "plain", "mini", 2)
    for change in (lambda: theirs.update(labels=["x"]), theirs.delete):
        with pytest.raises(EtagMismatch, match="at version 2; read it again"):
            change()
    theirs.refresh()
    theirs.update(labels=["x"], model="")
    assert (theirs.version, theirs.templates, theirs.model, theirs.labels) == (3, "plain", "", (Label("x"),))
    with pytest.raises(EtagMismatch):
        sk.label_set("updated", labels=["y"], etag=mine.etag)


def test_a_deleted_set_is_listed_no_more(sk):
    pets = sk.label_set("deleted", labels=PETS)
    assert ("deleted", 2, ()) in [(each.name, each.label_count, each.labels.labels) for each in sk.label_sets()]
    pets.delete()
    assert "deleted" not in [each.name for each in sk.label_sets()]
    with pytest.raises(NotFound):
        pets.delete()
    sk.delete_label_set("deleted", missing_ok=True)


@pytest.mark.parametrize("wrong", [{}, {"labels": ["a"], "label_set": "pets"}, {"label_set": "a", "label_sets": ["b"]}, {"label_sets": "pets"}])
def test_a_question_names_labels_in_one_way(sk, wrong):
    with pytest.raises(TypeError, match=r"give one of labels, label_set and label_sets|list of names"):
        sk.classify("a cat", **wrong)


def test_an_update_of_nothing_or_of_templates_twice_is_refused(sk):
    pets = sk.label_set("refused", labels=PETS)
    for wrong in ({}, {"labels": Labels((Label("a"),)), "templates": "plain"}):
        with pytest.raises(TypeError, match=r"nothing to change|bring their own templates"):
            pets.update(**wrong)


def test_the_async_client_does_the_same(server):
    async def use() -> list[object]:
        async with samekind.aconnect(server) as sk:
            pets = await sk.label_set("awaited", labels=PETS)
            top = (await pets.classify("a cat")).top
            await pets.update(labels=["bird"])
            other = await sk.label_set("awaited@1")
            with pytest.raises(EtagMismatch):
                await other.update(labels=["fish"])
            await other.refresh()
            names = [each.name for each in await sk.label_sets()]
            by_name = await sk.classify(["a bird"], label_set="awaited")
            await pets.delete()
            await sk.delete_label_set("awaited", missing_ok=True)
            return [top, pets.version, other.version, "awaited" in names, by_name[0].top]

    assert asyncio.run(use()) == ["cat", 2, 1, True, "bird"]


def test_both_handles_have_the_same_methods_and_tell_what_they_take():
    kinds = (LabelSetHandle, AsyncLabelSetHandle)
    blocking, awaited = ({name: inspect.signature(each) for name, each in vars(kind).items() if name[0] != "_"} for kind in kinds)
    assert blocking == awaited
    assert list(blocking["update"].parameters) == ["self", "labels", "templates", "model"]
