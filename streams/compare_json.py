"""A comparison of two policies as JSON: what the terminal and the report are made of, too.

Enters: `Compared`. Leaves: plain values; days as ISO dates, money in minor units, shares from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from models.alert_ledger import Key, week_of
from models.alert_pairs import KINDS, Heard, Paired
from models.alert_report import figures_of
from models.comparing import Move, SizeChange, by_size
from models.policy import Policy
from models.segments import ACCOUNTS, all_segments, label_of
from streams.compare import Compared, Example, Party
from streams.show_policy import changes

_DAYS_A_WEEK = 7


def compared_as_json(found: Compared) -> dict[str, Any]:
    """All of it."""
    a, b = found.asked.a, found.asked.b
    return {
        "a": _party(a),
        "b": _party(b),
        "source": found.asked.source,
        "from": _iso(found.first_day),
        "to": _iso(found.last_day),
        "events": found.events,
        "unusable": {"a": dict(found.unusable[0]), "b": dict(found.unusable[1])},
        "currency": a.policy.business.currency,
        "differs": found.differs,
        "settings": [
            {"key": each["key"], "a": each["before"], "b": each["after"]}
            for each in changes(a.policy, b.policy)
        ],
        "days": [_iso(each - 1) for each in found.sizes.days],
        "segments": segments_as_json(found),
        "customers": customers_as_json(found),
        "alerts": [rule_as_json(found, each) for each in rules_of(found)],
    }


def _party(party: Party) -> dict[str, Any]:
    return {"name": party.name, "version": party.policy.version}


def segments_as_json(found: Compared) -> list[dict[str, Any]]:
    """Each segment's size as every day ended, under both; those that differ first, within kinds' order."""
    order = {name: place for place, name in enumerate(_in_order(found))}
    sizes = sorted(found.sizes.changes(), key=lambda each: order.get(each.segment, len(order)))
    return [_segment(found, each) for each in sizes]


def _in_order(found: Compared) -> list[str]:
    """Segments in the order in which a reader expects them; of accounts behind those of people."""
    a, b = found.asked.a.policy, found.asked.b.policy
    known = [*all_segments(a, None), *all_segments(b, None), *sorted(found.sizes.segments)]
    names = dict.fromkeys(known)
    of_accounts = [f"{ACCOUNTS}{each}" for each in names]
    return [*(each for each in names if not each.startswith(ACCOUNTS)), *of_accounts]


def _segment(found: Compared, change: SizeChange) -> dict[str, Any]:
    name = change.segment
    return {
        "segment": name,
        "label": label(name, found.asked.a.policy, found.asked.b.policy),
        "a": change.a,
        "b": change.b,
        "differs": change.differs,
        "largest": {"day": _iso(change.day - 1), "a": change.a_then, "b": change.b_then},
        "series": {side: list(found.sizes.of(name, place)) for place, side in enumerate("ab")},
    }


def label(segment: str | None, a: Policy, b: Policy) -> dict[str, str] | None:
    """A segment's name for people, as the policy has it that knows it."""
    if segment is None:
        return None
    name = segment.rpartition("/")[2]
    return label_of(segment, b if name in b.segments else a)._asdict()


def customers_as_json(found: Compared) -> dict[str, Any]:
    """Who stands elsewhere."""
    moves = found.moves
    return {
        "looked_at": moves.customers,
        "differing": moves.differing,
        "moves": [_move(found, *each) for each in by_size(moves.counts.items())],
    }


def _move(found: Compared, move: Move, customers: int) -> dict[str, Any]:
    a, b = found.asked.a.policy, found.asked.b.policy
    return {
        "kind": move.kind,
        "a": move.a,
        "b": move.b,
        "labels": {"a": label(move.a, a, b), "b": label(move.b, a, b)},
        "customers": customers,
        "examples": [_example(each) for each in found.examples[move]],
    }


def _example(example: Example) -> dict[str, Any]:
    return {
        "customer_id": example.who.customer_id,
        "net_spend_minor": example.who.worth_minor,
        "why": {name: list(said) for name, said in example.why._asdict().items()},
    }


def rules_of(found: Compared) -> list[str]:
    """Alert rules of either policy, by name."""
    named = (each.policy.alerts.rules for each in (found.asked.a, found.asked.b))
    return sorted({name for rules in named for name in rules})


def rule_as_json(found: Compared, rule: str) -> dict[str, Any]:
    """What becomes of one rule's alerts."""
    (a, b), days = found.heard, len(found.sizes.days)
    known = [rule in each.policy.alerts.rules for each in (found.asked.a, found.asked.b)]
    return {
        "rule": rule,
        "a": heard_as_json(a, rule, days) if known[0] else None,
        "b": heard_as_json(b, rule, days) if known[1] else None,
        "silences": {
            kind: paired_as_json(found.pairs.get((rule, kind), Paired())) for kind in KINDS
        },
        "weeks": [
            {"week": week, "a": week_as_json(a, rule, week), "b": week_as_json(b, rule, week)}
            for week in weeks_of(found.first_day, found.last_day)
        ],
    }


def heard_as_json(heard: Heard, rule: str, days: int) -> dict[str, Any]:
    """Volume, precision and lead of a rule under one policy.

    Args:
        heard: what it told.
        rule: by name.
        days: customer-days that were watched.
    """
    figures = figures_of({key: sums for key, sums in heard.ledger.items() if key.rule == rule})
    staked = (minor for (name, _), minor in heard.at_stake_minor.items() if name == rule)
    return {
        "alerts": figures.raised,
        "alerts_a_week": round(_DAYS_A_WEEK * figures.raised / days, 2),
        "judged": figures.resolved,
        "right": figures.precision.share.hits if figures.precision else 0,
        "precision": None
        if figures.precision is None
        else {
            "value": round(figures.precision.share.value, 4),
            **{name: round(each, 4) for name, each in figures.precision.interval._asdict().items()},
        },
        "silence_days": _rounded(figures.silence_days),
        "lead_days": _rounded(figures.lead_days),
        "at_stake_minor": sum(staked),
    }


def _rounded(days: float | None) -> float | None:
    return None if days is None else round(days, 2)


def paired_as_json(paired: Paired) -> dict[str, Any]:
    """Silences of one kind."""
    return {
        "alerts": paired.alerts,
        "mean_days": _rounded(paired.days / paired.alerts if paired.alerts else None),
        "judged": paired.resolved,
        "right": paired.right,
        "still_silent": paired.still_silent,
        "at_stake_minor": paired.at_stake_minor,
    }


def week_as_json(heard: Heard, rule: str, week: str) -> dict[str, int]:
    """One week of a rule."""
    sums = heard.ledger.get(Key(rule, week, "not_sent"))
    return {
        "alerts": 0 if sums is None else sums.raised,
        "at_stake_minor": heard.at_stake_minor[rule, week],
    }


def weeks_of(first_day: int, last_day: int) -> Sequence[str]:
    """ISO weeks of some days, in order."""
    return list(dict.fromkeys(map(week_of, range(first_day, last_day + 1))))


def _iso(day: int) -> str:
    return date.fromordinal(day).isoformat()
