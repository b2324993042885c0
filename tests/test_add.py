"""`samekind add`: folders and tables become items."""

import json
import shutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import samekind
from samekind import item_files
from samekind.cli import app


@pytest.fixture
def add(server):
    def add(*arguments: object) -> tuple[int, dict[str, object]]:
        done = CliRunner().invoke(app, ["add", "added", *map(str, arguments), "--server", server, "--json"])
        return done.exit_code, json.loads(done.stdout) if done.stdout else done.stderr

    yield add
    with samekind.connect(server) as sk:
        sk.delete_catalog("added", missing_ok=True)


def test_a_folder_s_images_are_items_and_are_embedded_once(add, photos, tmp_path, server):
    (tmp_path / "deep").mkdir()
    shutil.copy(photos[0], tmp_path / "deep" / "china.jpg")
    shutil.copy(photos[1], tmp_path / "flower.jpg")
    (tmp_path / "bad.jpg").write_text("no image")
    code, told = add(tmp_path)
    assert (code, told["written"], told["created"], [(each["id"], each["reason"]) for each in told["failures"]]) == (
        1,
        2,
        2,
        [("bad.jpg", "BAD_IMAGE")],
    )
    (tmp_path / "bad.jpg").unlink()
    code, told = add(tmp_path)
    assert (code, told["written"], told["changed"]) == (0, 2, 0)
    with samekind.connect(server) as sk:
        assert [each.id for each in sk.catalog("added").list()] == ["deep/china.jpg", "flower.jpg"]


TABLES = {
    "items.csv": 'id,text,image,price,code,sold\n1,a temple,china.jpg,9.5,007,true\n2,"a mug, red",,,x,\n',
    "items.jsonl": '{"id": 1, "text": "a temple", "image": "china.jpg", "price": 9.5, "code": "007", "sold": true}\n\n'
    '{"id": "2", "text": "a mug, red", "code": "x", "price": null}\n',
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_s_rows_are_items_with_attributes(name, add, photos, tmp_path, server):
    shutil.copy(photos[0], tmp_path / "china.jpg")
    (tmp_path / name).write_text(TABLES[name])
    assert add("--from", tmp_path / name)[1]["written"] == 2
    with samekind.connect(server) as sk:
        [temple, mug] = sk.catalog("added").list()
    assert (temple.id, temple.kinds, temple.attributes) == ("1", ("image", "text"), {"price": 9.5, "code": "007", "sold": True})
    assert (mug.kinds, mug.attributes, mug.contents) == (("text",), {"code": "x"}, (samekind.Text("a mug, red"),))


def test_a_table_of_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"id": ["a"], "text": ["a mug"], "tags": [["x", "y"]], "none": [None]}), tmp_path / "items.parquet")
    assert list(item_files.read(tmp_path / "items.parquet")) == [samekind.Item("a", ["a mug"], {"tags": ["x", "y"]})]


def test_a_table_on_standard_input():
    code = "from samekind import item_files; print(*item_files.read(item_files.Path('-')))"
    ran = subprocess.run([sys.executable, "-c", code], input='{"id": "a", "text": "a mug"}\n', capture_output=True, text=True, check=True)
    assert ran.stdout == f"{samekind.Item('a', ['a mug'], {})}\n"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("items.csv", "id,text\n,a mug\n", "items.csv:2: has no id; give each row one, in a column named id"),
        ("items.csv", "id,text\na,b,c\n", "items.csv:2: has more cells than there are columns"),
        ("items.jsonl", "{}\n", "items.jsonl:1: has no id"),
        ("items.jsonl", "[]\n", "items.jsonl:1: is no object; each line is one"),
        ("items.jsonl", "{\n", "items.jsonl:1: is not JSON"),
        ("items.xls", "", "items.xls is no table known by its ending"),
    ],
)
def test_a_table_that_cannot_be_read_is_told_by_its_row(name, text, told, add, tmp_path):
    (tmp_path / name).write_text(text)
    code, error = add("--from", tmp_path / name)
    assert (code, told in error) == (2, True)


def test_nothing_to_add_is_wrong_usage_and_makes_no_catalog(add, tmp_path, server):
    assert add() == (2, "samekind: nothing to add; give images, folders, or a table with --from\n")
    assert add("nowhere") == (2, "samekind: no such file: nowhere\n")
    (tmp_path / "items.csv").write_text("id,text\na,a mug\n")
    assert add(tmp_path / "items.csv") == (2, f"samekind: {tmp_path}/items.csv is a table, not an image; give it as --from {tmp_path}/items.csv\n")
    code, told = add(tmp_path)
    assert (code, f"no images in {tmp_path}; looked for .bmp" in told) == (2, True)
    with samekind.connect(server) as sk:
        assert "added" not in [each.name for each in sk.catalogs()]


def test_long_texts_are_added_in_windows_and_found_by_a_passage(add, tmp_path, server):
    text = "This sentence is of no interest. " * 30 + "The ferry leaves at noon. " + "This sentence is of no interest. " * 30
    (tmp_path / "pages.jsonl").write_text(json.dumps({"id": "page", "text": text}))
    assert add("--from", tmp_path / "pages.jsonl", "--long-text", "windows")[1]["written"] == 1
    with samekind.connect(server) as sk:
        [hit] = sk.catalog("added").search("The ferry leaves at noon.").hits
    assert "ferry" in hit.passage.text


def test_catalogs_are_listed_with_their_size_and_deleted(add, photos, server):
    add(photos[0])
    catalogs = lambda *words: CliRunner().invoke(app, ["catalogs", *words, "--server", server])  # noqa: E731
    [told] = [each for each in json.loads(catalogs("list", "--json").stdout)["catalogs"] if each["name"] == "added"]
    assert (told["model"], told["items"], told["dimensions"], told["store_bytes"] > 0) == ("mini", 1, 256, True)
    assert "added" in catalogs("list").stdout
    assert catalogs("delete", "added").stdout == "deleted added\n"
    gone = catalogs("delete", "added")
    assert (gone.exit_code, "no catalog 'added'" in gone.stderr, catalogs("delete", "added", "--missing-ok").exit_code) == (1, True, 0)
