"""Conditions on attributes: what they mean, that the columns agree with it, and that none goes lost unseen."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from samekind.errors import BadRequest
from samekind.filters import Compare, Every, Exists, F, Not, OneOf, Operator, Some
from samekind_server.catalog import attributes
from samekind_server.catalog.columns import Columns
from samekind_server.catalog.filters import check, matches

TIME = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = some.sampled_from(["a", "b", "c"])
NUMBERS = some.sampled_from([-1, 0, 1, 1.0, 0.5, 2**53, 2**53 + 1, float(2**53), 2**63 - 1, -(2**63), 1e300])
SCALARS = some.none() | some.booleans() | NUMBERS | some.sampled_from(["", "x", "xy", "z\0"]) | some.sampled_from([TIME, TIME + timedelta.resolution])
VALUES = SCALARS | some.lists(SCALARS, max_size=2)
LEAVES = (
    some.builds(Compare, NAMES, some.sampled_from(Operator), VALUES)
    | some.builds(Exists, NAMES)
    | some.builds(OneOf, NAMES, some.lists(VALUES, max_size=3).map(tuple))
)
FILTERS = some.recursive(
    LEAVES,
    lambda inner: some.builds(Not, inner) | some.builds(Every, some.tuples(inner, inner)) | some.builds(Some, some.tuples(inner, inner)),
    max_leaves=6,
)
HELD = some.dictionaries(NAMES, VALUES)


@given(FILTERS, some.lists(HELD, max_size=8), some.sets(some.integers(0, 7)), some.dictionaries(some.integers(0, 7), HELD, max_size=3))
@settings(max_examples=300, deadline=None)
def test_the_columns_find_what_matches_one_by_one(filter, items, removed, changed):
    columns = Columns()
    for row, held in enumerate(items):
        columns.put(row, held)
    columns.remove(removed)
    live = {row: held for row, held in enumerate(items) if row not in removed}
    for row in changed.keys() & live.keys():
        columns.put(row, changed[row])
        live[row] = changed[row]
    assert sorted(columns.matching(filter).tolist()) == [row for row, held in live.items() if matches(filter, held)]
    assert (len(columns), sorted(columns.rows.tolist())) == (len(live), [*live])


def test_columns_grow_and_give_back_their_room():
    columns = Columns()
    for row in range(10_000):
        columns.put(row, {"name": f"item {row}", "even": row % 2 == 0, "tags": [row]})
    full = columns.nbytes
    columns.remove(range(0, 9_900))
    assert columns.nbytes < full / 50
    assert sorted(columns.matching((F.even == True) & F.name.contains("99")).tolist()) == [*range(9_900, 10_000, 2)]  # noqa: E712
    assert columns.matching(F.tags.contains(9_999)).tolist() == [9_999]


@given(HELD)
def test_attributes_come_back_as_they_were(held):
    back = attributes.load(attributes.dump(held))
    assert back == held
    assert [type(value) for value in back.values()] == [type(held[name]) for name in back]


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ({"a": [[[[[1]]]]]}, "the attribute 'a' is 5 lists deep, and 4 may be; flatten it"),
        ({str(number): 1 for number in range(257)}, "an item has 257 attributes, and 256 may be; leave some out"),
        ({"a": "x" * 70_000}, "the attributes take 70,008 bytes, and 65,536 may be; shorten them, or keep them elsewhere"),
    ],
)
def test_attributes_too_many_too_deep_or_too_large_are_refused(held, told):
    with pytest.raises(BadRequest) as refused:
        attributes.dump(held)
    assert refused.value.message == told


@pytest.mark.parametrize(
    ("filter", "held", "matched"),
    [
        (F.price < 20, {"price": 19.5}, True),
        (F.price < 20, {"price": "cheap"}, False),
        (F.price < 20, {}, False),
        (F.price != 20, {}, True),
        (F.price != None, {"price": 1}, True),  # noqa: E711
        (F.price == None, {"price": None}, False),  # noqa: E711
        (F.on == 1, {"on": True}, False),
        (F.size == 2, {"size": 2.0}, True),
        (F.tags.contains("red"), {"tags": ["red", "wool"]}, True),
        (F.name.contains("scarf"), {"name": "red scarf"}, True),
        (F["made in"].one_of("FR", "IT") & F.price.exists() | ~(F.a == 1), {"a": 1, "made in": "IT", "price": 1}, True),
    ],
)
def test_a_condition_means_what_it_says(filter, held, matched):
    assert matches(filter, held) is matched


def test_conditions_that_python_would_drop_are_refused():
    for dropped in (lambda: 1 < F.price < 3, lambda: (F.a == 1) and (F.b == 2), lambda: not F.a, lambda: F.a == F.b):
        with pytest.raises(TypeError):
            dropped()


def test_a_filter_too_deep_or_too_wide_is_refused():
    deep = F.a == 1
    for _ in range(15):
        deep = ~deep
    check(deep)
    for filter in (~deep, Every((F.a == 1,) * 256)):
        with pytest.raises(BadRequest, match="at most 256 conditions, 16 deep"):
            check(filter)
