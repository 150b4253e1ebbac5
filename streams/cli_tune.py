"""`segmenter alerts tune`: from which probability on to alert, and what that would bring."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from streams.cli_desk import Desk, at_the_desk, print_wide
from streams.cli_exits import Exit, fail
from streams.cli_given import AsJson, bar, out, policy_given, print_json, run, settings_given

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.alert_tuning import Point
    from models.policy import Policy
    from models.policy_alerts import AlertRule
    from streams.show_tuning import Tuned
    from streams.silences import Observed

NEW_RULE = "at-risk"  # what a rule is called that stands in no policy yet
_BUDGET = re.compile(r"(\d{1,9}(?:\.\d+)?)/(day|week)")
_DAYS_A_WEEK = 7


class Asked(NamedTuple):
    """What levels are to bring: one of both.

    Attributes:
        alerts_a_week: at most; None: as many as it takes.
        precision: at least; None: whatever comes.
    """

    alerts_a_week: float | None
    precision: float | None

    @property
    def words(self) -> str:
        """For people."""
        if self.precision is not None:
            return f"{self.precision:.0%} right"
        return f"{self.alerts_a_week:,.4g} a week"


class Wish(NamedTuple):
    """A rule, as far as it was said.

    Attributes:
        rule: its name; "": the one there is.
        horizon: None: as the rule has it.
    """

    rule: str
    horizon: Literal["own", "common"] | None


def alerts_tune(
    budget: Annotated[
        str, typer.Option(help="At most so many alerts, as 200/week or 30/day.", metavar="N/week")
    ] = "",
    precision: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="At least this share of alerts is to be right, as .6."),
    ] = None,
    rule: Annotated[
        str, typer.Option(help="Of churn.risk_raised (default: the one there is).", metavar="NAME")
    ] = "",
    horizon: Annotated[
        Literal["own", "common"] | None,
        typer.Option(help="With --on: of the probability (default: the rule's)."),
    ] = None,
    on: Annotated[
        str,
        typer.Option(
            help="A history to replay: CSV, JSONL, Parquet or a recording; complete-journey, or cdnow; "
            "or topic:customer-events.v1. Without one, the alerts that were raised.",
            metavar="FILE|TOPIC",
        ),
    ] = "",
    days: Annotated[
        int | None, typer.Option(min=1, help="With --on: only the first so many days.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Propose a level for a rule, with what it would bring. Writes nothing; a replay takes minutes."""
    from streams.show_tuning import lines_for_file, tuned_as_json, tuned_shown

    asked, wish = _asked(budget, precision), Wish(rule, horizon)
    if not on and (horizon or days):
        option = "--horizon" if horizon else "--days"
        fail(f"{option} is for a replay: say --on FILE, or --on complete-journey", Exit.USAGE)
    found = _by_replay(asked, wish, on, days) if on else _by_records(asked, wish)
    if as_json:
        print_json(tuned_as_json(found))
    else:
        print_wide(tuned_shown(found))
    if found.proposal is None:
        fail(found.why_not, Exit.FAILURE)
    if not as_json:
        out.print(f"\n{lines_for_file(found)}", markup=False, highlight=False)


def _asked(budget: str, precision: float | None) -> Asked:
    if bool(budget) == (precision is not None):
        fail("say one of --budget 200/week, --precision .6", Exit.USAGE)
    if precision is not None:
        return Asked(None, precision)
    said = _BUDGET.fullmatch(budget.strip())
    if said is None or not float(said[1]):
        fail(f"--budget: found {budget!r:.40}, write 200/week or 30/day", Exit.USAGE)
    return Asked(float(said[1]) * (_DAYS_A_WEEK if said[2] == "day" else 1), None)


def _by_replay(asked: Asked, wish: Wish, on: str, days: int | None) -> Tuned:
    """Under the policy of the file; blocks for minutes."""
    from streams.recorded_events import none_ahead, open_events
    from streams.tuning import NothingSeen, watched
    from streams.wall import wall_ms

    policy = policy_given()
    name, rule = _rule(policy, wish)

    async def replayed() -> Observed:
        events = open_events(on, settings_given(), policy)
        records = none_ahead(events.read(), wall_ms())
        with bar(f"{on}: events", events.total) as progress:
            return await watched(policy, rule, records, days, progress)

    try:
        observed = run(replayed)
    except NothingSeen as error:
        fail(str(error), Exit.FAILURE)
    return tuned(asked, name, rule, on, observed)


def _by_records(asked: Asked, wish: Wish) -> Tuned:
    """Of the alerts that are kept."""
    from streams.alert_reads import AlertReads, Wanted
    from streams.tuning import NothingSeen, recorded

    async def read(desk: Desk) -> tuple[str, AlertRule, Observed]:
        name, rule = _rule(desk.policy, wish, made_up=False)
        seen, _ = await AlertReads(desk.shelf).newest(10**9, None, Wanted(name))
        return name, rule, recorded((each.record for each in seen), name)

    try:
        name, rule, observed = at_the_desk(read)
    except NothingSeen as error:
        fail(str(error), Exit.NOT_FOUND)
    return tuned(asked, name, rule, "", observed)


def tuned(asked: Asked, name: str, rule: AlertRule, source: str, observed: Observed) -> Tuned:
    """The curve, and the level on it that does what was asked.

    Args:
        asked: what it is to bring.
        name: of the rule.
        rule: with the level in force; without a history lower ones can't be judged.
        source: the history; "": the records of alerts.
        observed: of either.
    """
    from models.alert_tuning import PERCENTS_PPM, NoSuchLevel, curve
    from streams.show_tuning import Tuned

    known_from_ppm = 0 if source else round(1_000_000 * (rule.level or 0))
    levels = [each for each in PERCENTS_PPM if each >= known_from_ppm]
    points = curve(observed.paths, observed.days, levels)
    try:
        if not points[0].alerts:
            raise NoSuchLevel("no silence has reached any level")
        proposal, why_not = _proposed(asked, points), ""
    except NoSuchLevel as error:
        proposal, why_not = None, str(error)
    return Tuned(name, rule, asked.words, source, observed, points, proposal, why_not)


def _proposed(asked: Asked, points: Sequence[Point]) -> Point:
    from models.alert_tuning import NoSuchLevel, for_budget, for_precision

    if asked.alerts_a_week is not None:
        found = for_budget(points, asked.alerts_a_week)
        if not found.alerts:
            highest = next(each for each in reversed(points) if each.alerts)
            raise NoSuchLevel(
                f"no level raises {asked.alerts_a_week:g} alerts a week or fewer, but some: at "
                f"probability {highest.level_ppm / 1_000_000:g} there are still "
                f"{highest.alerts_a_week:.1f}, above it none"
            )
        return found
    assert asked.precision is not None
    return for_precision(points, asked.precision)


def _rule(policy: Policy, wish: Wish, *, made_up: bool = True) -> tuple[str, AlertRule]:
    """The rule that is meant, with the horizon that was asked for; a fault ends the command."""
    from models.policy_alerts import RISK_RAISED, AlertRule

    known = {name: each for name, each in policy.alerts.rules.items() if each.on == RISK_RAISED}
    if wish.rule and wish.rule not in known:
        _fail_without(wish.rule, policy, known)
    if not wish.rule and len(known) > 1:
        fail(f"several rules have a level: say --rule, one of {', '.join(known)}", Exit.USAGE)
    if not wish.rule and not known and not made_up:
        fail("no alert rule has a level; replay a history for a first one: --on FILE", Exit.USAGE)
    name = wish.rule or next(iter(known), NEW_RULE)
    rule = known.get(name) or AlertRule(on=RISK_RAISED, level=0.5)
    return name, rule.model_copy(update={"horizon": wish.horizon}) if wish.horizon else rule


def _fail_without(name: str, policy: Policy, known: dict[str, AlertRule]) -> None:
    from models.rule_names import nearest

    other = policy.alerts.rules.get(name)
    if other is not None:
        fail(
            f"{name} tells of {other.on}: only rules of churn.risk_raised have a level", Exit.USAGE
        )
    near = nearest(name, known)
    remedy = f"did you mean {near}?" if near else "segmenter config show prints the rules"
    fail(f"no alert rule {name!r:.80}; {remedy}", Exit.NOT_FOUND)
