"""Evaluations of segments, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from models.evaluation import Evaluation, Verdict
from models.evaluation_words import (
    CRITERIA,
    HEADINGS,
    VERDICTS,
    Language,
    number_name,
    reason,
    response_told,
    verdict_told,
)
from models.intervals import Interval
from models.plain_text import printable
from models.policy import Policy
from models.segments import label_of

_MARKS = {Verdict.YES: "green", Verdict.NO: "red", Verdict.UNTOLD: "yellow"}


def as_json(found: Evaluation, policy: Policy) -> dict[str, Any]:
    """All that is known of a segment's worth, with its reasons in every language."""
    separation, response = found.separation, found.response
    return {
        "segment": found.segment,
        "label": label_of(found.segment, policy)._asdict(),
        "customers": found.customers,
        "share": _rounded(found.share),
        "spend_minor": found.spend_minor,
        "spend_share": _rounded(found.spend_share),
        "concentration": _rounded(found.concentration),
        "top_fifth": _rounded(found.top_fifth),
        "known": _rounded(found.known),
        "staying": {
            **found.stay._asdict(),
            "share": _rounded(found.staying),
            "interval": _bounds(found.staying_interval),
        },
        "separation": separation
        and {
            "number": separation.largest.number,
            "d": round(separation.largest.d, 4),
            "interval": _bounds(separation.interval),
            "mean": round(separation.mean, 4),
            "effects": {each.number: round(each.d, 4) for each in separation.effects},
        },
        "response": response
        and {
            "entries": response.entries,
            "answered": response.answered,
            "rate": _rounded(found.response_rate),
            "interval": _bounds(found.response_interval),
            "expected": _rounded(found.expected_rate),
            "lift_interval": _bounds(found.lift_interval),
            "untold": response.untold,
        },
        "verdict": found.verdict.value,
        "criteria": {
            each.criterion: {
                "verdict": each.verdict.value,
                "reason": reason(each, "en"),
                "reason_zh": reason(each, "zh"),
            }
            for each in found.judgements
        },
    }


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 6)


def _bounds(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [round(each, 6) for each in interval]


def evaluations_table(found: Iterable[Evaluation], language: Language) -> Table:
    """Segments beside each other."""
    table = Table(box=None, pad_edge=False)
    for count, name in enumerate(HEADINGS[language]):
        table.add_column(name, justify="left" if count in {0, 6, 10} else "right", no_wrap=True)
    for each in found:
        table.add_row(*map(Text, _cells(each, language)), _verdict(each, language))
    return table


def _cells(found: Evaluation, language: Language) -> list[str]:
    largest = found.separation and found.separation.largest
    return [
        found.segment,
        f"{found.customers:,}",
        _share(found.share),
        _share(found.spend_share),
        _share(found.top_fifth),
        _share(found.staying),
        number_name(largest.number, language) if largest else "",
        f"{largest.d:+.2f}" if largest else "–",
        _share(found.response_rate),
        _share(found.expected_rate),
    ]


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _verdict(found: Evaluation, language: Language) -> Text:
    """What is not met, and what can't be told."""
    return Text(verdict_told(found, language), style=_MARKS[found.verdict])


def reasons_shown(found: Evaluation, policy: Policy, language: Language) -> RenderableType:
    """One segment: criterion by criterion, with the numbers and what is asked for."""
    label = getattr(label_of(found.segment, policy), language)
    lines = [Text(f"{found.segment}  {printable(label)}", style="bold")]
    for each in found.judgements:
        name, verdict = CRITERIA[each.criterion][language], VERDICTS[each.verdict][language]
        mark = Text(f"{name}: {verdict}", style=_MARKS[each.verdict])
        lines.append(Text("  ").append_text(mark).append(f"  {reason(each, language)}"))
    lines.append(Text(f"  {response_told(found, language)}"))
    return Group(*lines)
