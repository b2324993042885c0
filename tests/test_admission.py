"""What is let in, what is refused, and what either is counted by."""

import io
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from samekind.errors import Overloaded
from samekind.types import Image, Text
from samekind_server.embedding.admission import LEAST_PIXELS, Admission, Load
from samekind_server.embedding.askers import Asker, Lane
from samekind_server.embedding.observer import Shed
from samekind_server.embedding.room import FEWEST, WINDOW, Room
from samekind_server.embedding.sizes import declared_pixels
from tests.towers import Seen

ALICE, BOB, BULK = Asker("alice"), Asker("bob"), Asker("alice", Lane.BULK)


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def paced(clock: Clock, room: Room, per_second: int) -> Room:
    """The room, after it was used at that pace."""
    with room.lent(ALICE, per_second) as loan:
        clock.now += 1.0
        for _ in range(FEWEST):
            loan.give_back(1 / FEWEST)
    return room


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WebP"])
@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from(["RGB", "L"]))
def test_a_file_declares_the_pixels_that_it_has(kind, width, height, mode):
    file = io.BytesIO()
    Pillow.new(mode, (width, height)).save(file, kind)
    assert declared_pixels(file.getvalue()) == width * height


@pytest.mark.parametrize("options", [{"lossless": True}, {"exif": b"Exif\0\0"}])
def test_every_kind_of_webp_declares_its_pixels(options):
    file = io.BytesIO()
    Pillow.new("RGB", (30, 40)).save(file, "WebP", **options)
    assert declared_pixels(file.getvalue()) == 1200


@given(st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"RIFF0000WEBP"]), st.binary(max_size=60))
def test_no_bytes_are_too_odd_to_be_looked_at(start, rest):
    assert declared_pixels(start + rest) >= 0


def test_a_caller_alone_gets_half_of_the_room_and_leaves_half_to_the_next():
    room = Room(1000)
    with room.lent(ALICE, 250), room.lent(ALICE, 250):
        assert room.lacking(ALICE, 1) > 0 == room.lacking(BOB, 250)


def test_among_many_callers_each_gets_as_much_as_is_left_free():
    room = Room(1200)
    with room.lent(ALICE, 300), room.lent(BOB, 300):
        assert [room.lacking(Asker("carol"), 300), room.lacking(Asker("carol"), 200), room.lacking(ALICE, 200)] == [0, 0, 0]
    with room.lent(ALICE, 300), room.lent(ALICE, 200), room.lent(BOB, 300):
        assert room.lacking(ALICE, 1) > 0 == room.lacking(Asker("carol"), 100)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 2000)), max_size=60))
def test_the_room_never_holds_more_than_it_has_and_ends_empty(wants):
    room, loans = Room(1000), []
    for name, some in wants:
        if not room.lacking(Asker(name), some):
            loans.append(lent := room.lent(Asker(name), some))
            lent.__enter__()
        assert room.held <= 1000
    for lent in loans:
        lent.__exit__(None, None, None)
    assert room.held == 0 == room.lacking(ALICE, 250)


def test_a_request_larger_than_the_room_gets_in_where_there_is_little_else():
    room = Room(1000)
    with room.lent(ALICE, 5000):
        assert room.held == 250
        assert room.lacking(ALICE, 5000) == 0


def test_a_loan_is_given_back_in_parts_and_at_the_latest_at_the_end():
    room = Room(1000)
    with room.lent(ALICE, 100) as loan:
        loan.give_back(0.3)
        assert room.held == 70
    assert room.held == 0


def test_the_pace_is_what_came_back_while_something_was_held():
    clock = Clock()
    room = paced(clock, Room(10_000, clock=clock), 2000)
    clock.now += 100
    assert (room.seconds(500), Room(10).seconds(5)) == (0.25, None)


def test_what_came_back_in_a_moment_says_nothing_of_the_pace():
    clock = Clock()
    room = Room(10_000, clock=clock)
    with room.lent(ALICE, 100):
        clock.now += WINDOW / 2
    assert room.seconds(1) is None


def test_the_pace_is_known_of_calls_one_by_one_too():
    clock = Clock()
    room = Room(10_000, clock=clock)
    for _ in range(FEWEST):
        clock.now += 100
        with room.lent(ALICE, 100):
            clock.now += WINDOW / 4
    assert room.seconds(100) == WINDOW / 4


def test_few_calls_say_nothing_of_the_pace_however_long_they_took():
    clock = Clock()
    room = Room(10_000, clock=clock)
    for _ in range(FEWEST - 1):
        with room.lent(ALICE, 100):
            clock.now += 10 * WINDOW
    assert room.seconds(100) is None


def test_who_held_nothing_says_nothing_of_the_pace():
    clock = Clock()
    room = paced(clock, Room(10_000, clock=clock), 2000)
    for _ in range(10):
        with room.lent(ALICE, 0):
            clock.now += WINDOW
    assert room.seconds(500) == 0.25


def test_interactive_work_waits_for_no_bulk():
    clock = Clock()
    room = paced(clock, Room(10_000, clock=clock), 1000)
    with room.lent(BULK, 2000), room.lent(BOB, 500):
        assert (room.wait(Lane.INTERACTIVE), room.wait(Lane.BULK)) == (0.5, 2.5)


def admission(**bounds) -> tuple[Admission, Seen]:
    seen = Seen()
    return Admission(observer=seen, **bounds), seen


def test_too_many_bytes_are_refused_with_a_time_to_come_back():
    admits, seen = admission(max_bytes=100)
    with admits.admitted([Text("x" * 25), Text("x" * 25)], ALICE), admits.admitted([Text("x" * 25)], ALICE):
        with pytest.raises(Overloaded, match=r"50 bytes are under way, as many as are taken; ask again in 1\.\d seconds") as refused:
            admits.check(ALICE, Load(bytes=10))
        admits.check(BOB, Load(bytes=10))
    assert refused.value.retry_after and 1 <= refused.value.retry_after <= 1.5
    assert (seen.counts, admits.held) == ({Shed.BYTES: 1}, Load(0, 0))


def test_declared_pixels_are_refused_before_they_are_decoded():
    file = io.BytesIO()
    Pillow.new("1", (3000, 1000)).save(file, "PNG")
    admits, seen = admission(max_pixels=12_000_000)
    with admits.admitted([Image(file.getvalue())], ALICE), admits.admitted([Image(file.getvalue())], ALICE), pytest.raises(Overloaded):
        admits.check(ALICE)
    assert seen.counts == {Shed.PIXELS: 1}


def test_a_text_and_a_thumbnail_count_as_what_a_model_looks_at(png):
    admits, _ = admission()
    with admits.admitted([Text("a mug"), Image(png)], ALICE):
        assert admits.held == Load(5 + len(png), LEAST_PIXELS + 256 * 256)


@pytest.mark.parametrize(("max_wait", "left"), [(1.0, math.inf), (60.0, 1.0)])
def test_work_that_would_wait_too_long_is_refused_at_once(max_wait, left):
    clock = Clock()
    admits, seen = admission(max_wait=max_wait, clock=clock)
    for _ in range(FEWEST):
        with admits.admitted([Text("x")], ALICE):
            clock.now += 1.0
    waiting = [admits.admitted([Text("x")], ALICE) for _ in range(2)]
    for one in waiting:
        one.__enter__()
    with pytest.raises(Overloaded, match=r"2\.0 seconds of work wait already, more than the 1\.0 that may") as refused:
        admits.check(Asker("bob", deadline=time.monotonic() + left))
    assert refused.value.retry_after and 1 <= refused.value.retry_after <= 1.51
    assert seen.counts == {Shed.WAIT: 1}


def test_nobody_is_refused_for_waiting_where_nothing_waits():
    admits, _ = admission(max_wait=0.0)
    admits.check(Asker(deadline=time.monotonic() - 1))
