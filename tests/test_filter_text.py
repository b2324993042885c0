"""Conditions as text: what a text says, what of it is wrong and where, and that every condition can be written as one."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from samekind.errors import BadRequest
from samekind.filter_text import BadFilter, parse
from samekind.filters import Compare, Every, Exists, F, Filter, Not, OneOf, Operator, Some
from samekind.wire import filter_message, read_filter

NAMES = some.text(max_size=8) | some.sampled_from(["price", "price.eur", "In", "null", "a-b", "price in euro", "`", "größe"])
ZONES = some.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
SCALARS = (
    (some.none() | some.booleans() | some.integers(-(2**63), 2**63 - 1) | some.floats(allow_nan=False, allow_infinity=False))
    | some.text()
    | some.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES)
)
VALUES = SCALARS | some.lists(SCALARS | some.lists(SCALARS, max_size=2), max_size=2)
LEAVES = (
    some.builds(Compare, NAMES, some.sampled_from(Operator), VALUES)
    | some.builds(Exists, NAMES)
    | some.builds(OneOf, NAMES, some.lists(VALUES, max_size=3).map(tuple))
)
FILTERS = some.recursive(
    LEAVES,
    lambda inner: (
        some.builds(Not, inner)
        | some.builds(Every, some.lists(inner, max_size=3).map(tuple))
        | some.builds(Some, some.lists(inner, max_size=3).map(tuple))
    ),
    max_leaves=8,
)


def plain(filter: Filter) -> Filter:
    """Groups of one are what is in them: text has no other word for them."""
    match filter:
        case Every((inner,)) | Some((inner,)):
            return plain(inner)
        case Every(filters) | Some(filters):
            return type(filter)(tuple(map(plain, filters)))
        case Not(inner):
            return Not(plain(inner))
    return filter


@given(FILTERS)
@settings(max_examples=300, deadline=None)
def test_what_is_written_is_read_as_it_was(filter):
    assert parse(str(filter)) == plain(filter)


@given(FILTERS)
@settings(deadline=None)
def test_written_twice_it_is_the_same(filter):
    assert str(parse(str(filter))) == str(plain(filter))


@pytest.mark.parametrize(
    ("text", "filter"),
    [
        ("price < 30", F.price < 30),
        ("price <= 30 and price≥-1.5e1", (F.price <= 30) & (F.price >= -15.0)),
        ("a = 1 or a == 2 and a ≠ 3", (F.a == 1) | (F.a == 2) & (F.a != 3)),
        ("(a = 1 or a = 2) AND not a <> 3", ((F.a == 1) | (F.a == 2)) & ~(F.a != 3)),
        ('brand in ("acme", \'ajax\',) and not tags contains "wool"', F.brand.one_of("acme", "ajax") & ~F.tags.contains("wool")),
        ("brand not in ()", ~F.brand.one_of()),
        ("not (exists(sale) or sold is null)", ~(F.sale.exists() | F.sold.is_null())),
        ("sold is not null", F.sold.exists()),
        ("`price in euro` > 3 and `in` = true", (F["price in euro"] > 3) & (F["in"] == True)),  # noqa: E712
        ("größe.cm = [1, [null, false], []]", F["größe.cm"] == [1, [None, False], []]),
        ("since > 2026-01-31T10:00:00+02:00", F.since > datetime(2026, 1, 31, 8, tzinfo=UTC)),
        (r"""name = "a \"b\" \\ \u00e9 \ud83d\ude00" and name != 'it\'s' """, (F.name == 'a "b" \\ é 😀') & (F.name != "it's")),
        ("a = 9223372036854775807 or a = 9223372036854775808.0", (F.a == 2**63 - 1) | (F.a == 2.0**63)),
        ("true or false", Some((Every(()), Some(())))),
    ],
)
def test_a_text_says_a_condition(text, filter):
    assert parse(text) == filter


@pytest.mark.parametrize(
    ("text", "position", "told"),
    [
        ("", 0, "expected an attribute's name, and the filter ends"),
        ("price <", 7, 'expected a value, as 30, "wool", true or 2026-01-31T10:00:00Z, and the filter ends'),
        ("price < cheap", 8, "and here is cheap; a text stands in quotes"),
        ("10 < price", 0, "the attribute comes first, as in price > 10"),
        ("a = 1 b = 2", 6, "expected and, or or the end, and here is b"),
        ("a = 1 && b = 2", 6, "'&' means nothing here; join conditions with and"),
        ("in = 3", 0, "as a name write `in`"),
        ('a = "x', 4, 'the " here is never closed'),
        ('a = "x\\q"', 6, "\\q is no escape"),
        ("a = 9223372036854775808", 4, "a whole number is past 64 bits; give it a decimal point"),
        (f"a = {'9' * 5000}", 4, "a number is too large"),
        ("a = 1e999", 4, "a number is too large"),
        ("t < 2026-01-31", 4, "a moment without a time zone; end it with Z or +02:00"),
        ("t < 2026-13-01T00:00:00Z", 4, "no moment"),
        ("(a = 1", 6, "expected ), and the filter ends"),
        ("a not = 3", 6, "expected in or contains, and here is ="),
        ("a in (1 2)", 8, "expected ), and here is 2"),
        ("a is 3", 5, "expected null, and here is 3"),
    ],
)
def test_what_is_wrong_is_told_with_its_character(text, position, told):
    with pytest.raises(BadFilter) as wrong:
        parse(text)
    assert (wrong.value.position, told in wrong.value.what) == (position, True), wrong.value.what
    assert wrong.value.message == f"{wrong.value.what}, at character {position + 1} of the filter"


@given(some.text(alphabet="ab<=>!()[]`'\"\\,.0123456789-TZ: \n≤andotris", max_size=40))
@settings(deadline=None)
def test_any_text_is_a_condition_or_told_where_it_is_none(text):
    place = 0
    try:
        parse(text)
    except BadFilter as wrong:
        place = wrong.position
    assert 0 <= place <= len(text)


@pytest.mark.parametrize("text", ["(" * 10_000 + "a = 1" + ")" * 10_000, "not " * 10_000 + "a = 1", "a = " + "[" * 10_000])
def test_a_text_of_ten_thousand_brackets_is_told_so(text):
    with pytest.raises(BadFilter, match="more than 32 brackets and nots in each other; a filter is at most 16 conditions deep"):
        parse(text)


def test_a_condition_ten_thousand_deep_is_not_sent():
    deep = F.a == 1
    for _ in range(10_000):
        deep = ~deep
    with pytest.raises(BadRequest, match="16 deep; this one has 17"):
        filter_message(deep)


@given(FILTERS)
@settings(deadline=None)
def test_a_condition_goes_over_the_wire_as_it_is(filter):
    assert read_filter(filter_message(filter)) == filter
