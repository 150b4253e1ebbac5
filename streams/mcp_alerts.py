"""What an assistant is told of alerts: what they come to, and of whom.

Ids of alerts are withheld, too: they are hashes of customers' ids that are not keyed. Enters: rules, decisions,
limits. Leaves: answers. Forbidden here: ids in what leaves.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from models.alert_record import Decision
from models.policy import Policy
from models.rule_names import nearest
from streams.alert_reads import Wanted
from streams.mcp_answers_more import AlertReport, Alerts
from streams.mcp_installation import Installation
from streams.mcp_masking import Declined, Mask, Pages
from streams.mcp_segments import Limit, Page

Rule = Annotated[str, Field(max_length=80, description="only of this alert rule; empty: of all")]
DecisionName = Literal[
    "waiting", "sent", "held_out", "over_budget", "blocked", "cleared", "muted", "too_old"
]


class AlertTools:
    """Answers about alerts.

    Args:
        installation: to ask.
        mask: what may be told.
    """

    def __init__(self, installation: Installation, mask: Mask) -> None:
        self._installation, self._mask, self._pages = installation, mask, Pages()

    async def alert_report(
        self,
        rule: Rule = "",
        weeks: Annotated[int, Field(ge=1, le=53, description="ISO weeks up to the newest")] = 12,
    ) -> AlertReport:
        """Were alerts right, early, and worth sending: precision, lead, lift by the holdout, today's budgets."""
        answers = await self._installation.answers()
        _require(rule, answers.policy)
        told = await answers.alerts.report(rule, weeks)
        return AlertReport.told({**told, "currency": answers.policy.business.currency})

    async def alerts(
        self,
        decision: Annotated[
            DecisionName | None,
            Field(description="only with this decision; waiting: not decided yet"),
        ] = None,
        rule: Rule = "",
        limit: Limit = 20,
        page: Page = "",
    ) -> Alerts:
        """The newest alerts, newest first: of whom, by pseudonym, what was foretold, decided, and came of it."""
        answers = await self._installation.answers()
        _require(rule, answers.policy)
        asked = f"{decision} {rule}"
        cursor = self._pages.meant(asked, page)
        wanted = Wanted(rule, None if decision is None else Decision(decision))
        told = await answers.alerts.page(wanted, cursor, limit)
        return Alerts.told(
            {
                "currency": answers.policy.business.currency,
                "items": [self._alert(each) for each in told["items"]],
                "next": self._pages.named(asked, told["next"]),
            }
        )

    def _alert(self, alert: dict[str, Any]) -> dict[str, Any]:
        outcome = alert["outcome"]
        return {
            **alert,
            "customer": self._mask.named(alert["customer_id"]),
            "returned": None if outcome is None else outcome["returned"],
        }


def _require(rule: str, policy: Policy) -> None:
    known = policy.alerts.rules
    if rule and rule not in known:
        near = nearest(rule, known)
        there = f"there are {', '.join(known)}" if known else "the policy in force has none"
        raise Declined(f"no alert rule by that name; {f'did you mean {near}?' if near else there}")
