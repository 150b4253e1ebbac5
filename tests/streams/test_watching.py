"""`segmenter watch` and `segmenter run api` at a terminal: what they show, and what they refuse."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from rich.console import Console

from streams.feed import Told
from streams.loop import Loop, replay
from streams.redis_store import RedisStore, connect
from streams.sources import SourceRecord
from streams.watching import changes_table, segments_table, status_line
from tests.streams.logbook import DAY_MS, POLICY, START_MS, rfc3339
from tests.support.terminal import NOWHERE, Terminal

OVERVIEW = {
    "as_of": "2026-03-01T10:00:00.000Z",
    "live": True,
    "customers": 1_234,
    "events_per_s": 12.5,
    "lag": 0,
    "partitions": [{"lag": 0}, {"lag": 0}],
    "freshness_ms": 18,
    "population": {"version": 7},
}


def bought() -> list[SourceRecord]:
    """Eight customers, a purchase each on the first three days."""
    records = []
    for day in range(3):
        for who in range(8):
            body = {
                "event_id": f"e{day}-{who}",
                "customer_id": f"c{who}",
                "occurred_at": rfc3339(START_MS + day * DAY_MS),
                "amount_minor": 1_000,
                "currency": "USD",
            }
            value = json.dumps(body).encode()
            records.append(SourceRecord("purchase", f"c{who}", START_MS + day * DAY_MS, value))
    return records


def shown(renderable: object) -> str:
    console = Console(width=160, no_color=True)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


def test_the_status_line_says_how_well_the_workers_keep_up() -> None:
    assert shown(status_line(OVERVIEW)).strip() == (
        "live · as of 2026-03-01 10:00 · 1,234 customers · 12.5 events/s · lag 0 · "
        "fresh within 18 ms · population 7"
    )


@pytest.mark.parametrize(
    ("changed", "begins"),
    [
        ({"live": False, "lag": 9}, "behind"),
        ({"live": False, "lag": None, "partitions": [{"lag": 0}, {"lag": None}]}, "behind"),
        ({"live": False, "lag": None, "partitions": [{"lag": None}] * 2}, "no worker"),
    ],
)
def test_the_status_line_tells_a_backlog_from_a_missing_worker(
    changed: dict[str, object], begins: str
) -> None:
    assert shown(status_line({**OVERVIEW, **changed})).startswith(begins)


def test_segments_in_which_nobody_is_or_was_lately_are_left_out() -> None:
    label = {"en": "Active", "zh": "活跃客户"}
    row = {"name": "lifecycle/active", "kind": "lifecycle", "group": "active", "label": label}
    empty = {**row, "name": "lifecycle/churned", "group": "churned", "size": 0, "share": 0.0}
    some = {**row, "size": 5, "share": 0.5, "entered": 2, "left": 1}
    text = shown(segments_table({"days": 30, "items": [some, {**empty, "entered": 0, "left": 0}]}))
    assert "lifecycle/active" in text
    assert "50.0%" in text
    assert "churned" not in text


def test_a_change_is_told_in_one_line_whatever_is_in_the_id() -> None:
    change = (
        b'{"time":"2026-03-01T10:00:00.000Z","customer_id":"[bold]\\u001b[2Jx","reason":"silence",'
        b'"before":{"lifecycle":"active","flags":["overdue"]},"after":{"group":"loyal"}}'
    )
    text = shown(changes_table([Told("1-0", "lifecycle.changed", change)]))
    assert "active +overdue" in text
    assert "[bold]" in text
    assert "\x1b" not in text


async def test_watch_once_prints_what_the_store_holds(valkey_url: str, namespace: str) -> None:
    async with connect(valkey_url) as client:
        store = RedisStore(client, namespace)
        await store.set_partitions(2)
        await replay(Loop(POLICY, 2, store), bought())
    where = {"SEGMENTER_REDIS_URL": valkey_url, "SEGMENTER_NAMESPACE": namespace}
    ran = Terminal(where).spawn("watch", "--once")
    assert ran.exit_code == 0, ran.err
    assert "8 customers" in ran.out
    assert "lifecycle/" in ran.out


def test_watch_says_that_the_store_is_down(tmp_path: Path) -> None:
    ran = Terminal({"SEGMENTER_REDIS_URL": f"redis://{NOWHERE}/0"}).spawn("watch", "--once")
    assert ran.exit_code == 4
    assert ran.err.startswith("segmenter: Redis: ")


def test_run_api_refuses_a_port_that_is_taken_and_names_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = Terminal({}).spawn("run", "api", "--port", port)
    assert ran.exit_code == 1
    assert f"can't listen on 127.0.0.1, port {port}" in ran.err
    assert "SEGMENTER_API_PORT" in ran.err


def test_run_api_refuses_to_be_reached_from_elsewhere_without_keys() -> None:
    ran = Terminal({}).spawn("run", "api", "--host", "0.0.0.0", "--port", "0")
    assert ran.exit_code == 1
    assert "segmenter keys create" in ran.err
