"""Changes as they are published: nothing twice, nothing missing without a word."""

from __future__ import annotations

import doctest
from collections.abc import Iterator

import httpx
import pytest

from streams import sse
from streams.client import SegmenterError
from streams.client_answers import Change
from streams.sse import Seen, ServerSentEvent, events_in
from tests.streams.answering import PROBLEM, Api, ok, streamed, told, told_change


def first(changes: Iterator[Change], count: int) -> list[int]:
    return [next(changes).sequence for _ in range(count)]


def test_a_stream_gives_changes_and_leaves_out_the_rest() -> None:
    body = (
        b": hello\n\n"
        + told("overview", {"lag": 0})
        + told_change(1)
        + told("news", {})
        + told_change(2)
    )
    api = Api(streamed(body))
    changes = api.client().stream(types=["lifecycle.changed", "risk.changed"])
    assert first(changes, 2) == [1, 2]
    assert api.paths == ["/v1/stream?types=lifecycle.changed%2Crisk.changed"]
    assert "Last-Event-ID" not in api.asked[0].headers
    assert api.asked[0].headers["Accept"] == "text/event-stream"


def test_a_stream_that_breaks_off_goes_on_where_it_was_and_repeats_nothing() -> None:
    api = Api(
        streamed(told_change(1), told_change(2), told_change(3)[:40], breaks=True),
        httpx.ConnectError("refused"),
        ok(PROBLEM, 503),
        streamed(told_change(2), told_change(3)),
        streamed(told_change(3), told_change(4)),
    )
    assert first(api.client(tries=1).stream(last_event_id="c-0"), 4) == [1, 2, 3, 4]
    went_on = [each.headers["Last-Event-ID"] for each in api.asked]
    assert went_on == ["c-0", "c-2", "c-2", "c-2", "c-3"]
    assert api.slept == [0.1, 0.2, 0.4, 0.1]


def test_a_gap_is_told_to_whoever_asked_and_else_logged(caplog: pytest.LogCaptureFixture) -> None:
    gaps: list[str] = []
    body = told("gap", {}) + told_change(1)
    assert first(Api(streamed(body)).client().stream(on_gap=lambda: gaps.append("gap")), 1) == [1]
    assert (gaps, caplog.records) == (["gap"], [])
    assert first(Api(streamed(body)).client().stream(), 1) == [1]
    assert "changes are missing from the stream" in caplog.text


def test_a_stream_that_never_was_gives_up_after_so_many_tries() -> None:
    api = Api(httpx.ConnectError("refused"))
    with pytest.raises(SegmenterError, match="No answer: refused"):
        next(api.client(tries=3).stream())
    assert len(api.asked) == 3


def test_a_stream_that_is_refused_ends_at_once_even_later() -> None:
    api = Api(streamed(told_change(1)), ok(PROBLEM, 401))
    changes = api.client().stream()
    assert first(changes, 1) == [1]
    with pytest.raises(SegmenterError, match="401"):
        next(changes)


def test_who_stops_reading_a_stream_closes_it() -> None:
    closed: list[bool] = []

    class Body(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield told_change(1)

        def close(self) -> None:
            closed.append(True)

    changes = Api(httpx.Response(200, stream=Body())).client().stream()
    assert first(changes, 1) == [1]
    changes.close()
    assert closed == [True]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_events_are_the_same_however_the_bytes_are_cut(size: int) -> None:
    body = "event: a\r\nid: 1\r\ndata: 客\r\ndata:  \u2028x\r\n\r\n: c\n\nid: 2\n\ndata\n\ndata: cut".encode()
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    assert list(events_in(chunks)) == [
        ServerSentEvent("a", "1", "客\n \u2028x"),
        ServerSentEvent("message", "2", ""),
    ]


def test_only_the_newest_ids_are_remembered() -> None:
    seen = Seen(2)
    assert [seen.is_new(each) for each in ("a", "b", "b", "c", "a")] == [
        True,
        True,
        False,
        True,
        True,
    ]


def test_the_example_of_events_is_true() -> None:
    assert doctest.testmod(sse) == doctest.TestResults(0, 1)
