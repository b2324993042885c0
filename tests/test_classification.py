import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from samekind.errors import BadRequest, TextTooLong
from samekind.types import Answer, Image, Label, Labels, LongText, ProbabilityKind, Text
from samekind_server.classification import head, templates
from samekind_server.classification.matrices import ENTRY, Matrices
from samekind_server.classification.prepared import prepare
from samekind_server.classification.zero_shot import Classifier
from samekind_server.embedding.engine import Engine

PETS = Labels((Label("cat"), Label("dog"), Label("hamster")))


def classify(engine: Engine, *contents: Any, labels: Labels = PETS, **more: Any) -> list[Answer]:
    return asyncio.run(Classifier(engine).classify(contents, labels, **more))


def test_the_template_sets_are_clip_s() -> None:
    assert {name: len(each) for name, each in templates.named().items()} == {"plain": 1, "photo": 7, "imagenet": 80}
    assert all(each.count("{}") == 1 for each in templates.named()["imagenet"])


def test_a_label_s_vector_is_what_open_clip_s_classifier_makes_of_it(engine: Engine) -> None:
    import open_clip
    import torch

    import samekind_server

    folder = f"local-dir:{Path(samekind_server.__file__).parent / 'models' / 'mini'}"
    model = open_clip.create_model(folder).eval()
    through = [lambda name, sentence=sentence: sentence.replace("{}", name) for sentence in templates.named()["photo"]]
    names, tokenizer = ["cat", "dog", "hamster"], open_clip.get_tokenizer(folder)
    theirs = open_clip.build_zero_shot_classifier(model, tokenizer, names, through, num_classes_per_batch=None)
    ours = asyncio.run(Matrices(engine).get(engine.registry.get(""), prepare(PETS), LongText.TRUNCATE))
    assert 1 - (ours.rows * theirs.T.numpy()).sum(axis=1).min() < 1e-6
    assert isinstance(theirs, torch.Tensor)


def test_names_go_through_templates_and_descriptions_stand_as_written() -> None:
    labels = Labels((Label("ripe", ("a yellow {}", "soft")), Label("raw")), templates=("one {}", "two {}"))
    made = head.sentences(labels)
    assert made.texts == ["one ripe", "two ripe", "a yellow ripe", "soft", "one raw", "two raw"]
    assert (made.names, made.descriptions) == ([range(2), range(4, 6)], [range(2, 4), range(6, 6)])


def test_the_means_of_names_and_descriptions_count_alike() -> None:
    made = head.Sentences(["n", "d", "d"], [range(1)], [range(1, 3)])
    rows = head.matrix(np.array([[1, 0], [0, 1], [0, 1]], np.float32), made)
    assert np.allclose(rows, [[0.5**0.5, 0.5**0.5]])


def test_a_label_s_own_name_is_found(engine: Engine) -> None:
    (answer,) = classify(engine, Text("a photo of a dog"))
    assert answer.top == "dog"
    assert answer.probability_kind is ProbabilityKind.SOFTMAX
    assert sum(score.probability for score in answer.scores) == pytest.approx(1, abs=1e-5)


def test_scores_come_best_first_and_only_as_many_and_as_probable_as_asked(engine: Engine) -> None:
    (everything,) = classify(engine, Text("a dog"))
    (best,) = classify(engine, Text("a dog"), top_k=1)
    (probable,) = classify(engine, Text("a dog"), min_probability=everything.scores[1].probability)
    assert best.scores == everything.scores[:1]
    assert probable.scores == everything.scores[:2]
    assert [score.probability for score in everything.scores] == sorted((score.probability for score in everything.scores), reverse=True)


def test_labels_that_do_not_exclude_each_other_are_each_held_against_the_background(engine: Engine) -> None:
    (alone,) = classify(engine, Text("a photo of a dog"), labels=Labels((Label("dog"),)), multi_label=True)
    (among,) = classify(engine, Text("a photo of a dog"), multi_label=True)
    assert among.probability_kind is ProbabilityKind.BACKGROUND
    assert next(score.probability for score in among.scores if score.label == "dog") == pytest.approx(alone.scores[0].probability, abs=1e-5)
    assert alone.scores[0].probability > 0.5


def test_a_bad_content_s_answer_bears_its_error_and_its_neighbours_are_served(engine: Engine, png: bytes) -> None:
    answers = classify(engine, Text("a dog"), Image(b"no image"), Image(png))
    assert [answer.error is None for answer in answers] == [True, False, True]
    assert [score.label for score in answers[0].scores] == [score.label for score in classify(engine, Text("a dog"))[0].scores]


def test_labels_asked_again_cost_no_model_call(engine: Engine) -> None:
    async def twice() -> list[Answer]:
        classifier = Classifier(engine)
        return [(await classifier.classify([Text("a dog")], labels))[0] for labels in (many, many, PETS)]

    many = Labels(tuple(Label(f"thing {number}") for number in range(300)))
    first, again, _ = asyncio.run(twice())
    assert again.scores == first.scores
    assert again.report.compute_ms < first.report.compute_ms / 10


def test_the_cache_drops_what_was_used_longest_ago(forgetful: Engine) -> None:
    async def fill() -> list[str]:
        encoder, matrices = forgetful.registry.get(""), Matrices(forgetful, capacity=2 * 256 * 4 + 2 * ENTRY)
        asked = [Labels((Label(name),), "plain") for name in ("a", "b", "a", "c", "c", "a", "b")]
        made = [await matrices.get(encoder, prepare(labels), LongText.TRUNCATE) for labels in asked]
        return [labels.labels[0].name for labels, matrix in zip(asked, made, strict=True) if matrix.report.compute_ms]

    assert asyncio.run(fill()) == ["a", "b", "c", "b"]


def test_a_matrix_larger_than_the_cache_is_answered_and_not_kept(forgetful: Engine) -> None:
    async def twice() -> list[float]:
        matrices = Matrices(forgetful, capacity=100)
        return [(await matrices.get(forgetful.registry.get(""), prepare(PETS), LongText.TRUNCATE)).report.compute_ms for _ in range(2)]

    assert all(asyncio.run(twice()))


def test_no_labels_at_all_are_refused(engine: Engine) -> None:
    with pytest.raises(BadRequest, match="there are no labels; give at least one"):
        classify(engine, Text("x"), labels=Labels(()))


def test_two_labels_of_one_name_are_named(engine: Engine) -> None:
    with pytest.raises(BadRequest, match="labels 0 and 2 are both named 'cat'; give each a name of its own"):
        classify(engine, Text("x"), labels=Labels((Label("cat"), Label("dog"), Label("cat"))))


def test_an_unknown_template_set_lists_those_there_are(engine: Engine) -> None:
    with pytest.raises(BadRequest, match="no template set 'fancy'; there are plain, photo, imagenet, or give templates of your own"):
        classify(engine, Text("x"), labels=Labels((Label("cat"),), "fancy"))


def test_a_long_description_is_cut_and_its_label_named_or_refused(engine: Engine) -> None:
    labels = Labels((Label("cat", ("fur " * 100,)), Label("dog")))
    (answer,) = classify(engine, Text("x"), labels=labels)
    assert answer.truncated_labels == ("cat",)
    with pytest.raises(TextTooLong, match="label 'cat', 'fur fur"):
        classify(engine, Text("x"), labels=labels, long_text=LongText.REJECT)


def test_a_sigmoid_model_s_probabilities_are_its_own() -> None:
    scores = np.array([[-30.0, 0.0, 30.0]])
    assert np.allclose(head._sigmoid(scores), [[0, 0.5, 1]], atol=1e-6)
