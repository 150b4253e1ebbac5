"""A customer as a test asks for them.

Enters: what a lookup has found. Leaves: plain values. Forbidden here: changing anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from models.calendar import day_of
from models.gauge import Known
from models.policy import Policy
from models.rule_facts import reading_of
from models.rule_source import expression_of, source_of
from models.sight import READ, Sight
from streams.lookup import Found, as_json
from streams.scenario_times import published_at
from streams.show import explanation
from streams.show_rules import rules_explained


@dataclass(frozen=True)
class Customer:
    """One customer at the scenario's moment. Money is in minor units of the reporting currency.

    Attributes:
        id: the one that stays, where another name was asked for.
        lifecycle: prospect, new, active, dormant or churned.
        flags: "overdue", "won_back".
        segments: rule segments, by name.
        groups: kind → group: "quintile", "cluster", "tier", "risk".
        attributes: of the profile.
        purchases: how many stand.
        net_spend_minor: spent less given back.
        silence_days: customer-days since the last purchase; None without one.
        next_deadline: when silence or time alone changes the lifecycle; None: never.
        next_deadline_brings: what then comes.
        as_json: all that `segmenter customer get --json` prints.
    """

    id: str
    lifecycle: str
    flags: tuple[str, ...]
    segments: tuple[str, ...]
    groups: Mapping[str, str]
    attributes: Mapping[str, Any]
    purchases: int
    net_spend_minor: int
    silence_days: int | None
    next_deadline: datetime | None
    next_deadline_brings: str | None
    as_json: Mapping[str, Any] = field(repr=False)
    _found: Found = field(repr=False, compare=False)
    _policy: Policy = field(repr=False, compare=False)

    def fact(self, name: str) -> Known | None:
        """What a rule would read: "spend_90d", 'category["TEA"].silence_days'; None: not known.

        Raises:
            RuleError: there is no such fact; the message names the nearest.
        """
        source = source_of("fact", name)
        fact = reading_of(expression_of(source), source).fact
        if fact.name == "segment":
            return fact.of in self.segments
        day = day_of(self._found.as_of_ms, self._policy.timezone)
        return READ[fact.name](Sight(self._found.state, day, self._policy), fact)

    def explained(self) -> list[str]:
        """Why the customer stands where they stand: what `segmenter customer explain` says."""
        return [
            *explanation(self._found, self._policy),
            *rules_explained(self._found, self._policy),
        ]


def customer_of(found: Found, policy: Policy) -> Customer:
    """A customer whom a lookup has found."""
    told, state = as_json(found, policy), found.state
    due, brings = told["next_deadline"], told["next_deadline_brings"]
    return Customer(
        id=found.customer_id,
        lifecycle=told["lifecycle"],
        flags=tuple(told["flags"]),
        segments=tuple(state.rules),
        groups=dict(state.groups),
        attributes=told["attributes"],
        purchases=told["purchases"],
        net_spend_minor=told["net_spend_minor"],
        silence_days=told["silence_days"],
        next_deadline=due and published_at(due, policy.timezone),
        next_deadline_brings=brings and str(brings),
        as_json=told,
        _found=found,
        _policy=policy,
    )
