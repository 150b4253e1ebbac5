"""Drawing up cards: the numbers of segments, read off a survey.

    Survey + what is spoken of already ──► segment → Card

Enters: a survey. Leaves: cards. Forbidden here: words for people, customer ids, the clock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from math import sqrt
from typing import NamedTuple

from models.daybook import DIMENSIONS
from models.member import COMPARED
from models.persona_card import Card, Favourite, Measure, Movement, Size, Trait, rounded
from models.portrait import LabelSums, Portrait, share_of_total, standard_score
from models.survey import Survey

FAVOURITES = 5  # of a dimension, by money
PREFERRED = 6  # of a dimension, by the money that goes into them beyond the usual
PREFERRED_FROM = 1.2  # lift; what a persona says begins higher
TRAITS = 12
LEAST_KNOWN = 20  # members of whom an attribute is known; of fewer it is not spoken
LEAST_WITH_VALUE = 5
TRAIT_FROM = 1.15  # lift; what a persona says begins higher
TRAIT_EVIDENCE = 2.5  # standard errors; of a hundred values one is so far off by chance
Label = tuple[str, str]  # dimension, name


class Chosen(NamedTuple):
    """Which labels and traits are on a card whatever their numbers, and which never.

    Attributes:
        keep: favourites (`category/Tea`) and traits (`age_band=25-34`) that stay even if others have
            overtaken them: those spoken of before.
        leave_out: labels and attributes of which the policy would not have anybody speak.
        at_work: attributes that say nothing of who somebody is (`models/demographics.py`).
    """

    keep: Collection[str] = frozenset()
    leave_out: Collection[str] = frozenset()
    at_work: Collection[str] = frozenset()


BY_NUMBERS = Chosen()  # nothing was said before, nothing is left out


def card_of(segment: str, survey: Survey, currency: str, chosen: Chosen = BY_NUMBERS) -> Card:
    """The card of a segment.

    Args:
        segment: one of `survey.segments`.
        survey: with the names of labels as far as they are known; others are left out.
        currency: reporting currency.
        chosen: beside what the numbers choose.
    """
    group, base = survey.segments[segment], survey.base
    spend_minor = group.sums("spend_365d").total
    share = group.customers / base.customers if base.customers else 0.0
    size = Size(
        group.customers, share, spend_minor, share_of_total(group, base, "spend_365d") or 0.0
    )
    card = Card(
        segment,
        currency,
        size,
        _movement(segment, survey),
        tuple(_measures(group, base)),
        tuple(each for name in DIMENSIONS for each in _favourites(name, group, survey, chosen)),
        tuple(_traits(group, base, chosen)),
    )
    return rounded(card)


def _movement(segment: str, survey: Survey) -> Movement:
    moved = survey.moved.get(segment)
    if moved is None:
        return Movement(0, 0, 0.0)
    net = moved.entered - moved.left
    before = survey.segments[segment].customers - net
    return Movement(moved.entered, moved.left, net / before if before > 0 else 1.0)


def _measures(group: Portrait, base: Portrait) -> Iterator[Measure]:
    for each in COMPARED:
        mean, base_mean = group.mean(each.name), base.mean(each.name)
        if mean is not None and base_mean is not None:
            score = standard_score(group, base, each.name) or 0.0
            known = group.sums(each.name).known
            yield Measure(each.name, each.unit, known, mean, base_mean, score)


def _favourites(dimension: str, group: Portrait, survey: Survey, chosen: Chosen) -> list[Favourite]:
    mine, its = group.labels(dimension), survey.base.labels(dimension)
    spent = sum(each.spent_minor for each in mine.values())
    all_spent = sum(each.spent_minor for each in its.values())
    if spent <= 0 or all_spent <= 0:
        return []
    rows = {}
    for key, sums in mine.items():
        name, whole = survey.names.get(key), its[key]
        if name is not None and name not in chosen.leave_out and sums.spent_minor > 0:
            shares = sums.spent_minor / spent, whole.spent_minor / all_spent
            rows[name] = _favourite((dimension, name), sums, whole, shares, group, survey.base)
    preferred = [
        each
        for each in rows.values()
        if each.lift >= PREFERRED_FROM and each.is_common(group.customers)
    ]
    preferred.sort(key=lambda each: (-each.excess, each.label))
    listed = [*list(rows.values())[:FAVOURITES], *preferred[:PREFERRED]]
    listed += [each for each in rows.values() if f"{dimension}/{each.label}" in chosen.keep]
    return list(dict.fromkeys(listed))


def _favourite(
    label: Label,
    sums: LabelSums,
    whole: LabelSums,
    shares: tuple[float, float],
    group: Portrait,
    base: Portrait,
) -> Favourite:
    share, base_share = shares
    buyers, all_buyers = sums.customers / group.customers, whole.customers / base.customers
    days, all_days = (each.sums("purchase_days_365d").total for each in (group, base))
    expected = (
        days * whole.days / all_days if all_days else 0.0
    )  # days with it, were they as everybody
    days_lift, evidence = (
        (sums.days / expected, (sums.days - expected) / sqrt(expected)) if expected else (1.0, 0.0)
    )
    ratios = share / base_share, days_lift, evidence
    return Favourite(*label, share, *ratios, buyers, buyers / all_buyers)


def _traits(group: Portrait, base: Portrait, chosen: Chosen) -> list[Trait]:
    found = [
        trait
        for attribute in group.attributes
        if attribute not in chosen.leave_out and attribute not in chosen.at_work
        for trait in _of_attribute(attribute, group.words(attribute), base.words(attribute))
    ]
    found.sort(key=lambda each: (-each.evidence, each.attribute, each.value))
    clear = [each for each in found if each.lift >= TRAIT_FROM and each.evidence >= TRAIT_EVIDENCE][
        :TRAITS
    ]
    kept = [each for each in found if f"{each.attribute}={each.value}" in chosen.keep]
    return list(dict.fromkeys([*clear, *kept]))


def _of_attribute(
    attribute: str, mine: Mapping[str, int], its: Mapping[str, int]
) -> Iterator[Trait]:
    known, all_known = sum(mine.values()), sum(its.values())
    if known < LEAST_KNOWN:
        return
    for value, count in mine.items():
        if count >= LEAST_WITH_VALUE:
            share, base_share = count / known, its[value] / all_known
            evidence = _evidence(share, base_share, known, all_known)
            yield Trait(attribute, value, known, share, base_share, share / base_share, evidence)


def _evidence(share: float, base_share: float, known: int, all_known: int) -> float:
    """Standard errors of a share of `known` drawn without replacement from `all_known`."""
    if known >= all_known or base_share >= 1:
        return 0.0
    correction = (all_known - known) / (all_known - 1)
    return (share - base_share) / sqrt(base_share * (1 - base_share) / known * correction)
