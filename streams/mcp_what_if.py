"""What an assistant may ask of policies on trial: another policy over a recorded past, a rule over everybody now.

Nothing is published and nothing written. A rule may not read attributes that are withheld: who is in a sample of
`profile.region == "north"` lives there. Enters: changes of settings, rules. Leaves: answers. Forbidden here: paths, so
that no file is read but the histories that the server was started with.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from models.grid import with_value
from models.plain_text import printable
from models.policy import Policy, PolicyError, policy_from_mapping
from models.policy_record import policy_as_json, why_not_after
from models.rule_text import as_text
from models.rule_tree import facts_of
from models.segments import RULE, rule_segment
from models.stages import STAGE
from models.value_grid import ATTACHMENT, GRID
from streams.checking import Trial, check, without_rules
from streams.mcp_answers_more import Checked, WhatIf
from streams.mcp_installation import Answers, Installation
from streams.mcp_masking import Declined, Mask
from streams.policies import in_force
from streams.show_check import trial_as_json

MOST_CHANGES, MOST_SAMPLE = 20, 20
_MOST_BYTES = 64 * 2**20  # of a comparison
MOST_SEGMENTS, MOST_MOVES = 40, 20
_OF_PROFILES = {STAGE, GRID, ATTACHMENT}  # their sentences tell what sales say
# Not profiles and the grid: they name attributes, and who is moved by that tells their values.
_CHANGEABLE = (
    *("lifecycle", "population", "rfm", "clusters", "outlook", "behaviour"),
    *("value", "segments", "alerts", "calendar"),
)
Scalar = bool | int | float | str
Changes = Annotated[
    dict[str, Scalar],
    Field(
        min_length=1,
        max_length=MOST_CHANGES,
        description="settings of the policy by dotted key, and their new values, such as "
        '{"alerts.rules.leaving.level": 0.7} or {"segments.big.when": "spend_90d >= 250"}; the resource '
        "segmenter://policy has all settings",
    ),
]
Day = Annotated[date | None, Field(description="YYYY-MM-DD, a customer-day, counted in")]


class Histories(NamedTuple):
    """The pasts that may be replayed, and how much of them.

    Attributes:
        by_name: the name that an assistant says → where it is.
        most_events: of one.
    """

    by_name: Mapping[str, str]
    most_events: int

    def named(self, name: str) -> tuple[str, str]:
        """The one that is meant, and where it is; without a name the first.

        Raises:
            Declined: there is none.
        """
        if not self.by_name:
            raise Declined(
                "there is no history to replay; the user can start segmenter mcp with --on FILE, made by "
                "segmenter record, or --on complete-journey"
            )
        meant = name or next(iter(self.by_name))
        if meant not in self.by_name:
            raise Declined(f"no history by that name; there are: {', '.join(self.by_name)}")
        return meant, self.by_name[meant]


class WhatIfTools:
    """Answers about policies on trial.

    Args:
        installation: to ask.
        mask: what may be told.
        histories: that may be replayed.
    """

    def __init__(self, installation: Installation, mask: Mask, histories: Histories) -> None:
        self._installation, self._mask, self._histories = installation, mask, histories
        self._one_at_a_time = asyncio.Lock()

    async def what_if(
        self,
        changes: Changes,
        history: Annotated[
            str,
            Field(max_length=200, description="one of installation.histories; empty: the first"),
        ] = "",
        first: Day = None,
        last: Day = None,
    ) -> WhatIf:
        """What would have been: a recorded past replayed under the policy in force (A) and with settings changed (B).

        Tells which sizes differ, who stands elsewhere, what becomes of alerts. Publishes nothing. Takes up to minutes.
        """
        now = (await self._installation.answers()).policy
        new = self._changed(now, changes)
        name, where = self._histories.named(history)
        if first and last and last < first:
            raise Declined("last is before first; swap them")
        asked = {
            "a": policy_as_json(now),
            "b": policy_as_json(new),
            "names": ["in force", "changed"],
            "history": name,
            "on": where,
            "first_day": first and first.toordinal(),
            "last_day": last and last.toordinal(),
            "most_events": self._histories.most_events,
        }
        async with self._one_at_a_time:
            told = await _apart(asked)
        return WhatIf.told(self._what_if(told, now, new))

    async def check_rule(
        self,
        rule_name: Annotated[
            str, Field(min_length=1, max_length=64, description="of a new rule, or of one in force")
        ],
        when: Annotated[
            str,
            Field(
                min_length=1,
                max_length=4_000,
                description="the rule; segmenter://rules has the syntax",
            ),
        ],
        sample: Annotated[
            int, Field(ge=0, le=MOST_SAMPLE, description="customers to show, by pseudonym")
        ] = 5,
    ) -> Checked:
        """Who a rule segment would hold of, were it published now.

        How many, how many would enter and leave, what else they are in, a sample. Looks at every customer; publishes
        nothing.
        """
        answers = await self._installation.answers()
        name, given = rule_name.removeprefix(f"{RULE}/"), answers.policy
        new = self._changed(given, {f"segments.{name}.when": when})
        self._require_shown(name, new)
        held = await in_force(answers.store, given)
        before = given if await _known(answers) else without_rules(given)
        trial = Trial(before, new, [name], sample)
        results = await check(
            answers.store, held, trial, self._installation.clock(), lambda _: None
        )
        plain = trial_as_json(results, trial.customers, {"before": before, "new": new})
        return Checked.told(
            {
                **plain["rules"][0],
                "of": plain["customers"],
                "cannot_be_published": why_not_after(given, new),
                "sample": [
                    {**each, "customer": self._mask.named(each["customer_id"])}
                    for each in plain["rules"][0]["sample"]
                ],
            }
        )

    def _changed(self, now: Policy, changes: Mapping[str, Scalar]) -> Policy:
        """The policy with other values; its new rules read nothing that is withheld."""
        for key in changes:
            if key.partition(".")[0] not in _CHANGEABLE:
                raise Declined(
                    f"{printable(key)}: only settings under {', '.join(_CHANGEABLE)} can be tried here; for "
                    "others the user can run segmenter replay compare"
                )
        tables = policy_as_json(now)
        try:
            for key, value in changes.items():
                tables = with_value(tables, key, value)
            new = policy_from_mapping(tables, "the changed policy")
        except PolicyError as error:
            raise Declined(str(error)) from None
        for name, rule in new.rulebook.rules.items():
            old = now.rulebook.rules.get(name)
            if old is None or as_text(old) != as_text(rule):
                self._require_shown(name, new)
        return new

    def _require_shown(self, name: str, policy: Policy) -> None:
        hidden = self._mask.hidden(facts_of(policy.rulebook.rules[name]), policy)
        if hidden:
            raise Declined(
                f"the rule {name} reads {', '.join(hidden)}, whose values are withheld here; leave that "
                f"out, or ask the user to start segmenter mcp with --show {','.join(hidden)}"
            )

    def _what_if(self, told: dict[str, Any], now: Policy, new: Policy) -> dict[str, Any]:
        differing = [each for each in told["segments"] if each["a"] != each["b"]]
        differing.sort(key=lambda each: -abs(each["a"] - each["b"]))
        moves = told["customers"]["moves"]
        return {
            **told,
            **told["customers"],
            "history": told["source"],
            "segments": differing[:MOST_SEGMENTS],
            "moves": [self._move(each, now, new) for each in moves[:MOST_MOVES]],
            "alerts": [
                {**each, "a": _rule(each["a"]), "b": _rule(each["b"])} for each in told["alerts"]
            ],
            "left_off": max(0, len(differing) - MOST_SEGMENTS) + max(0, len(moves) - MOST_MOVES),
        }

    def _move(self, move: dict[str, Any], now: Policy, new: Policy) -> dict[str, Any]:
        told = not self._tells_attributes(move["kind"], now, new)
        return {**move, "examples": [self._example(each, told=told) for each in move["examples"]]}

    def _example(self, example: dict[str, Any], *, told: bool) -> dict[str, Any]:
        customer_id, why = example["customer_id"], example["why"]
        name = self._mask.named(customer_id)
        begins = (
            f"{printable(customer_id)} is "  # the one sentence of `explanation` that names anybody
        )
        said = {
            side: [
                f"{name} is {each.removeprefix(begins)}" if each.startswith(begins) else each
                for each in why[side]
            ]
            if told
            else []
            for side in ("both", "a", "b")
        }
        return {**said, "customer": name, "net_spend_minor": example["net_spend_minor"]}

    def _tells_attributes(self, kind: str, now: Policy, new: Policy) -> bool:
        """Whether the sentences of a move tell what is withheld."""
        if kind in _OF_PROFILES:
            return True
        name = kind.removeprefix(f"{RULE}/")
        rules = (each.rulebook.rules.get(name) for each in (now, new))
        return kind == rule_segment(name) and any(
            self._mask.hidden(facts_of(rule), new) for rule in rules if rule is not None
        )


async def _known(answers: Answers) -> bool:
    """Whether the workers fold by this policy: it was published, or their file is ours."""
    if answers.published.number:
        return True
    return {each.policy for each in await answers.lookup.metas()} == {answers.policy.version}


def _rule(heard: dict[str, Any] | None) -> dict[str, Any] | None:
    if heard is None:
        return None
    precision = heard["precision"]
    return {**heard, "precision": None if precision is None else precision["value"]}


async def _apart(asked: dict[str, Any]) -> dict[str, Any]:
    """Have it compared in another process; whoever stops waiting ends that, too."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "streams.mcp_trial"),  # -P: not what lies in this folder
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_MOST_BYTES,
    )
    try:
        answer, _ = await process.communicate(json.dumps(asked).encode())
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                process.kill()
            await process.wait()
    if process.returncode:
        raise Declined("the process that replays the history has ended before its time; ask again")
    plain: dict[str, Any] = json.loads(answer)
    if "declined" in plain:
        raise Declined(plain["declined"])
    told: dict[str, Any] = plain["told"]
    return told
