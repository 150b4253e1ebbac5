"""How early the product's own alerts come, beside the rule "so many silent days", at equal precision.

A data set is replayed over the real path with alert rules of several levels in the policy; what is
looked at is what leaves for `churn-alerts.v1`. Of the rules the one with the lowest level that has the
precision asked for is taken, and of the fixed rule the smallest number of days.

An alert is right if no purchase follows within its horizon: the customer's own on Complete Journey, 90
days on CDNOW. Alerts whose horizon ends after the data are not judged. What is compared is the mean of
days from last purchase to alert over right alerts, and, besides, over spells that outlast their own
horizon, whether or not the alert was right by then.

    python -m bench.alerts_lead [--dataset cj|cdnow] [--every N] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import time as wall
from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from bench.science_lead import LEAST_JUDGED, NEVER, Spells, fixed_reach, spells_of, verdicts
from bench.science_metrics import Floats, Integers
from bench.science_purchases import Purchases, purchases_of, records_of
from bench.science_tables import Table, rendered
from models.calendar import start_of_day_ms
from models.codec import decode_state
from models.events import Kind
from models.outlook import customer_of, own_horizon_days
from models.policy import Policy, policy_from_preset
from streams.loop import Loop
from streams.partitioner import partition_of
from streams.sources import SourceRecord
from streams.topics import ALERTS

PARTITIONS = 4
FOLLOWED_DAYS = 90  # spells are looked at that begin so long before the data end, or earlier


class Case(NamedTuple):
    """One data set.

    Attributes:
        dataset: by name.
        preset: of the policy.
        horizon: of the alert rules.
        levels: of these.
        precision: at which both are compared.
        from_day: spells begin on or after it, counted from the data set's first, 0.
        earlier: goal: so much shorter must the silence be.
        every: one customer in so many is taken.
    """

    dataset: str
    preset: str
    horizon: str
    levels: tuple[float, ...]
    precision: float
    from_day: int
    earlier: float
    every: int = 1


CASES = (
    Case("cj", "grocery", "own", (0.30, 0.32, 0.34, 0.36, 0.38, 0.40), 0.40, 140, 0.25),
    Case("cdnow", "general", "common", (0.60, 0.64, 0.68, 0.72, 0.76, 0.80), 0.70, 182, 0.12),
)


Spell = tuple[str, int]  # customer, ordinal day of the last purchase


class Told(NamedTuple):
    """What a replay brought.

    Attributes:
        silence_days: by rule, the silence at the alert about a spell.
        horizon_days: own horizon of each spell, as it stood at the midnight after its purchase.
    """

    silence_days: dict[str, dict[Spell, int]]
    horizon_days: dict[Spell, int]


class Rule(NamedTuple):
    """What one rule does.

    Attributes:
        name: a level, or a number of days.
        precision: right alerts ÷ judged ones.
        judged: how many.
        right_days: mean silence at right alerts.
        lost_days: mean silence at alerts of lost spells.
    """

    name: str
    precision: float
    judged: int
    right_days: float
    lost_days: float


def customers_of(case: Case) -> Iterator[SourceRecord]:
    """The records of one customer in `every`, by a hash of the id."""
    every = case.every
    for record in records_of(case.dataset)():
        if every == 1 or crc32(record.customer_id.encode()) % every == 0:
            yield record


def policy_of(case: Case, levels: dict[str, float]) -> Policy:
    """The preset with one alert rule a level, that tells of everybody who is not churned."""
    rules = {
        name: {
            "on": "churn.risk_raised",
            "level": level,
            "horizon": case.horizon,
            "lifecycles": ["new", "active", "dormant"],
            "cool_down_days": 0,
        }
        for name, level in levels.items()
    }
    return policy_from_preset(case.preset, alerts={"rules": rules, "wait_hours": 0})


async def replayed(case: Case, levels: dict[str, float]) -> Told:
    """What leaves for the topic of alerts."""
    policy = policy_of(case, levels)
    loop, found, bought = (
        Loop(policy, PARTITIONS),
        Told({name: {} for name in levels}, {}),
        set[str](),
    )

    def noted() -> Iterator[SourceRecord]:
        for record in customers_of(case):
            yield record
            if record.kind == Kind.PURCHASE:
                bought.add(record.customer_id)

    async def midnight(day: int) -> None:
        await _midnight(loop, day, found, bought)

    last = await loop.replay(noted(), midnight)
    assert last is not None
    await midnight(last + 1)
    return found


async def _midnight(loop: Loop, day: int, found: Told, bought: set[str]) -> None:
    await loop.tick(start_of_day_ms(day, loop.policy.timezone))
    for row in loop.effects:
        if row.topic == ALERTS and (body := json.loads(row.value or b"")).get("kind"):
            _note(body, found.silence_days[body["rule"]])
    loop.effects.clear()
    for partition in range(PARTITIONS):
        mine = [each for each in bought if partition_of(each, PARTITIONS) == partition]
        for customer_id, packed in (await loop.store.load(partition, mine)).states.items():
            customer = customer_of(decode_state(packed).current, loop.policy)
            assert customer is not None
            horizon = own_horizon_days(customer, loop.policy.outlook.own_horizon)
            found.horizon_days[customer_id, customer.last_day] = horizon
    bought.clear()


def _note(body: dict[str, Any], silence_days: dict[Spell, int]) -> None:
    """Silence is counted as at the end of the day before: an alert of a midnight knows no more."""
    day, silence = date.fromisoformat(body["day"]).toordinal(), body["silence_days"]
    silence_days.setdefault((body["customer_id"], day - silence), silence - 1)


def aligned(told: dict[Spell, int], spells: Spells, purchases: Purchases) -> Integers:
    """One number a spell; `NEVER` where there is none."""
    keys = zip(spells.rows.tolist(), spells.begins.tolist(), strict=True)
    first = purchases.first_day
    return np.array(
        [told.get((purchases.customers[row], begin + first), NEVER) for row, begin in keys]
    )


def judged(name: str, spells: Spells, silence: Integers, horizons: Floats) -> Rule:
    """How good, and how early, alerts at these silences are."""
    silence = np.where(spells.begins + silence <= spells.until, silence, NEVER)
    known, right = verdicts(spells, silence, horizons)
    lost = (spells.until - spells.begins > horizons) & (silence < NEVER)
    precision = float(right.sum() / known.sum()) if known.any() else 0.0
    return Rule(name, precision, int(known.sum()), _mean(silence[right]), _mean(silence[lost]))


def _mean(values: Integers) -> float:
    return float(values.mean()) if len(values) else float("nan")


def first_with(rules: list[Rule], precision: float) -> Rule:
    """The first that has it, of rules from the earliest to the latest; else the best."""
    known = [each for each in rules if each.judged >= LEAST_JUDGED]
    return next(
        (each for each in known if each.precision >= precision),
        max(known, key=lambda each: each.precision),
    )


def table(case: Case) -> Table:
    """Replay once, and compare."""
    began_s = wall.perf_counter()
    policy = policy_of(case, {})
    purchases = purchases_of(customers_of(case), policy.timezone)
    spells = spells_of(purchases, case.from_day, purchases.last_day - FOLLOWED_DAYS)
    levels = {f"level-{round(100 * each)}": each for each in case.levels}
    told = asyncio.run(replayed(case, levels))
    horizons = _horizons(case, told, spells, purchases)
    ours = [
        judged(name, spells, aligned(silences, spells, purchases), horizons)
        for name, silences in told.silence_days.items()
    ]
    longest = int((spells.until - spells.begins).max())
    fixed = [
        judged(f"{days} silent days", spells, fixed_reach(spells, days), horizons)
        for days in range(1, longest + 1)
    ]
    best, rule = first_with(ours, case.precision), first_with(fixed, case.precision)
    rows = [
        {**rule._asdict(), "earlier, days": None, "earlier, share": None, "goal": None},
        {
            **best._asdict(),
            "earlier, days": rule.right_days - best.right_days,
            "earlier, share": 1 - best.right_days / rule.right_days,
            "goal": f"{case.earlier:.0%}",
        },
        *(each._asdict() for each in ours if each != best),
    ]
    title = f"Alerts beside the fixed rule, precision {case.precision}: {case.dataset}"
    notes = (
        f"{len(spells.rows):,} spells that begin on days {case.from_day} to "
        f"{purchases.last_day - FOLLOWED_DAYS}; horizon: {case.horizon}",
        f"one customer in {case.every}; {wall.perf_counter() - began_s:.0f} s",
    )
    return Table(title, rows, notes)


def _horizons(case: Case, told: Told, spells: Spells, purchases: Purchases) -> Floats:
    """Of each spell: the common one, or what the product says of it at its beginning."""
    if case.horizon == "common":
        days = policy_of(case, {}).outlook.horizon_days
        return np.full(len(spells.rows), float(days))
    return aligned(told.horizon_days, spells, purchases).astype(np.float64)


def main(arguments: list[str]) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.alerts_lead", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--dataset", choices=[each.dataset for each in CASES])
    parser.add_argument("--every", type=int, default=1, help="take one customer in so many")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    gc.disable()  # states are trees without cycles; looking for garbage takes a third of the time
    cases = [each._replace(every=options.every) for each in CASES]
    tables = [table(each) for each in cases if options.dataset in {None, each.dataset}]
    if options.json:
        print(json.dumps([each._asdict() for each in tables]))
    else:
        print("\n\n".join(map(rendered, tables)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
