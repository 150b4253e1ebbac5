"""What counts as stuck, and what does not: looks at a store, and the broker's word now and then."""

from __future__ import annotations

import doctest

import streams.watchdog
from streams.store import Meta
from streams.watchdog import ASK_EVERY_S, LONGEST_GAP_S, STUCK_AFTER_S, Place, Watchdog

HERE, THERE, ELSEWHERE = (("customer-events.v1", partition) for partition in range(3))
STOOD = Meta(offset=7, nonce=b"a")


def look(dog: Watchdog, seconds: int, since_s: float = 0.0, place: Place = HERE) -> None:
    for second in range(seconds + 1):
        dog.look(place, STOOD, since_s + second)


def tell(dog: Watchdog, *, unread: bool) -> float | None:
    return dog.tell(HERE, unread=unread, stuck_after_s=STUCK_AFTER_S)


def test_the_broker_is_asked_only_about_what_has_stood_still_for_a_while() -> None:
    dog = Watchdog()
    look(dog, int(ASK_EVERY_S) - 1)
    assert dog.to_ask_about() == {}
    look(dog, 1, ASK_EVERY_S - 1)
    assert dog.to_ask_about() == {HERE: 7}
    tell(dog, unread=False)
    assert dog.to_ask_about() == {}


def test_all_that_stands_still_is_asked_about_at_once() -> None:
    dog = Watchdog()
    look(dog, int(ASK_EVERY_S))
    look(dog, 1, ASK_EVERY_S - 1, THERE)
    dog.look(ELSEWHERE, Meta(1), 0.0)
    dog.look(ELSEWHERE, Meta(2), 10.0)
    assert dog.to_ask_about() == {HERE: 7, THERE: 7}


def test_a_minute_of_unread_records_is_counted_from_when_the_broker_first_said_so() -> None:
    dog = Watchdog()
    look(dog, 3_000)  # idle
    assert tell(dog, unread=True) is None
    look(dog, 59, 3_000)
    assert tell(dog, unread=True) is None
    look(dog, 1, 3_059)
    assert tell(dog, unread=True) == 3_060


def test_records_that_were_read_meanwhile_are_forgotten() -> None:
    dog = Watchdog()
    look(dog, 30)
    tell(dog, unread=True)
    look(dog, 59, 30)
    tell(dog, unread=False)
    look(dog, 59, 89)
    assert tell(dog, unread=True) is None


def test_a_new_nonce_at_the_same_offset_is_progress() -> None:
    dog = Watchdog()
    look(dog, 30)
    tell(dog, unread=True)
    dog.look(HERE, STOOD._replace(nonce=b"b"), 31)
    dog.look(HERE, STOOD._replace(nonce=b"b"), 200)
    assert tell(dog, unread=True) is None


def test_what_is_waited_for_begins_the_time_anew() -> None:
    dog = Watchdog()
    look(dog, 59)
    tell(dog, unread=True)
    dog.excuse(HERE)
    assert tell(dog, unread=True) is None
    look(dog, 59, 59)
    assert tell(dog, unread=True) is None


def test_a_place_that_is_somebody_elses_now_is_not_watched() -> None:
    dog = Watchdog()
    look(dog, 59)
    look(dog, 59, place=THERE)
    dog.keep([THERE])
    assert dog.to_ask_about() == {THERE: 7}


def test_time_in_which_nobody_looked_does_not_count_beyond_a_gap() -> None:
    dog = Watchdog()
    look(dog, 10)
    tell(dog, unread=True)
    dog.look(HERE, STOOD, 7_210)  # frozen for two hours
    assert tell(dog, unread=True) is None
    look(dog, int(STUCK_AFTER_S - LONGEST_GAP_S), 7_210)
    assert tell(dog, unread=True) == 10 + STUCK_AFTER_S


def test_the_examples_in_the_words_of_the_module_hold() -> None:
    assert doctest.testmod(streams.watchdog).failed == 0
    assert doctest.testmod(streams.watchdog).attempted == 3
