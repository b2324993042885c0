"""`samekind labels` and its files: what people write is read as they meant it, and what is wrong is told by its line."""

import json

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import samekind
from samekind import label_changes, label_files
from samekind.cli import app
from samekind.label_schema import SCHEMA
from samekind.types import Label, Labels, LabelSet
from samekind.v1 import classification_service_pb2 as classification
from samekind.v1 import label_set_service_pb2 as pb
from samekind.v1.rules import validate_pb2
from tests.test_docs import blocks
from tests.test_label_sets import LABELS

PETS = """\
# What people write.
templates: [a {}, "the {}"]
labels:
  cat: a small animal with whiskers
  no:
  1984: [a year, a {} of the past]
  siamese:
    descriptions: a cream cat
    parent: cat
    metadata: {shelf: 3, price: 1.50, sold: true, none: , at: 12:30, when: {time: 2026-01-02T03:04:05Z}, tags: [x, on]}
"""
MISTAKES = """\
nam: pets
templates: ["a {}", b]
labels:
  cat: {desriptions: x}
  dog: [a, [b]]
  cat: x
  "": y
  siamese: {parent: lion, metadata: {price: 99999999999999999999}}
  ? [x]
  : y
"""


def parse(text: str) -> LabelSet:
    return label_files.parse(text.encode(), "pets.yaml", stem="pets").value


def mistakes(text: str | bytes) -> list[str]:
    with pytest.raises(ValueError, match="mistake") as raised:
        label_files.parse(text if isinstance(text, bytes) else text.encode(), "f", stem="f")
    return str(raised.value).splitlines()[1:]


# Files.


def test_a_file_is_read_as_it_was_meant():
    read = parse(PETS.replace('[a {}, "the {}"]', '["a {}", "the {}"]').replace("a {} of the past", '"a {} of the past"'))
    metadata = {"shelf": 3, "price": 1.5, "sold": True, "none": None, "at": "12:30", "tags": ["x", "on"]}
    moment = read.labels.labels[3].metadata["when"]
    assert str(moment) == "2026-01-02 03:04:05+00:00"
    cat, no = Label("cat", ("a small animal with whiskers",)), Label("no")
    year, siamese = Label("1984", ("a year", "a {} of the past")), Label("siamese", ("a cream cat",), "cat", metadata | {"when": moment})
    assert read == LabelSet("pets", Labels((cat, no, year, siamese), templates=("a {}", "the {}")))


@pytest.mark.parametrize("text", ["labels: [a, b]", '{"labels": ["a", "b"]}', "\ufefflabels:\n- a\n- b\n", '{\n\t"labels": {"a": null,\n\t"b": []}}'])
def test_yaml_and_json_say_the_same(text):
    assert parse(text) == LabelSet("pets", Labels((Label("a"), Label("b"))))


def test_json_s_two_escapes_are_one_letter():
    assert parse('{"labels": {"\\ud83d\\ude3a": "\\/"}}').labels.labels == (Label("😺", ("/",)),)


SETS = st.builds(Labels, st.lists(LABELS, min_size=1, max_size=4, unique_by=lambda label: label.name).map(tuple))


@given(SETS)
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read_again(labels):
    value = LabelSet("pets", labels, "mini")
    yaml, plain = label_files.dump(value), label_files.plain(value)
    assert parse(yaml) == parse(json.dumps(plain, indent="\t")) == value
    jsonschema.validate(plain, SCHEMA)


def test_mistakes_are_told_by_their_lines():
    assert mistakes(MISTAKES) == [
        "f:1: nam is not known; did you mean name?",
        "f:2: templates[1] is 'b', which is not of its form: a sentence with exactly one {}",
        "f:4: labels.cat.desriptions is not known; did you mean descriptions?",
        "f:5: labels.dog[1] is text, not a list",
        "f:6: labels.cat stands here again; it is on line 4 too",
        "f:7: the name '' is empty",
        "f:8: labels.siamese.metadata.price is a number past 64 bits: 99999999999999999999; in quotes it is text",
        "f:9: a name in labels is text, not a list",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "f:1: the file is empty"),
        ("[]", "f:1: the file is names with values, not a list"),
        ("name: pets", "f:1: the file has no labels"),
        ("labels: {}", "f:1: labels is empty; give at least 1"),
        ("labels: cat", "f:1: labels is names with values or a list, not text"),
        ("\nlabels: [a, b, a]", "f:2: labels has 'a' twice"),
        ("labels:\n  cat: a photo: of", "f:2: mapping values are not allowed in this context; text with ': '"),
        ("labels:\n  a: {parent: b}", "f:2: a has the parent 'b', which is no label here"),
        ("name: My Pets\nlabels: [a]", "f:1: name is 'My Pets', which is not of its form: The set's name"),
        ("labels: &all [*all]", "f:1: the file is nested too deeply, or repeats itself"),
        (b"labels:\n- \xff", "f:2: this is not UTF-8"),
        ('{"labels": [}', "f:1: "),
    ],
)
def test_a_mistake_is_told_with_the_way_out(text, told):
    [line] = mistakes(text)
    assert line.startswith(told)


def test_a_file_that_repeats_itself_by_aliases_is_not_written_out():
    doubled = "".join(f"x{n}: &x{n} [*x{n - 1}, *x{n - 1}]\n" for n in range(1, 40))
    assert "too often" in mistakes(f"x0: &x0 [a]\n{doubled}labels: [a]")[0]


GOOD = [{"labels": ["a"]}, {"labels": {"a": None, "b": "x", "c": ["x"]}, "templates": ["a {}"]}, {"labels": {"a": {"metadata": {"x": [1, None]}}}}]
BAD = [{}, {"labels": []}, {"labels": ["a", "a"]}, {"labels": ["a"], "x": 1}, {"labels": ["a"], "templates": ["{} {}"]}, {"labels": ["x" * 257]}]


@pytest.mark.parametrize("told", [*GOOD, *BAD, {"labels": {"a": {"parents": "a"}}}, {"labels": {"a": ["x"] * 65}}])
def test_the_schema_says_of_json_what_the_reader_says(told):
    valid = jsonschema.Draft202012Validator(SCHEMA).is_valid(told)
    assert valid == (told in GOOD)
    if valid:
        parse(json.dumps(told))
    else:
        assert mistakes(json.dumps(told))


def test_the_schema_has_the_caps_of_the_protos():
    def rules(message, field):
        return message.DESCRIPTOR.fields_by_name[field].GetOptions().Extensions[validate_pb2.field]

    labels = SCHEMA["properties"]["labels"]["anyOf"]
    said = labels[0]["additionalProperties"]["anyOf"]
    label, templates = classification.Label, SCHEMA["properties"]["templates"]["anyOf"][1]
    assert {labels[0]["maxProperties"], labels[1]["maxItems"]} == {rules(pb.LabelSet, "labels").repeated.max_items}
    assert labels[1]["items"]["maxLength"] == labels[0]["propertyNames"]["maxLength"] == rules(label, "name").string.max_len
    assert (said[2]["maxItems"], said[1]["maxLength"]) == (
        rules(label, "descriptions").repeated.max_items,
        rules(label, "descriptions").repeated.items.string.max_len,
    )
    assert said[3]["properties"]["metadata"]["maxProperties"] == rules(label, "metadata").map.max_pairs
    assert templates["maxItems"] == rules(pb.LabelSet, "templates").repeated.max_items
    assert SCHEMA["properties"]["model"]["maxLength"] == rules(pb.LabelSet, "model").string.max_len


def test_the_files_that_the_docs_show_are_files():
    shown = [block for page, _, block in blocks("yaml") if page == "cli.md" and "labels:" in block]
    assert [parse(block).name for block in shown] == ["pets"]


# Differences.


def test_what_differs_is_told_label_by_label():
    before = parse("labels: {cat: a cat, dog: , fish: }\ntemplates: plain")
    after = parse("labels: {bird: feathers, dog: [a dog, barks], cat: a cat}\nmodel: mini")
    found = label_changes.changes(before, after)
    assert list(label_changes.lines(found)) == [
        *("+ bird: feathers", "- fish", "~ dog", "  + a dog", "  + barks", "~ the order of the labels"),
        *("~ templates: plain → photo", "~ model: none → mini"),
    ]
    assert found.counts == "1 added, 1 removed, 1 changed, order, templates, model"
    assert not label_changes.changes(after, after)


# The command.


@pytest.fixture
def cli(server, tmp_path, monkeypatch):
    """Runs `samekind` against the server."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, given=""):
        return CliRunner(env={"SAMEKIND_SERVER": server}).invoke(app, list(arguments), input=given)

    return run


def test_a_file_is_put_shown_and_put_again_without_a_change(cli, server, tmp_path):
    (tmp_path / "put-pets.yaml").write_text("labels: {cat: a small animal with whiskers, dog: }\n")
    assert cli("labels", "put", "put-pets.yaml").stdout == "put-pets: version 1, 2 labels (2 added)\n"
    shown, as_json = cli("labels", "show", "put-pets"), cli("labels", "show", "put-pets@1", "--json")
    with samekind.connect(server) as sk:
        assert parse(shown.stdout).labels == sk.label_set("put-pets").value.labels
        assert json.loads(as_json.stdout)["etag"] == sk.label_set("put-pets").etag
    for text in (shown.stdout, as_json.stdout):
        assert cli("labels", "put", "-", given=text).stdout == "put-pets: version 1, 2 labels (no change)\n"


def test_put_tells_what_changes_and_with_dry_run_changes_nothing(cli):
    assert cli("labels", "put", "-", "--name", "dry", "--dry-run", given="labels: [a, b]").stdout == "dry: would be made, 2 labels (2 added)\n"
    cli("labels", "put", "-", "--name", "dry", given="labels: [a, b]")
    assert cli("labels", "put", "-", "--name", "dry", "--dry-run", given="labels: [b, c]").stdout.endswith(
        "would change, 2 labels (1 added, 1 removed)\n"
    )
    [told] = json.loads(cli("labels", "put", "-", "--name", "dry", "--json", given="labels: [b, c]").stdout)["label_sets"]
    assert (told["version"], told["changes"]["added"], told["changes"]["removed"]) == (2, 1, 1)
    refused = cli("labels", "put", "-", "--name", "dry", "--etag", "old", "--json", given="labels: [d]")
    assert (refused.exit_code, json.loads(refused.stdout)["error"]["reason"]) == (1, "ETAG_MISMATCH")


def test_what_a_file_gets_wrong_is_told_before_the_server_is_asked(cli, tmp_path):
    (tmp_path / "bad.yaml").write_text(MISTAKES)
    ran = cli("labels", "put", "bad.yaml", "--server", "localhost:1")
    assert (ran.exit_code, ran.stderr.splitlines()[0]) == (2, "samekind: bad.yaml has 8 mistakes; `samekind labels schema` tells its form")
    assert cli("labels", "put", "missing.yaml").stderr == "samekind: cannot read missing.yaml: No such file or directory\n"


def test_what_the_server_refuses_is_told_by_its_line(cli, tmp_path):
    (tmp_path / "circle.yaml").write_text("labels:\n  a:\n  b: {parent: c}\n  c: {parent: b}\n")
    ran = cli("labels", "put", "circle.yaml")
    assert (ran.exit_code, ran.stderr.partition(": labels are")[0]) == (1, "samekind: circle.yaml:3")


def test_sets_are_listed_and_deleted(cli):
    for name in ("listed-a", "listed-b"):
        cli("labels", "put", "-", "--name", name, given="labels: [a]")
    listed = [each["name"] for each in json.loads(cli("labels", "list", "--json").stdout)["label_sets"]]
    assert {"listed-a", "listed-b"} <= set(listed) and listed == sorted(listed)
    assert "listed-a" in cli("labels", "list").stdout
    assert cli("labels", "delete", "listed-a", "listed-b").stdout == "deleted listed-a\ndeleted listed-b\n"
    gone = cli("labels", "delete", "listed-a")
    assert gone.exit_code == 1 and gone.stderr.startswith("samekind: no label set 'listed-a'")
    assert cli("labels", "delete", "listed-a", "--missing-ok").exit_code == 0
    assert cli("labels", "show", "listed-a").exit_code == 1


def test_a_file_is_compared_to_its_set_and_versions_to_each_other(cli, tmp_path):
    (tmp_path / "compared.yaml").write_text("labels: [a, b]\n")
    for _ in range(2):
        cli("labels", "put", "compared.yaml")
    assert cli("labels", "diff", "compared.yaml", "--exit-code").stdout == "no change\n"
    (tmp_path / "compared.yaml").write_text("labels: {a: x, c: }\n")
    ran = cli("labels", "diff", "compared.yaml", "--exit-code")
    assert (ran.exit_code, ran.stdout) == (1, "+ c\n- b\n~ a\n  + x\n1 added, 1 removed, 1 changed\n")
    cli("labels", "put", "compared.yaml")
    told = json.loads(cli("labels", "diff", "compared@1", "compared", "--json").stdout)
    assert (told["added"], told["removed"], told["changed"]) == ({"c": None}, {"b": None}, {"a": {"before": None, "after": "x"}})
    assert cli("labels", "diff", "compared").exit_code == 2


def test_the_schema_is_printed(cli):
    assert json.loads(cli("labels", "schema").stdout) == SCHEMA


def test_kept_sets_are_asked_from_the_command_line(cli):
    cli("labels", "put", "-", "--name", "asked-kind", given="labels: [cat, dog]")
    cli("labels", "put", "-", "--name", "asked-colour", given="labels: [red, green]")
    one = json.loads(cli("classify", "--text", "a red cat", "--label-set", "asked-kind@1", "--json").stdout)
    assert (one["results"][0]["top"], one["label_sets"]) == ("cat", [{"name": "asked-kind@1", "version": 1}])
    both = ("classify", "--text", "a red cat", "--label-set", "asked-kind,asked-colour")
    told = json.loads(cli(*both, "--json").stdout)
    assert {name: each["top"] for name, each in told["results"][0]["by_label_set"].items()} == {"asked-kind": "cat", "asked-colour": "red"}
    assert cli(*both).stdout.splitlines()[0].split() == ["input", "asked-kind", "asked-colour"]
    assert cli(*both, "--labels", "a").exit_code == 2
