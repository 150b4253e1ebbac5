"""Code in the documents runs: Python against a shop, policies through their reader, events through theirs."""

from __future__ import annotations

import asyncio
import json
import time
import tomllib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from functools import reduce
from hashlib import sha256
from hmac import digest
from pathlib import Path
from typing import Any

import pytest
import redis
import tomli_w

from models.adapters import Normalised, normalise, sources_from_toml
from models.events import Kind, LogRecord, Rejected, read_record
from models.policy import policy_from_preset, policy_from_toml
from streams.converting import Converted, convert
from streams.endpoints import load_endpoints
from streams.feed import FeedingSender
from streams.pytest_plugin import SegmenterReplay
from streams.redis_store import RedisStore, connect
from streams.settings import Settings
from streams.sources import read_file
from tests.support.api_house import Acknowledging, Api, Shop, settings
from tests.support.document_code import PAGES, ROOT, Block, blocks, of
from tests.support.settled_town import KEYED
from tests.support.story import DAY_MS

NAMESPACE = "documents"
ADDRESS = "http://127.0.0.1:8080"  # where the documents find the API
BEGINS_MS = 1_704_106_800_000  # 2024-01-01, 11:00 UTC
SECRET = "whsec_YW4gZXhhbXBsZSBvZiB0aGUgZG9jdW1lbnRz"
BODY = b'{"type": "churn.risk_raised"}'


def pages_with(language: str) -> list[Path]:
    return [page for page in PAGES if any(each.language == language for each in blocks(page))]


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def given() -> dict[str, Any]:
    """What blocks may take as given: a webhook that was signed just now, by the specification."""
    stamp = str(int(time.time()))
    key = b64decode(SECRET.removeprefix("whsec_"))
    signature = b64encode(digest(key, f"evt_1.{stamp}.".encode() + BODY, sha256)).decode()
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{signature}",
    }
    return {"body": BODY, "headers": headers}


async def _filled(url: str) -> None:
    """Two customers who buy every week, up to yesterday."""
    async with connect(url) as client:
        with redis.Redis.from_url(url) as feeder:
            store = RedisStore(client, NAMESPACE)
            await store.set_partitions(2)
            feeding = FeedingSender(Acknowledging(), feeder, NAMESPACE, KEYED)
            shop = Shop(store, feeding, policy_from_preset("grocery"))
            for number in range(6):
                for customer in ("1228", "296"):
                    paid = {
                        "amount_minor": 2_500,
                        "currency": "USD",
                        "event_id": f"e{number}{customer}",
                    }
                    shop.put("purchase", customer, BEGINS_MS + 7 * number * DAY_MS, **paid)
            await shop.settle()
            await shop.tick(BEGINS_MS + 36 * DAY_MS)


@pytest.fixture(scope="module")
def api(valkey_url: str) -> Iterator[Api]:
    """What the documents talk to."""
    asyncio.run(_filled(valkey_url))
    with Api(settings(NAMESPACE, valkey_url), policy_from_preset("grocery")) as running:
        yield running


@pytest.mark.parametrize("page", pages_with("python"), ids=named)
def test_the_python_of_a_page_runs_from_top_to_bottom(
    page: Path, api: Api, segmenter_replay: SegmenterReplay
) -> None:
    scope: dict[str, Any] = {"__name__": "document"}
    policy = ""
    for block in blocks(page):
        if block.language == "toml" and "when" in block.text:
            policy = block.text
        if block.language != "python" or block.not_run:
            continue
        before = set(scope)
        scope |= {name: given()[name] for name in block.names}
        text = block.text.replace(ADDRESS, api.url)
        exec(compile("\n" * (block.line - 1) + text, str(page), "exec"), scope)
        for name in scope.keys() - before:
            if name.startswith("test_"):
                scope[name](lambda file, policy=policy: segmenter_replay(policy))


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Tables of a page that are shown in pieces; lists of tables follow each other."""
    both = dict(first)
    for key, value in second.items():
        if isinstance(value, dict) and isinstance(both.get(key), dict):
            both[key] = merged(both[key], value)
        elif isinstance(value, list) and isinstance(both.get(key), list):
            both[key] = [*both[key], *(each for each in value if each not in both[key])]
        else:
            both[key] = value
    return both


def of_another_file(block: Block) -> bool:
    """Endpoints stand in a file of their own."""
    return block.text.startswith("# SEGMENTER_ENDPOINTS_FILE")


@pytest.mark.parametrize("page", pages_with("toml"), ids=named)
def test_the_policies_of_a_page_can_be_used(page: Path, tmp_path: Path) -> None:
    found = [each for each in blocks(page) if each.language == "toml" and not each.not_run]
    ours = [tomllib.loads(each.text) for each in found if not of_another_file(each)]
    whole: dict[str, Any] = reduce(merged, ours, {})
    text = tomli_w.dumps(whole)
    assert policy_from_toml(text, named(page)).version
    assert sources_from_toml(text, named(page)).keys() == whole.get("sources", {}).keys()
    assert set(whole.get("connection", {})) <= set(Settings.model_fields)
    for each in filter(of_another_file, found):
        path = tmp_path / "endpoints.toml"
        path.write_text(each.text, "utf-8")
        assert load_endpoints(str(path))


def events(page: Path) -> Iterator[dict[str, Any]]:
    """Every JSON object of a page that has a customer and a time: it claims to be an event."""
    for block in blocks(page):
        if block.language == "json" and not block.not_run:
            for each in _objects(json.loads(block.text)):
                if {"customer_id", "occurred_at"} <= each.keys():
                    yield each
    indented = [
        line[4:] for line in page.read_text("utf-8").splitlines() if line.startswith("    ")
    ]
    for place, line in enumerate(indented):
        if line.startswith('{"event_id"'):
            yield json.loads("".join(_to_the_end(indented[place:])))


def _objects(value: Any) -> list[dict[str, Any]]:
    return [
        each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)
    ]


def _to_the_end(lines: list[str]) -> list[str]:
    ends = next(place for place, line in enumerate(lines) if line.endswith("}"))
    return lines[: ends + 1]


def test_what_a_page_calls_an_event_is_one() -> None:
    found = [(named(page), each) for page in PAGES for each in events(page)]
    assert len(found) >= 2
    for page, each in found:
        kind = each.pop("kind", Kind.PURCHASE)
        value = json.dumps(each).encode()
        read = read_record(LogRecord(0, 0, 2**62, None, value, {"kind": kind.encode()}), "")
        assert not isinstance(read, Rejected), (page, read)


def test_a_csv_that_names_a_customer_can_be_read(tmp_path: Path) -> None:
    for number, each in enumerate(of("csv")):
        if each.text.startswith("customer_id,"):
            path = tmp_path / f"{number}.csv"
            path.write_text(each.text, "utf-8")
            assert [*read_file(path)], each.place


def test_whatever_is_not_run_says_why_and_that_is_rare() -> None:
    kept = [each for page in PAGES for each in blocks(page) if each.not_run]
    assert [each.place for each in kept if len(each.not_run) < 10] == []
    assert len(kept) <= 5


@pytest.mark.parametrize("page", ["own-topic.md", "sources.md"])
def test_the_message_that_a_page_shows_becomes_a_purchase_by_its_mapping(page: str) -> None:
    shown = [*blocks(ROOT / "docs" / page)]
    texts = [each.text for each in shown if each.language == "toml" and '= "mapping"' in each.text]
    sources = sources_from_toml(texts[0], page)
    message = next(each.text for each in shown if each.language == "json" and "SALE" in each.text)
    (outcome,) = normalise("till", sources["till"], message.encode(), {})
    assert isinstance(outcome, Normalised)
    assert (outcome.kind, outcome.customer_id) == ("purchase", "9900-1228")


def test_the_till_file_that_a_page_shows_becomes_events_by_its_table(tmp_path: Path) -> None:
    shown = [*blocks(ROOT / "docs" / "own-csv.md")]
    table = next(
        each.text for each in shown if each.language == "toml" and "sources.till" in each.text
    )
    till = tmp_path / "till.csv"
    till.write_text(next(each.text for each in shown if each.text.startswith("Receipt,")), "utf-8")
    source = sources_from_toml(table, "own-csv.md")["till"]
    assert convert(till, tmp_path / "sales.jsonl", "till", source) == Converted(4, 3, 1)
