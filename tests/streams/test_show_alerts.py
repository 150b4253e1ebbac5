"""Alerts for people: what stands in each line."""

from __future__ import annotations

from io import StringIO

from rich.console import Console, RenderableType

from models.alert_ledger import counted
from models.alert_record import AlertOutcome, AlertRecord, Arm, Decision
from models.alert_report import report
from streams.alert_reads import EndpointSeen, Seen
from streams.api.alert_figures import report_as_json
from streams.retrying import Health
from streams.show_alerts import (
    alert_card,
    alert_line,
    alerts_table,
    endpoints_as_json,
    endpoints_table,
    report_shown,
)
from tests.models.alert_shops import DAY_0
from tests.streams.posting import START_MS, endpoint
from tests.support.story import DAY_0_MS, DAY_MS, HOUR_MS

AT_RISK = AlertRecord(
    alert_id="a" * 32,
    rule="slipping",
    kind="churn.risk_raised",
    customer_id="p4",
    raised_ms=DAY_0_MS + 2 * HOUR_MS,
    day=DAY_0,
    horizon_days=28,
    probability_ppm=624_900,
    at_stake_minor=31_234,
    silence_days=12,
    churned_day=DAY_0 + 51,
    arm=Arm.TREATED,
)
SENT = AT_RISK._replace(decision=Decision.SENT, decided_ms=DAY_0_MS + 8 * HOUR_MS)
BACK = AlertOutcome(DAY_0 + 5, 2, 4_990)
GONE = AlertOutcome(None, 0, 0)
EVENT = {
    "data": {
        "reasons": [{"factor": 2.0, "en": "usually buys every 4 days, silent for 12", "zh": "…"}],
        "action": {"en": "Call them", "zh": "致电客户"},
    }
}


def lines(shown: RenderableType) -> list[str]:
    """As they are printed on a wide screen."""
    console = Console(file=StringIO(), width=200, emoji=False)
    console.print(shown, highlight=False)
    written = console.file
    assert isinstance(written, StringIO)
    return [each.rstrip() for each in written.getvalue().splitlines()]


def test_an_alert_is_a_line_of_the_table() -> None:
    blocked = AT_RISK._replace(decision=Decision.BLOCKED, why="no_consent", outcome=GONE)
    told = lines(alerts_table([Seen(SENT, None), Seen(blocked, None)], "USD"))
    assert [" ".join(each.split()) for each in told] == [
        "raised (UTC) rule customer risk at stake silent decision came of it id",
        f"2024-01-01 02:00 slipping p4 62% 312.34 USD 12 d sent — {'a' * 32}",
        "2024-01-01 02:00 slipping p4 62% 312.34 USD 12 d blocked: no consent did not return "
        f"{'a' * 32}",
    ]


def test_an_alert_of_which_nothing_was_foretold_says_so() -> None:
    back = SENT._replace(
        kind="customer.won_back", probability_ppm=None, silence_days=None, outcome=BACK
    )
    assert alert_line(Seen(back, None), "USD") == (
        f"2024-01-01 02:00  slipping  p4  —  —  —  sent  {'a' * 32}"
    )
    assert lines(alerts_table([Seen(back, None)], "USD"))[1].endswith(
        f"back after 5 d, 49.90 USD  {'a' * 32}"
    )


def test_a_hostile_id_steers_no_terminal() -> None:
    hostile = SENT._replace(customer_id="\x1b[2J[red]", rule="[b]r")
    for shown in (
        alerts_table([Seen(hostile, None)], "USD"),
        alert_card(Seen(hostile, None), "USD"),
    ):
        text = "\n".join(lines(shown))
        assert "\x1b" not in text
        assert "\\x1b[2J[red]" in text
        assert "[b]r" in text


def test_all_there_is_to_an_alert() -> None:
    assert lines(alert_card(Seen(SENT, EVENT), "USD")) == [
        "p4  churn.risk_raised  rule slipping",
        "  raised 2024-01-01 02:00 UTC, for 28 days from 2024-01-01",
        "  62% likely to buy nothing in that time, 312.34 USD at stake",
        "  silent for 12 days, churned on 2024-02-21",
        "  why: usually buys every 4 days, silent for 12",
        "  to do: Call them",
        "  sent, decided 2024-01-01 08:00 UTC",
        "  what comes of it is known after 2024-01-29",
        f"  id {'a' * 32}",
    ]


def test_what_came_of_an_alert() -> None:
    void = SENT._replace(outcome=BACK, retracted_ms=DAY_0_MS + 5 * DAY_MS)
    assert lines(alert_card(Seen(void, None), "USD"))[-4:-1] == [
        "  sent, decided 2024-01-01 08:00 UTC",
        "  void since a purchase on 2024-01-06 00:00 UTC",
        "  returned on 2024-01-06: 2 days with a purchase, 49.90 USD",
    ]
    blocked = AT_RISK._replace(decision=Decision.BLOCKED, why="no_consent", outcome=GONE)
    assert lines(alert_card(Seen(blocked, None), "USD"))[-3:-1] == [
        "  not sent: no consent",
        "  did not return within 28 days: the alert was right",
    ]


def ledger_of(sent: int, back: int, held_out: int, held_out_back: int) -> dict[str, object]:
    """Of so many alerts, of which so many customers came back."""
    records = []
    for number in range(sent + held_out):
        is_sent = number < sent
        returned = number < back if is_sent else number - sent < held_out_back
        records.append(
            SENT._replace(
                alert_id=f"{number:032}",
                decision=Decision.SENT if is_sent else Decision.HELD_OUT,
                outcome=BACK if returned else GONE,
            )
        )
    told = report_as_json(report(counted(records)))
    budgets = [{"rule": "slipping", "places": 50, "taken": 12, "left_out": 3}]
    return {**told, "budgets": budgets}


def test_the_ledger_is_a_line_a_rule_and_a_verdict_in_words() -> None:
    told = lines(report_shown(ledger_of(100, 40, 50, 5), "USD", by_week=False))
    assert told[1].split() == [
        *("slipping", "150", "100", "50", "0", "150"),
        *("70.0%", "(62.2", "to", "76.8)", "12.0", "d", "51.0", "d", "62.5%", "70.0%"),
    ]
    assert told[4:7] == [
        "slipping: alerts bring customers back",
        "  came back: 40.0% of 100 sent, 10.0% of 50 held out; +30.0 points (+15.5 to +41.3), "
        "or +30.0 customers",
        "  spend an alert: 14.97 USD (8.53 USD to 21.41 USD)",
    ]
    assert told[-1].split() == ["slipping", "50", "12", "3"]


def test_too_few_are_told_as_such() -> None:
    told = lines(report_shown(ledger_of(100, 40, 3, 0), "USD", by_week=False))
    assert "slipping: too few held out to tell (3 have an outcome, 30 are needed)" in told


def test_a_line_a_week_if_it_is_asked_for() -> None:
    told = lines(report_shown(ledger_of(4, 1, 0, 0), "USD", by_week=True))
    assert [each.split()[:2] for each in told if each.startswith(("week", "2024"))] == [
        ["week", "raised"],
        ["2024-W01", "4"],
    ]


def test_where_nothing_was_raised_it_is_said() -> None:
    nothing = {**report_as_json(report({})), "budgets": []}
    assert lines(report_shown(nothing, "USD", by_week=True)) == [
        "no alert has been decided on in these weeks"
    ]


def test_how_endpoints_do() -> None:
    found = [
        EndpointSeen("bi", Health("410 Gone", 1, 0, 5, 1), 3, 1),
        EndpointSeen("crm", Health(delivered=1_234), 0, 0),
        EndpointSeen("late", Health("", 6, START_MS + 300_000, 0, 0), 9, 0),
    ]
    told = endpoints_as_json(found, {each: endpoint(each) for each in ("crm", "late")}, START_MS)
    assert [each["url"] for each in told] == [
        *(None, "https://crm.example.com/…", "https://late.example.com/…")
    ]
    assert [each.split(maxsplit=4) for each in lines(endpoints_table(told))[1:]] == [
        ["bi", "5", "3", "1", "not in the endpoints file, disabled: 410 Gone, 1 failure in a row"],
        ["crm", "1,234", "0", "0", "ok"],
        ["late", "0", "9", "0", "paused until 14:18:20 UTC, 6 failures in a row"],
    ]
    later = endpoints_as_json(found[2:], {}, START_MS + 300_001)
    assert later[0]["paused_until"] is None
