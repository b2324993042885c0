"""Checks that measuring measures right; how fast anything is, no test says."""

import io
import itertools
import json

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import average_precision_score

import samekind
from benchmarks import __main__ as bench
from benchmarks import generator, search, transports
from benchmarks.machine import machine, versions
from benchmarks.pictures import never_sent, photo
from benchmarks.quality import __main__ as quality
from benchmarks.quality import metrics, scores, tasks, tuning
from benchmarks.quality import search as quality_search
from benchmarks.rows import ROWS, Measured, Row
from benchmarks.timing import Ratio, Timings, interleaved
from samekind_server.settings import Settings


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def takes(self, seconds, done=None):
        """Something that takes so many seconds of this clock, and what it did."""

        def run():
            self.now += seconds
            if done is not None:
                done.append(seconds)

        return run


@pytest.fixture
def clock():
    return Clock()


def measure(clock, contenders, rounds, **limits):
    return interleaved(contenders, rounds, clock=clock, pause=clock.takes(100.0), **limits)


def test_contenders_take_turns_after_a_round_that_does_not_count(clock):
    done = []
    timings = measure(clock, {"a": clock.takes(1, done), "b": clock.takes(4, done)}, 3, seconds=10_000)
    assert done == [1, 4] * 4
    assert timings.seconds == {"a": (1, 1, 1), "b": (4, 4, 4)}


def test_a_ratio_says_how_many_times_faster_than_the_last_named(clock):
    timings = measure(clock, {"quick": clock.takes(2), "slow": clock.takes(8)}, 5)
    assert timings.ratio("quick") == Ratio(4.0, 4.0, 4.0)
    assert timings.ratio("slow") == Ratio(1.0, 1.0, 1.0)


def test_a_ratio_is_of_medians_and_its_spread_of_the_rounds(clock):
    timings = Timings({"a": (1.0, 1.0, 1.0, 100.0), "b": (2.0, 2.0, 4.0, 100.0)})
    assert timings.ratio("a").of_medians == 3.0
    assert timings.ratio("a").low == pytest.approx(np.percentile([2, 2, 4, 1], 10))
    assert timings.p90("a") == pytest.approx(np.percentile([1, 1, 1, 100], 90))


def test_measuring_ends_when_its_time_is_over_but_not_before_three_rounds(clock):
    assert len(measure(clock, {"a": clock.takes(1)}, 50, seconds=505).seconds["a"]) == 5
    assert len(measure(clock, {"a": clock.takes(1)}, 50, seconds=0).seconds["a"]) == 3


def test_a_row_is_told_in_json_with_every_number(clock):
    timings = Timings({"ours": (1.0, 2.0), "theirs": (4.0, 8.0)})
    told = json.loads(json.dumps(Measured(Row("r", "a row", lambda: None, 2, 8), timings).as_json()))
    assert told["against"] == "theirs" and told["items"] == 8 and told["skipped"] is None
    ours = {"median_s": 1.5, "p90_s": pytest.approx(1.9), "times_faster": {"of_medians": 4.0, "low": 4.0, "high": 4.0}, "seconds": [1.0, 2.0]}
    assert told["contenders"]["ours"] == ours


def test_a_row_that_cannot_be_measured_says_why():
    assert Measured(ROWS[0], None, "no memory").as_json()["skipped"] == "no memory"


def test_the_machine_and_the_versions_are_named():
    assert {"processor", "cores", "memory_gib", "load_average", "system"} == machine().keys()
    assert versions()["python"] and versions()["grpcio"] and versions()["torch"]


def test_a_picture_never_sent_before_is_another_file_of_the_same_pixels():
    first, second = itertools.islice(never_sent(photo()), 2)
    assert first != second
    assert np.array_equal(*(np.asarray(Image.open(io.BytesIO(data))) for data in (first, second)))


def test_measuring_the_tokenizers_writes_a_table_and_json(tmp_path, capsys):
    assert bench.main(["--rows", "tokenize", "--json", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text())
    assert found.keys() == {"machine", "versions", "rows"}
    assert [row["name"] for row in found["rows"]] == ["tokenize"]
    assert "times faster" in capsys.readouterr().out


def test_the_large_file_of_the_rows_over_http_is_as_large_as_is_taken():
    assert len(transports.large().image.data) == Settings.max_image_bytes


def test_a_row_that_is_not_there_is_wrong_usage(capsys):
    assert bench.main(["--rows", "nothing"]) == 2
    assert "vit-b-32" in capsys.readouterr().err


def test_the_interval_of_a_share_is_the_bootstraps():
    hits = np.arange(400) % 4 == 0
    low, high = metrics.interval(hits)
    spread = 1.96 * np.sqrt(0.25 * 0.75 / 400)
    assert (low, high) == pytest.approx((0.25 - spread, 0.25 + spread), abs=0.01)
    assert metrics.interval(np.ones(5, bool)) == (1.0, 1.0)


def test_the_calibration_error_is_the_weighted_gap_of_each_bin():
    probabilities, hits = np.array([0.9, 0.9, 0.9, 0.9, 0.1, 0.1]), np.array([1, 1, 1, 0, 0, 0], bool)
    assert metrics.calibration_error(probabilities, hits) == pytest.approx(4 / 6 * 0.15 + 2 / 6 * 0.1)
    assert metrics.calibration_error(np.array([1.0, 0.0]), np.array([True, False])) == 0


def test_a_probability_on_an_edge_is_of_the_bin_below():
    assert metrics.calibration_error(np.array([1 / 15, 1.01 / 15]), np.array([True, False])) == pytest.approx((14 / 15 + 1.01 / 15) / 2)


@pytest.mark.parametrize("kinds_of_score", [5, 10_000])
def test_average_precision_is_that_of_scikit_learn(kinds_of_score):
    chance = np.random.default_rng(0)
    for _ in range(20):
        values, truths = chance.integers(0, kinds_of_score, 60) / 7.0, chance.random(60) < 0.2
        truths[0] = True
        assert metrics.average_precision(values, truths) == pytest.approx(average_precision_score(truths, values))


def test_a_label_that_nothing_bears_has_no_average_precision():
    assert np.isnan(metrics.average_precision(np.ones(3), np.zeros(3, bool)))


def test_a_query_recalls_its_own_item_only_ahead_of_equals():
    similarities = np.array([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [1.0, 1.0, 1.0]])
    assert metrics.recalled(similarities, 1).tolist() == [True, False, False]
    assert metrics.recalled(similarities, 2).tolist() == [True, True, False]
    assert metrics.recalled(similarities, 3).tolist() == [True, True, True]


def test_a_sample_is_the_same_each_time_and_in_order():
    rows = [{"place": place} for place in range(100)]
    some = tasks.sample(rows, 10)
    assert some == tasks.sample(rows, 10) == sorted(some, key=lambda row: row["place"])
    assert tasks.sample(rows, 0) == rows


def test_products_are_of_the_test_split_and_no_two_alike():
    drawn = tasks.products(12)
    kinds = [(product.thing, product.colour, product.pattern) for product in drawn]
    assert len(set(kinds)) == 12 and set(kinds) <= set(samekind.shop.combinations("test"))


def test_a_classification_is_scored_through_a_server(server):
    photos = tasks.of_things(tasks.products(6))
    with samekind.connect(server) as sk:
        plain, photo = scores.classification(sk, photos)
    assert (plain.templates, photo.templates) == ("plain", "photo")
    assert plain.n == 6 and plain.chance == 1 / len(photos.classes)
    assert 0 <= plain.low <= plain.value <= plain.high <= plain.top_5 <= 1


def test_absent_photographs_are_said_to_be_absent(server, tmp_path, capsys):
    json_file = tmp_path / "found.json"
    assert quality.main(["--server", server, "--data", str(tmp_path), "--limit", "6", "--json", str(json_file)]) == 0
    assert capsys.readouterr().out.count("not measured") == len(tasks.KEPT)
    found = json.loads(json_file.read_text())
    assert found["absent"] == [kept.name for kept in tasks.KEPT]
    names = {score["data"] for score in found["scores"]}
    assert {name for name in names if ":" in name} >= {f"drawn shop: {what}" for what in ("things", "title to picture", "colours and patterns")}
    assert {"drawn shop, mixed: titles", "drawn shop, cut: things in pictures"} <= names
    assert {score["value"] for score in found["scores"] if score["measure"] == "one kind: same to the last bit"} == {1.0}


def test_what_the_cut_is_chosen_by_is_not_what_it_is_measured_on(tmp_path):
    chosen_by, measured_on = ([*each(tmp_path, 6)] for each in (tuning.trained_on, quality_search.kept_apart))
    assert len(chosen_by) == len(measured_on) == 5
    assert [{*one.contents} & {*other.contents} for one, other in zip(chosen_by, measured_on, strict=True)] == [set()] * 5


def test_the_cut_is_measured_in_drawn_catalogs(server, tmp_path):
    with samekind.connect(server) as sk:
        found = [*tuning.in_catalogs(sk, [*tuning.trained_on(tmp_path, 60)], 5)]
    assert {score.measure for score in found} >= {quality_search.KEPT, quality_search.ABSENT}
    assert all(0 <= score.value <= 1 and score.n for score in found)


def test_a_generator_tells_what_came_of_its_calls(server, capsys):
    assert generator.main([server, "--kind", "text", "--rate", "50", "--seconds", "0.2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["calls"], found["p50_ms"] > 0 < found["per_second"], found["refused_p50_ms"]) == ({"OK": 10}, True, None)
    assert found["cpu"] > 0 <= found["late_s"]


def test_searches_of_every_row_are_timed_and_their_recall_is_told():
    found = search.measured(300, 0.05)
    assert set(found["rows"]) == {*search.ROWS, search.BEFORE, search.MEANWHILE}
    assert found["recall"]["samekind"] == 1.0
