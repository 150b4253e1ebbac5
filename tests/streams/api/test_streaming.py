"""Changes as they are published: nothing is missed without a word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice

import httpx
import pytest
import redis

from streams.sse import ServerSentEvent, events_in
from tests.support.api_feed import Town
from tests.support.api_house import Api, House, got, nowhere, refused, settings, waited


@pytest.fixture
def town(valkey_url: str, namespace: str) -> Iterator[Town]:
    with redis.Redis.from_url(valkey_url) as client, Api(settings(namespace, valkey_url)) as api:
        yield Town(client, namespace, api)


def sequences(events: Iterator[ServerSentEvent], count: int) -> list[int]:
    found = []
    for each in islice(events, count):
        assert each.name == "change"
        found.append(json.loads(each.text)["sequence"])
    return found


# The newest.


def test_the_newest_changes_come_newest_first(ask: httpx.Client, house: House) -> None:
    items = got(ask.get("/v1/changes", params={"limit": 1_000}))["items"]
    published = [each for each in house.changes if each["type"] != "customer.erased"]
    cursors = [each.pop("cursor") for each in items]
    assert items == published[::-1][:1_000]
    assert cursors == sorted(cursors, key=lambda each: [*map(int, each.split("-"))], reverse=True)
    assert len(got(ask.get("/v1/changes"))["items"]) == 50


def test_from_the_cursor_of_a_change_the_stream_goes_on_behind_it(town: Town) -> None:
    town.tell(9)
    with town.api.asked() as client:
        fifth = got(client.get("/v1/changes", params={"limit": 5}))["items"][-1]
    assert fifth["sequence"] == 5
    with town.watching(after=fifth["cursor"]) as events:
        assert sequences(events, 4) == [6, 7, 8, 9]


# The stream.


def test_changes_are_told_as_they_are_published_and_none_from_before(town: Town) -> None:
    town.tell(3)
    with town.watching() as events:
        waited(lambda: town.open_streams == 1, "the stream")
        town.tell(2)
        assert sequences(events, 2) == [4, 5]
        town.tell()
        last = next(events)
    assert last.cursor == town.cursors()[-1]
    assert json.loads(last.text)["customer_id"] == "c"


def test_who_comes_back_misses_nothing_however_much_it_was(town: Town) -> None:
    town.tell(1_300)
    for place in (0, 1, 700, 1_299):
        with town.watching(after=town.cursors()[place]) as events:
            assert sequences(events, 1_299 - place) == list(range(place + 2, 1_301))


def test_who_comes_back_again_and_again_sees_each_change_once(town: Town) -> None:
    town.tell()
    seen, cursor = [1], town.cursors()[-1]
    for count in (1, 3, 2, 5):
        town.tell(count)
        with town.watching(after=cursor) as events:
            for each in islice(events, count):
                seen.append(json.loads(each.text)["sequence"])
                cursor = each.cursor
    assert seen == list(range(1, 13))


def test_what_has_gone_is_a_gap_that_is_told_first(town: Town) -> None:
    town.tell(10)
    cursors = town.cursors()
    town.client.xtrim(town.key, minid=cursors[6], approximate=False)
    with town.watching(after=cursors[2]) as events:
        assert next(events).name == "gap"
        assert sequences(events, 4) == [7, 8, 9, 10]
    with town.watching(after=cursors[6]) as events:
        assert sequences(events, 3) == [8, 9, 10]


def test_a_feed_that_was_lost_is_a_gap_and_what_is_told_from_then_on_is_not_missed(
    town: Town,
) -> None:
    town.tell(3)
    cursor = town.cursors()[-1]
    town.client.delete(town.key)
    with town.watching(after=cursor) as events:
        assert next(events).name == "gap"
        town.tell()
        assert sequences(events, 1) == [4]


def test_a_cursor_from_a_time_to_come_is_a_gap_and_not_an_endless_silence(town: Town) -> None:
    town.tell(3)
    with town.watching(after="9999999999999-0") as events:
        assert next(events).name == "gap"
        town.tell()
        assert sequences(events, 1) == [4]


def test_only_the_types_that_are_wanted_are_told(town: Town) -> None:
    town.tell(2)
    first = town.cursors()[0]
    with town.watching(after=first, types="risk.changed,lifecycle.changed") as events:
        assert sequences(events, 1) == [2]
    with town.watching(after=first, types="risk.changed", overviews=True) as events:
        assert [each.name for each in islice(events, 2)] == ["overview", "overview"]


def test_every_second_the_overview_is_told(town: Town) -> None:
    with town.watching(overviews=True) as events:
        told = [json.loads(each.text) for each in islice(events, 2)]
    with town.api.asked() as client:
        assert told == [got(client.get("/v1/overview"))] * 2


def test_who_is_erased_is_told_of_no_more(town: Town) -> None:
    town.tell(2, who="anna")
    first = town.cursors()[0]
    town.tell(1, who="bea")
    town.erase("anna")
    with town.watching(after=first) as events:
        assert next(events).name == "gap"
        assert json.loads(next(events).text)["customer_id"] == "bea"


def test_who_stops_watching_is_forgotten(town: Town) -> None:
    with town.watching(), town.watching():
        waited(lambda: town.open_streams == 2, "two streams")
    waited(lambda: town.open_streams == 0, "their end")


def test_streams_end_when_the_server_is_stopped(town: Town) -> None:
    with town.watching() as events, town.watching():
        waited(lambda: town.open_streams == 2, "two streams")
        assert town.api.stop() < 3
        assert list(events) == []


@pytest.mark.parametrize("cursor", ["x", "-", "12", "1-", "-1-2", "1" * 20 + "-0"])
def test_what_no_stream_has_given_is_no_cursor(ask: httpx.Client, cursor: str) -> None:
    answer = ask.get("/v1/stream", headers={"Last-Event-ID": cursor})
    assert refused(answer, 400).startswith("Last-Event-ID: ")


def test_a_type_that_there_is_not_is_refused_with_those_that_there_are(ask: httpx.Client) -> None:
    detail = refused(ask.get("/v1/stream?types=lifecycle.changed,weather.changed"), 400)
    assert detail.startswith(
        "types: 'weather.changed' is not one of attachment.changed, cluster.changed, "
    )
    assert "customer.erased" not in detail


def test_while_the_store_is_away_a_stream_says_so_and_ends(namespace: str) -> None:
    with (
        Api(settings(namespace, nowhere())) as api,
        api.asked() as client,
        client.stream("GET", "/v1/stream") as answer,
    ):
        events = list(events_in(answer.iter_bytes()))
    assert [each.name for each in events] == ["trouble"]
