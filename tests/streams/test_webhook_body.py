"""Webhooks' bodies: alerts for programs, and for people."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.endpoints import Endpoint
from streams.webhook_body import content_type, message, message_id

SECRET = "whsec_" + base64.b64encode(b"hush" * 8).decode()


def endpoint(**others: Any) -> Endpoint:
    told = {"name": "crm", "url": "https://crm.example.com/in", "secrets": (SECRET,)}
    return Endpoint.model_validate({**told, **others})


def alert(alert_id: str = "a1", kind: str = "churn.risk_raised", **told: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": alert_id,
        "type": "churn.risk_raised",
        "source": "/segmenter/main/customer-events.v1/0",
        "time": "2017-03-01T00:00:00.000Z",
        "subject": "c-17",
        "datacontenttype": "application/json",
        "data": {"customer_id": "c-17", "rule": "vip", "kind": kind, **told},
    }


def test_one_alert_at_a_time_is_the_alert_itself() -> None:
    assert json.loads(message(endpoint(), [alert()])) == alert()
    assert content_type(endpoint()) == "application/cloudevents+json"


def test_where_several_may_come_even_one_comes_in_an_array() -> None:
    several = endpoint(batch=2)
    assert json.loads(message(several, [alert("a1")])) == [alert("a1")]
    assert json.loads(message(several, [alert("a1"), alert("a2")])) == [alert("a1"), alert("a2")]
    assert content_type(several) == "application/cloudevents-batch+json"


@pytest.mark.parametrize("count", [0, 3])
def test_no_more_alerts_than_the_endpoint_takes_and_not_none(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} alerts; crm takes 1 to 2"):
        message(endpoint(batch=2), [alert()] * count)


def test_the_same_alerts_in_the_same_order_have_the_same_id() -> None:
    one, other = alert("a1"), alert("a2")
    assert message_id([one]) == "a1"
    assert message_id([one, other]) == message_id([alert("a1"), alert("a2", kind="x")])
    assert len({message_id(each) for each in ([one, other], [other, one], [one], [other])}) == 4
    assert message_id([alert("a1,a2")]) != message_id([one, other])


@given(st.lists(st.dictionaries(st.just("id"), st.text() | st.integers()), min_size=1, max_size=3))
def test_any_id_can_stand_in_a_header(alerts: list[dict[str, Any]]) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", message_id(alerts))


def slack_text(*alerts: Mapping[str, Any]) -> str:
    slack = endpoint(format="slack", batch=3)
    assert content_type(slack) == "application/json"
    body = json.loads(message(slack, alerts))
    assert list(body) == ["text"]
    text: str = body["text"]
    return text


def test_slack_gets_a_paragraph_for_each_alert() -> None:
    full = alert(
        probability=0.8149,
        horizon_days=30,
        at_stake_minor=123_450,
        currency="USD",
        silence_days=45,
        expected_on="2017-02-17",
        days_overdue=12,
        reasons=[{"en": "usually buys every 20 days", "zh": "…"}, {"en": "second"}],
        action={"en": "Send the win-back offer.", "zh": "…"},
    )
    assert slack_text(full, alert("a2", kind="customer.overdue", silence_days=1)) == (
        "*c-17* may be lost (rule vip). 81% likely to buy nothing within 30 days. "
        "1,234.50 USD at stake. Silent for 45 days. Expected on 2017-02-17, 12 days overdue. "
        "Why: usually buys every 20 days. To do: Send the win-back offer."
        "\n\n*c-17* is overdue (rule vip). Silent for 1 day."
    )


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, ""),
        ({"probability": None, "reasons": [], "action": None, "silence_days": None}, ""),
        ({"at_stake_minor": 4990, "currency": "JPY"}, " 4,990 JPY at stake."),
        ({"at_stake_minor": 1000, "currency": "KWD"}, " 1.000 KWD at stake."),
        ({"at_stake_minor": 4990}, ""),
        ({"days_overdue": 3}, " 3 days overdue."),
        ({"expected_on": "2017-02-17", "days_overdue": 0}, " Expected on 2017-02-17."),
        ({"probability": float("nan"), "at_stake_minor": 10**400, "currency": "USD"}, ""),
    ],
)
def test_slack_is_told_what_is_known(told: dict[str, Any], said: str) -> None:
    assert slack_text(alert(**told)) == f"*c-17* may be lost (rule vip).{said}"


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"kind": "customer.overdue", "says": {"en": "silent for 45 days"}}, "is overdue"),
        ({"kind": "segment.entered", "says": {"en": "has entered vips"}}, "has entered vips"),
        ({"kind": "segment.entered"}, "segment entered"),
        ({"kind": None}, "may be lost"),
    ],
)
def test_slack_is_told_what_has_happened(told: dict[str, Any], said: str) -> None:
    assert slack_text({**alert(), "data": {**alert()["data"], **told}}) == (
        f"*c-17* {said} (rule vip)."
    )


def test_slack_is_told_when_a_risk_is_over() -> None:
    told = {"customer_id": "c-17", "rule": "vip", "retracts": ["a1"], "reason": "late_purchase"}
    cleared = {"id": "a9", "type": "churn.risk_cleared", "data": told}
    assert slack_text(cleared) == (
        "*c-17* is no longer at risk (rule vip). Please disregard the earlier alert. "
        "Why: late purchase."
    )


def test_a_hostile_customer_id_forges_neither_mentions_nor_paragraphs() -> None:
    forged = alert()
    forged["data"]["customer_id"] = "<!channel> & \n\n\u202e*boss*: <http://evil|pay>"
    assert slack_text(forged) == (
        "*&lt;!channel&gt; &amp; *boss*: &lt;http://evil|pay&gt;* may be lost (rule vip)."
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
TOLD = st.fixed_dictionaries(
    {"customer_id": JSON},
    optional={
        **dict.fromkeys(("rule", "kind", "probability", "horizon_days", "at_stake_minor"), JSON),
        **dict.fromkeys(("silence_days", "expected_on", "days_overdue", "retracts"), JSON),
        "currency": st.just("USD") | JSON,
        "reasons": st.lists(st.fixed_dictionaries({"en": JSON}), min_size=1) | JSON,
        "action": st.fixed_dictionaries({"en": JSON}) | JSON,
        "reason": JSON,
        "says": st.fixed_dictionaries({"en": JSON}) | JSON,
    },
)
ALERTS = st.fixed_dictionaries(
    {"id": JSON, "type": st.sampled_from(["churn.risk_raised", "churn.risk_cleared"]) | JSON},
    optional={"data": TOLD | JSON},
)


def strictly(text: bytes) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


@given(st.lists(ALERTS, min_size=1, max_size=3))
@example([{"id": "a1", "data": {"probability": float("nan"), "at_stake_minor": float("inf")}}])
def test_whatever_the_alerts_hold_the_body_is_json(alerts: list[dict[str, Any]]) -> None:
    assert len(strictly(message(endpoint(batch=3), alerts))) == len(alerts)
    text = strictly(message(endpoint(format="slack", batch=3), alerts))["text"]
    assert text.count("\n\n") == len(alerts) - 1
    assert not re.search(r"[<>]|&(?!(amp|lt|gt);)", text)
