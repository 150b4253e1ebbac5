"""What a segment is worth as a segment: size, staying, separation, concentration, response, and a verdict.

    Survey ──► Evaluation ── criteria of the policy ──► measurable · substantial · stable · distinguishable

A verdict says yes or no only where the numbers bear it: where an interval of 95 % lies on one side of what is
asked for. Else it can't be told yet, and the reason says what is missing.

References:
    Kotler and Keller, Marketing Management: effective segmentation criteria.
    Wilson (1927), for shares: `models/intervals.py`. Cohen (1988), for separation: `models/separation.py`.

Enters: a survey, the policy. Leaves: evaluations. Forbidden here: words for people, customers, the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from models.intervals import Interval, Share, share_interval
from models.member import NUMBERS
from models.policy_evaluation import Criteria
from models.portrait import Portrait, share_of_total
from models.responding import Response
from models.separation import Separation, separation
from models.staying import Stay
from models.survey import Survey

SPEND = "spend_365d"
MOST_UNTOLD = 0.1  # of all customers: beyond, who stayed and who didn't can't be told


class Verdict(StrEnum):
    """Whether a criterion is met."""

    YES = "yes"
    NO = "no"
    UNTOLD = "untold"  # can't be told yet


class Judgement(NamedTuple):
    """One criterion.

    Attributes:
        criterion: `measurable`, `substantial`, `stable` or `distinguishable`.
        verdict: whether it is met.
        reason: names a sentence of `models/evaluation_words.py`.
        numbers: what that sentence says.
        number: the name of a number that it names; "": none.
    """

    criterion: str
    verdict: Verdict
    reason: str
    numbers: Mapping[str, float]
    number: str = ""


class Evaluation(NamedTuple):
    """One segment.

    Attributes:
        segment: by name.
        customers: members.
        share: of all customers; None: there are none.
        spend_minor: of members within a year, reporting currency.
        spend_share: of all that was spent; None: nothing was.
        top_fifth: the part of the segment's spend that its top fifth makes; None of nothing.
        known: the part of its members' numbers that is known; None of nobody.
        stay: who stayed.
        separation: from everybody else; None if none can be told.
        response: after entries; None if there were none.
        judgements: criterion by criterion.
    """

    segment: str
    customers: int
    share: float | None
    spend_minor: int
    spend_share: float | None
    top_fifth: float | None
    known: float | None
    stay: Stay
    separation: Separation | None
    response: Response | None
    judgements: tuple[Judgement, ...]

    @property
    def concentration(self) -> float | None:
        """Its share of spend over its share of customers: 1 if it spends like everybody."""
        return (
            self.spend_share / self.share if self.share and self.spend_share is not None else None
        )

    @property
    def staying(self) -> float | None:
        """The share of those in it thirty days ago who are in it now; None if nobody was."""
        return self.stay.stayed / self.stay.members_then if self.stay.members_then else None

    @property
    def staying_interval(self) -> Interval | None:
        """Of that share, 95 %."""
        return _interval(self.stay.stayed, self.stay.members_then)

    @property
    def response_rate(self) -> float | None:
        """The share of entries that a purchase followed; None if there were none."""
        return self.response.answered / self.response.entries if self.response else None

    @property
    def response_interval(self) -> Interval | None:
        """Of that share, 95 %; a little too narrow where customers entered more than once."""
        found = self.response
        return None if found is None else _interval(found.answered, found.entries)

    @property
    def expected_rate(self) -> float | None:
        """The same share of everybody, on the days of the entries."""
        return float(self.response.expected / self.response.entries) if self.response else None

    @property
    def lift_interval(self) -> Interval | None:
        """Of the rate less what was expected; that is of everybody, so it is taken as certain."""
        interval, expected = self.response_interval, self.expected_rate
        if interval is None or expected is None:
            return None
        return Interval(interval.low - expected, interval.high - expected)

    @property
    def verdict(self) -> Verdict:
        """Of all criteria: no if one is not met, else untold if one can't be told."""
        found = {each.verdict for each in self.judgements}
        return next((each for each in (Verdict.NO, Verdict.UNTOLD) if each in found), Verdict.YES)


def evaluations(survey: Survey, criteria: Criteria) -> dict[str, Evaluation]:
    """All segments that anybody is in, was in thirty days ago, or entered within the year; by name."""
    stays, responses = survey.staying.stays, survey.responding.responses()
    names = sorted({*survey.segments, *stays, *responses})
    return {
        each: _evaluation(each, survey, criteria, stays.get(each), responses.get(each))
        for each in names
    }


def _evaluation(
    segment: str, survey: Survey, criteria: Criteria, stay: Stay | None, response: Response | None
) -> Evaluation:
    base, group = survey.base, survey.segments.get(segment) or Portrait(survey.vocabulary)
    found = Evaluation(
        segment,
        group.customers,
        group.customers / base.customers if base.customers else None,
        group.sums(SPEND).total,
        share_of_total(group, base, SPEND),
        survey.concentration.top_share(segment),
        _known(group),
        stay or Stay(untold=survey.staying.untold),
        separation(group, base),
        response if response is not None and response.entries else None,
        (),
    )
    return found._replace(judgements=tuple(_judged(found, base.customers, criteria)))


def _known(group: Portrait) -> float | None:
    if not group.customers:
        return None
    known = sum(group.sums(each.name).known for each in NUMBERS)
    return known / (group.customers * len(NUMBERS))


def _interval(hits: int, of: int) -> Interval | None:
    return share_interval(Share(hits, of)) if of > 0 else None


def _judged(found: Evaluation, everybody: int, criteria: Criteria) -> Iterator[Judgement]:
    yield _measurable(found, criteria)
    yield _substantial(found, criteria)
    yield _stable(found, everybody, criteria)
    yield _distinguishable(found, everybody, criteria)


def _measurable(found: Evaluation, criteria: Criteria) -> Judgement:
    numbers = {
        "members": found.customers,
        "min_members": criteria.min_members,
        "known": found.known or 0.0,
        "min_known": criteria.min_known,
    }
    if found.customers < criteria.min_members:
        return Judgement("measurable", Verdict.NO, "few_members", numbers)
    if numbers["known"] < criteria.min_known:
        return Judgement("measurable", Verdict.NO, "little_known", numbers)
    return Judgement("measurable", Verdict.YES, "measured", numbers)


def _substantial(found: Evaluation, criteria: Criteria) -> Judgement:
    numbers = {
        "share": found.share or 0.0,
        "min_share": criteria.min_share,
        "spend_share": found.spend_share or 0.0,
        "min_spend_share": criteria.min_spend_share,
    }
    if found.share is None or found.spend_share is None:
        return Judgement("substantial", Verdict.UNTOLD, "nothing_spent", numbers)
    enough = found.share >= criteria.min_share and found.spend_share >= criteria.min_spend_share
    verdict = Verdict.YES if enough else Verdict.NO
    return Judgement("substantial", verdict, "substance", numbers)


def _stable(found: Evaluation, everybody: int, criteria: Criteria) -> Judgement:
    stay, interval = found.stay, found.staying_interval
    untold = max(stay.untold, stay.unknown)
    numbers = {
        "then": stay.members_then,
        "stayed": stay.stayed,
        "untold": untold,
        "customers": everybody,
        "asked": criteria.min_staying,
    }
    if stay.untold > MOST_UNTOLD * everybody or stay.unknown > MOST_UNTOLD * found.customers:
        return Judgement("stable", Verdict.UNTOLD, "past_not_kept", numbers)
    if interval is None:
        return Judgement("stable", Verdict.UNTOLD, "nobody_then", numbers)
    numbers.update(low=interval.low, high=interval.high, value=found.staying or 0.0)
    verdict = _beyond(interval, criteria.min_staying)
    reason = "staying_unclear" if verdict is Verdict.UNTOLD else "staying"
    return Judgement("stable", verdict, reason, numbers)


def _beyond(interval: Interval, asked: float) -> Verdict:
    """Whether a value is at least what is asked, if its interval lies on one side of that."""
    if interval.low >= asked:
        return Verdict.YES
    return Verdict.NO if interval.high < asked else Verdict.UNTOLD


def _distinguishable(found: Evaluation, everybody: int, criteria: Criteria) -> Judgement:
    numbers: dict[str, float] = {
        "members": found.customers,
        "others": everybody - found.customers,
        "min_members": criteria.min_members,
        "asked": criteria.min_effect,
    }
    few = min(numbers["members"], numbers["others"]) < criteria.min_members
    if few or found.separation is None:
        return Judgement("distinguishable", Verdict.UNTOLD, "few_to_compare", numbers)
    largest, interval = found.separation.largest, found.separation.interval
    numbers.update(d=largest.d, low=interval.low, high=interval.high, mean=found.separation.mean)
    verdict, reason = Verdict.UNTOLD, "apart_unclear"
    if abs(largest.d) >= criteria.min_effect and interval.low > 0:
        verdict, reason = Verdict.YES, "apart"
    elif interval.high < criteria.min_effect:
        verdict, reason = Verdict.NO, "apart"
    return Judgement("distinguishable", verdict, reason, numbers, largest.number)


def in_kinds(names: Iterable[str], kinds: Iterable[str]) -> list[str]:
    """The segments of some kinds: `cluster`, `rule`, `rfm.quintile`; of all, if none is named."""
    wanted = {*kinds}
    return [each for each in names if not wanted or each.split("/", 1)[0] in wanted]
