"""Alert rules, calendar and playbook: what is refused and how it is said; what comes back."""

from __future__ import annotations

import json

import pytest

from models.policy import Policy, PolicyError, policy_from_mapping, policy_from_toml
from models.policy_alerts import EVERY_LIFECYCLE, AlertRule, Alerts, Kind, minute_of
from models.policy_record import (
    PublishedPolicy,
    decode_published,
    encode_published,
    with_memory_of,
)

A_DATE = "write a date such as '2027-02-06', or '11-01' for the day of each year"
SHOP = """
preset = "grocery"

[segments.vip]
when = "spend > 1000"

[alerts]
wait_hours = 3.5
holdout = 0.2
holdout_salt = "spring"

[alerts.rules.risk]
on = "churn.risk_raised"
level = 0.6
horizon = "common"
lifecycles = ["active"]
tiers = ["high"]
segments = ["vip"]
min_at_stake = 120.5
daily_budget = 50
quiet_hours = "21:00-08:00"
channel = "email"
playbook = "call"
label_zh = "高流失风险"

[alerts.rules.gone]
on = "lifecycle.changed"
to = "dormant"

[alerts.rules.joined]
on = "segment.entered"
segment = "vip"

[[calendar]]
name = "双11"
from = "11-01"
to = "11-11"
alerts = "wait"
levels = { risk = 0.9 }

[[calendar]]
name = "Lunar New Year"
from = "2027-02-06"
to = "2027-02-21"

[playbook.call]
action = "Call, and ask what was missing"
action_zh = "致电并询问原因"
owner = "care"
"""


def problem(text: str) -> str:
    with pytest.raises(PolicyError) as caught:
        policy_from_toml(text, source="shop.toml")
    return str(caught.value)


def rule(on: str = "customer.won_back", rest: str = "") -> str:
    """One alert rule, and other keys of it."""
    return f'[alerts.rules.r]\non = "{on}"\n{rest}'


def period(first: str = '"11-01"', last: str = '"11-11"', rest: str = "") -> str:
    """One period of the calendar, and other keys of it."""
    return f'[[calendar]]\nname = "x"\nfrom = {first}\nto = {last}\n{rest}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            rule(rest='colour = "red"'),
            "alerts.rules.r.colour: unknown key; remove it or check its spelling",
        ),
        ("[alerts]\nwait = 2", "alerts.wait: unknown key; remove it or check its spelling"),
        (
            rule("churned"),
            "alerts.rules.r.on: Input should be 'churn.risk_raised', 'customer.overdue', "
            "'lifecycle.changed', 'customer.won_back', 'segment.entered' or 'segment.exited' "
            "(found 'churned')",
        ),
        (
            '[alerts.rules."At Risk"]\non = "customer.overdue"',
            "alerts.rules.At Risk.[key]: "
            "String should match pattern '^[a-z0-9][a-z0-9_-]{0,63}$' (found 'At Risk')",
        ),
        (rule("churn.risk_raised"), "alerts.rules.r: churn.risk_raised needs 'level'"),
        (
            rule("customer.overdue", "level = 0.5"),
            "alerts.rules.r: 'level' says nothing of customer.overdue; remove it",
        ),
        (
            rule("churn.risk_raised", "level = 1"),
            "alerts.rules.r.level: Input should be less than 1 (found 1)",
        ),
        (
            rule("churn.risk_raised", "level = nan"),
            "alerts.rules.r.level: Input should be a finite number (found nan)",
        ),
        (rule("lifecycle.changed"), "alerts.rules.r: lifecycle.changed needs 'to'"),
        (
            rule(rest='to = "dormant"'),
            "alerts.rules.r: 'to' says nothing of customer.won_back; remove it",
        ),
        (
            rule("lifecycle.changed", 'to = "active"'),
            "alerts.rules.r.to: Input should be 'dormant', 'churned' or '' (found 'active')",
        ),
        (rule("segment.entered"), "alerts.rules.r: segment.entered needs 'segment'"),
        (
            rule(rest='segment = "vip"'),
            "alerts.rules.r: 'segment' says nothing of customer.won_back; remove it",
        ),
        (
            rule("segment.exited", 'segment = "vip"'),
            "alerts.rules.r.segment: there is no rule segment 'vip'; define it under segments.vip",
        ),
        (
            rule(rest='segments = ["vip"]'),
            "alerts.rules.r.segments.0: there is no rule segment 'vip'; define it under segments.vip",
        ),
        (
            rule(rest='playbook = "call"'),
            "alerts.rules.r.playbook: there is no play 'call'; define it under playbook.call",
        ),
        (
            rule(rest='lifecycles = ["gone"]'),
            "alerts.rules.r.lifecycles.0: Input should be 'prospect', 'new', 'active', 'dormant' "
            "or 'churned' (found 'gone')",
        ),
        (
            rule(rest="min_at_stake = -1"),
            "alerts.rules.r.min_at_stake: Input should be greater than or equal to 0 (found -1)",
        ),
        (
            rule(rest="cool_down_days = 731"),
            "alerts.rules.r.cool_down_days: Input should be less than or equal to 730 (found 731)",
        ),
        (
            rule(rest="daily_budget = 1_000_001"),
            "alerts.rules.r.daily_budget: "
            "Input should be less than or equal to 1000000 (found 1000001)",
        ),
        (
            rule(rest='quiet_hours = "21-8"'),
            "alerts.rules.r.quiet_hours: "
            "write hours such as '21:00-08:00', or nothing (found '21-8')",
        ),
        (
            rule(rest='quiet_hours = "21:00-21:00"'),
            "alerts.rules.r.quiet_hours: "
            "write hours such as '21:00-08:00', or nothing (found '21:00-21:00')",
        ),
        (
            rule(rest='channel = "E Mail"'),
            "alerts.rules.r.channel: "
            "String should match pattern '^[a-z0-9_-]{0,32}$' (found 'E Mail')",
        ),
        (
            '[alerts]\ndecide_at = "8:00"',
            "alerts.decide_at: "
            r"write a time of day such as '08:00' (found '8:00')",
        ),
        (
            "[alerts]\nwait_hours = 73",
            "alerts.wait_hours: Input should be less than or equal to 72 (found 73)",
        ),
        (
            "[alerts]\nmax_age_hours = 0",
            "alerts.max_age_hours: Input should be greater than 0 (found 0)",
        ),
        (
            "[alerts]\nholdout = 0.6",
            "alerts.holdout: Input should be less than or equal to 0.5 (found 0.6)",
        ),
        (
            "[alerts]\nfrequency_days = 0",
            "alerts.frequency_days: Input should be greater than or equal to 1 (found 0)",
        ),
        (
            '[alerts]\nconsent_unknown = "ask"',
            "alerts.consent_unknown: Input should be 'refuse' or 'allow' (found 'ask')",
        ),
        (period('"2027-02-06"', '"2027-02-05"'), "calendar.0: to is before from"),
        (
            period('"2027-02-06"', '"02-07"'),
            "calendar.0: from and to must both have a year, or neither",
        ),
        (
            period('"2027-02-29"', '"2027-03-01"'),
            f"calendar.0.from: {A_DATE} (found '2027-02-29')",
        ),
        (period(last='"11/11"'), f"calendar.0.to: {A_DATE} (found '11/11')"),
        (
            period(rest='alerts = "stop"'),
            "calendar.0.alerts: Input should be 'go' or 'wait' (found 'stop')",
        ),
        (
            period(rest="levels = { r = 0.9 }"),
            "calendar.0.levels.r: there is no alert rule of that name that has a level; name one, or "
            "remove it",
        ),
        (
            rule() + period(rest="levels = { r = 0.9 }"),
            "calendar.0.levels.r: there is no alert rule of that name that has a level; name one, or "
            "remove it",
        ),
        (
            rule("churn.risk_raised", "level = 0.5\n") + period(rest="levels = { r = 90 }"),
            "calendar.0.levels.r: Input should be less than 1 (found 90)",
        ),
        ('[playbook.call]\ngoal = "a talk"', "playbook.call.action: Field required"),
        (
            "\n".join(
                f'[alerts.rules.r{number}]\non = "customer.won_back"' for number in range(33)
            ),
            "alerts.rules: Dictionary should have at most 32 items after validation, not more",
        ),
    ],
)
def test_an_error_names_the_file_the_key_and_the_remedy(text: str, message: str) -> None:
    assert problem(text) == f"shop.toml: {message}"


def test_every_error_of_a_section_is_named_at_once() -> None:
    text = "[alerts]\nholdout = 1\n" + rule("segment.entered") + period('"11/01"')
    keys = [line.split(": ")[1] for line in problem(text).splitlines()]
    assert keys == ["alerts.rules.r", "alerts.holdout", "calendar.0.from"]


def test_without_any_rule_nobody_is_told_of() -> None:
    policy = policy_from_toml("")
    assert policy.alerts == Alerts()
    assert policy.alerts.rules == {}
    assert (policy.calendar, policy.playbook) == ((), {})


def test_times_are_given_in_the_units_of_their_names() -> None:
    alerts = policy_from_toml("[alerts]\nwait_hours = 0.5\nmax_age_hours = 1.25").alerts
    assert (alerts.wait_ms, alerts.max_age_ms) == (1_800_000, 4_500_000)
    assert [minute_of(clock) for clock in ("00:00", "08:30", "23:59")] == [0, 510, 1_439]


@pytest.mark.parametrize(
    ("on", "usual"),
    [
        ("churn.risk_raised", ("new", "active")),
        ("customer.overdue", ("new", "active")),
        ("lifecycle.changed", EVERY_LIFECYCLE),
        ("customer.won_back", EVERY_LIFECYCLE),
        ("segment.exited", EVERY_LIFECYCLE),
    ],
)
def test_a_rule_is_about_those_it_names_or_else_about_whom_its_kind_concerns(
    on: Kind, usual: tuple[str, ...]
) -> None:
    needed: dict[str, dict[str, object]] = {
        "churn.risk_raised": {"level": 0.5},
        "lifecycle.changed": {"to": "churned"},
        "segment.exited": {"segment": "vip"},
    }
    whole = AlertRule.model_validate({"on": on, **needed.get(on, {})})
    assert whole.of_lifecycles == usual
    assert whole.model_copy(update={"lifecycles": ("churned",)}).of_lifecycles == ("churned",)


@pytest.fixture(scope="module")
def shop() -> Policy:
    return policy_from_toml(SHOP)


def test_a_published_policy_comes_back_with_rules_calendar_and_playbook(shop: Policy) -> None:
    published = PublishedPolicy(3, shop, 1_700_000_000_000, "spring")
    packed = encode_published(published)
    back = decode_published(packed)
    assert back == published._replace(body=packed)
    assert back.policy.version == shop.version
    assert encode_published(back) == packed
    assert [(each.name, each.first, each.last) for each in back.policy.calendar] == [
        ("双11", "11-01", "11-11"),
        ("Lunar New Year", "2027-02-06", "2027-02-21"),
    ]


def test_a_policy_that_takes_another_memory_keeps_rules_calendar_and_playbook(
    shop: Policy,
) -> None:
    other = policy_from_toml("[time]\nremembered_days = 3")
    kept = with_memory_of(shop, other)
    assert kept.time.remembered_days == 3
    assert (kept.alerts, kept.calendar, kept.playbook) == (
        shop.alerts,
        shop.calendar,
        shop.playbook,
    )


def test_a_policy_published_before_there_were_alerts_is_read_and_tells_of_nobody(
    shop: Policy,
) -> None:
    fields = json.loads(encode_published(PublishedPolicy(1, shop)))
    for section in ("alerts", "calendar", "playbook"):
        del fields["policy"][section]
    read = decode_published(json.dumps(fields).encode()).policy
    assert (read.alerts, read.calendar, read.playbook) == (Alerts(), (), {})


def test_a_published_policy_that_names_what_is_not_there_is_refused_by_its_key(
    shop: Policy,
) -> None:
    fields = json.loads(encode_published(PublishedPolicy(1, shop)))
    fields["policy"]["playbook"] = {}
    with pytest.raises(
        PolicyError, match=r"alerts\.rules\.risk\.playbook: there is no play 'call'"
    ):
        decode_published(json.dumps(fields).encode())


@pytest.mark.parametrize(
    "section",
    [
        {"alerts": {"holdout": 0.3}},
        {"alerts": {"rules": {"r": {"on": "customer.overdue"}}}},
        {"calendar": [{"name": "x", "from": "11-01", "to": "11-11"}]},
        {"playbook": {"call": {"action": "Call"}}},
    ],
    ids=lambda section: next(iter(section)),
)
def test_a_policys_version_names_its_alerts_too(section: dict[str, object]) -> None:
    assert policy_from_mapping(section, "shop.toml").version != policy_from_toml("").version
