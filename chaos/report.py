"""The figures of a run: as a table, as JSON, and what among them makes it a failure."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from chaos.fleet import Ended
from chaos.policies import EDITIONS
from chaos.run import Outcome, Plan, by_kind
from streams.outbox import RELAY_BATCH

FULL_MINUTES = 4.0  # a run at least as long must bring
MIN_EVENTS, MIN_FAULTS = 50_000, 10
POLICIES = len(EDITIONS)
LONG_MINUTES = 30.0  # a leak shows only then


def failings(outcome: Outcome, plan: Plan) -> list[str]:
    """What went wrong; empty if nothing did."""
    verdict, found = outcome.verdict, []
    if not verdict.is_exact:
        found.append("what is there is not what the log says")
    if verdict.duplicated > may_be_duplicated(outcome):
        found.append(
            f"{verdict.duplicated} duplicates, of {may_be_duplicated(outcome)} that may be"
        )
    found += [_told(each) for each in outcome.ended if each.asked]
    if verdict.policies < POLICIES:
        found.append(f"only {verdict.policies} policies came into force; {POLICIES} are wanted")
    if plan.minutes >= FULL_MINUTES:
        if verdict.events < MIN_EVENTS:
            found.append(f"only {verdict.events} events; {MIN_EVENTS} are wanted")
        if len(outcome.recoveries) < MIN_FAULTS:
            found.append(f"only {len(outcome.recoveries)} faults; {MIN_FAULTS} are wanted")
    return found


def may_be_duplicated(outcome: Outcome) -> int:
    """A relay that dies may have sent one batch that it did not get to strike out."""
    return RELAY_BATCH * outcome.relay_deaths


def table(outcome: Outcome, plan: Plan, seconds: float) -> Table:
    """All figures, for people."""
    made = Table(title=f"chaos, seed {plan.seed}: {seconds:.0f} s", show_header=False)
    made.add_column()
    made.add_column(justify="right")
    for name, value in _lines(outcome):
        made.add_row(name, value)
    made.add_section()
    for kind, (times, longest_s) in by_kind(outcome.recoveries).items():
        made.add_row(kind, f"{times} ×, recovery up to {longest_s:.1f} s")
    made.add_section()
    for role, (first, last) in outcome.growth.items():
        row = f"{first.rss_mb:.0f} → {last.rss_mb:.0f} MB, {first.files} → {last.files} files"
        made.add_row(f"{role}, first → last quarter", row)
    made.add_section()
    for phase, took_s in outcome.seconds.items():
        made.add_row(phase, f"{took_s:.0f} s")
    if plan.minutes < LONG_MINUTES:
        made.caption = f"growth says little in less than {LONG_MINUTES:.0f} minutes"
    return made


def _lines(outcome: Outcome) -> list[tuple[str, str]]:
    verdict = outcome.verdict
    longest_s = max((each.recovery_s for each in outcome.recoveries), default=0.0)
    lines = [
        ("events", f"{verdict.events:,}"),
        ("faults", str(len(outcome.recoveries))),
        ("longest recovery", f"{longest_s:.1f} s"),
        (
            "states wrong",
            f"{verdict.states_wrong} of {verdict.customers:,}, {verdict.accounts} of them accounts",
        ),
        ("lists of segments wrong", str(verdict.segments_wrong)),
        ("rule memberships compared", f"{verdict.rule_memberships:,}"),
        ("policies published", str(verdict.policies)),
        ("partitions with another policy in force", str(verdict.policies_wrong)),
        ("sketches and movements wrong", str(verdict.sketches_wrong)),
        ("populations wrong", f"{verdict.populations_wrong} of {verdict.populations}"),
        ("effects lost", f"{verdict.lost} of {verdict.effects:,}"),
        ("effects invented", str(verdict.invented)),
        ("customers with effects out of order", str(verdict.out_of_order)),
        (
            "effects duplicated",
            f"{verdict.duplicated} of at most {may_be_duplicated(outcome):,}",
        ),
    ]
    return [*lines, *(("ended", _told(each)) for each in outcome.ended)]


def _told(one: Ended) -> str:
    how = "did not end within 30 s" if one.code is None else f"ended with {one.code}"
    return f"{one.name} {how}, " + ("told to stop" if one.asked else "unasked")


def as_json(outcome: Outcome, plan: Plan) -> dict[str, Any]:
    """All figures, for machines."""
    return {
        "plan": plan._asdict(),
        "verdict": outcome.verdict._asdict(),
        "exact": outcome.verdict.is_exact,
        "recoveries": [each._asdict() for each in outcome.recoveries],
        "longest_recovery_s": {
            k: longest for k, (_, longest) in by_kind(outcome.recoveries).items()
        },
        "ended": [each._asdict() for each in outcome.ended],
        "relay_deaths": outcome.relay_deaths,
        "growth": {
            role: {"first": first._asdict(), "last": last._asdict()}
            for role, (first, last) in outcome.growth.items()
        },
        "seconds": outcome.seconds,
    }
