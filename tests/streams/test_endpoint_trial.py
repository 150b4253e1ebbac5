"""Trying an endpoint out, at a real server on loopback."""

from __future__ import annotations

import json

import pytest
from aiohttp.test_utils import unused_port
from standardwebhooks import Webhook

from streams.endpoint_trial import BadEndpoint, Trial, signed_by, trial_event, tried, unnamed
from streams.endpoints import Endpoint
from streams.show_trial import trial_as_json, trial_lines
from streams.webhook_body import message
from tests.streams.posting import SECRET, START_MS
from tests.streams.test_webhook import NEW, Receiver, endpoint, says


async def trial(status: int, **others: object) -> tuple[Trial, Receiver]:
    receiver = Receiver(says(status))
    async with receiver.serving() as server:
        url = str(server.make_url("/in?k=hush"))
        return await tried(endpoint(url, **others), "main", START_MS), receiver


async def test_what_arrives_is_signed_and_says_that_it_is_a_test_and_of_nobody() -> None:
    found, receiver = await trial(204)
    ((request, body),) = receiver.asked
    event = Webhook(NEW).verify(body, dict(request.headers))
    assert event == found.event == json.loads(body)
    assert (event["type"], event["source"]) == ("segmenter.test", "/segmenter/main/test")
    assert event["data"] == {
        "kind": "segmenter.test",
        "test": True,
        "says": {
            "en": "is testing this endpoint: no customer is meant, nothing is to be done",
            "zh": "正在测试此端点，不涉及任何客户，无需处理",
        },
    }
    assert request.headers["webhook-id"] == event["id"]
    assert found.is_accepted


async def test_a_batch_endpoint_gets_a_batch_of_one() -> None:
    found, receiver = await trial(200, batch=50)
    ((request, body),) = receiver.asked
    assert request.headers["Content-Type"] == "application/cloudevents-batch+json"
    assert json.loads(body) == [found.event]


def test_in_slack_it_reads_as_a_sentence() -> None:
    slack = endpoint(format="slack", secrets=())
    assert json.loads(message(slack, [trial_event(slack, "main", START_MS)])) == {
        "text": "*Segmenter* is testing this endpoint: no customer is meant, nothing is to be done."
    }


@pytest.mark.parametrize("status", [301, 401, 410, 500])
async def test_any_other_answer_is_a_refusal(status: int) -> None:
    found, receiver = await trial(status)
    assert not found.is_accepted
    assert found.answer.status == status
    assert len(receiver.asked) == 1


async def test_what_was_checked_is_told_and_nothing_that_is_secret() -> None:
    found, _ = await trial(200)
    told = trial_as_json(found)
    assert told["checked"] == {
        "https": False,
        "addresses": [{"address": "127.0.0.1", "kind": "a loopback"}],
        "signatures": 1,
    }
    lines = list(trial_lines(found._replace(took_ms=120)))
    assert lines[1:] == [
        "  https: no, plain http to a host that is allowed by name",
        "  address: 127.0.0.1 (loopback)",
        "  signature: webhook-id, webhook-timestamp, webhook-signature by 1 secret",
        "  accepted: 200 OK, after 0.12 s",
    ]
    assert "hush" not in "".join(lines) + json.dumps(told)
    assert NEW not in "".join(lines) + json.dumps(told)


async def test_an_address_that_may_not_be_reached_is_not_reached() -> None:
    async def private(host: str) -> list[str]:
        return ["10.0.0.7"]

    found = await tried(endpoint("https://crm.example.com/in"), "main", START_MS, private)
    assert (found.answer.status, found.is_accepted, found.addresses) == (None, False, ("10.0.0.7",))
    assert "crm.example.com leads to 10.0.0.7, a private address" in found.answer.detail
    assert "  address: 10.0.0.7 (private)" in list(trial_lines(found))


async def test_whoever_is_not_there_is_told_so() -> None:
    url = f"http://127.0.0.1:{unused_port()}/"
    found = await tried(endpoint(url), "main", START_MS)
    assert not found.is_accepted
    assert found.answer.detail.startswith("can't be reached")


def test_a_url_that_stands_in_no_file_keeps_all_the_rules() -> None:
    assert isinstance(unnamed("https://crm.example.com/in", SECRET), Endpoint)
    for url, secret, said in (
        ("https://crm.example.com/in", "hush", "secrets: number 1 does not begin with whsec_"),
        ("http://crm.example.com/in", SECRET, "url: must be https; by plain http only to a host"),
        ("https://127.0.0.1/in", SECRET, "url: 127.0.0.1 is a loopback address; name it under"),
        ("https://169.254.169.254/", SECRET, "url: 169.254.169.254 is a link-local address"),
        ("https://me:hush@crm.example.com/", SECRET, "url: must hold no user or password"),
    ):
        with pytest.raises(BadEndpoint) as refused:
            unnamed(url, secret)
        assert str(refused.value).startswith(said)
        assert "hush" not in str(refused.value)


def test_another_secret_signs_instead_of_its_own() -> None:
    other = signed_by(endpoint(), SECRET)
    assert [each.get_secret_value() for each in other.secrets] == [SECRET]
    assert other.url == endpoint().url
    with pytest.raises(BadEndpoint, match="does not begin with whsec_"):
        signed_by(endpoint(), "hush")
