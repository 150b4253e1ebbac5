"""Golden files: what a scenario brings about, as text that people read and review.

    # head: how it was made
    [effects]
    2024-03-01 12:00  ada  lifecycle none → new (purchase)
    [customers in each segment at the end of each week]
    lifecycle/active  2024-03-03  12
    [all effects]
    enters gone-quiet (time)  812  3f2a9c1e

The second and third section stand for customers who are not shown line by line. Columns are parted by
two blanks. Enters: effects and alerts, or such a text. Leaves: the text, or a `Golden`. Forbidden here:
files, saying what differs (`streams/golden_words.py`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from models.effects import EffectType
from models.segments import LIFECYCLE, rule_segment
from streams.scenario_effects import Alert, Effect

EFFECTS = "effects"
SIZES = "customers in each segment at the end of each week"
KINDS = "all effects"
_SECTIONS = (EFFECTS, SIZES, KINDS)
_GONE = {EffectType.CUSTOMER_ERASED, EffectType.CUSTOMER_MERGED}
_WHEN = re.compile(r"(\d{4}-\d\d-\d\d(?: \d\d:\d\d)?) {2,}")
_PLAIN = re.compile(r"[^\s\"#\[]\S*")


class GoldenUnreadable(ValueError):
    """A golden file can't be read; the message names the line and the way out."""


class Line(NamedTuple):
    """One effect.

    Attributes:
        customer: whose.
        when: as written: the date and, unless that is midnight, the time.
        what: in words.
    """

    customer: str
    when: str
    what: str


class Size(NamedTuple):
    """How many customers a segment has at the end of a week.

    Attributes:
        segment: by name.
        week: its last day, a Sunday, as written.
    """

    segment: str
    week: str


class Total(NamedTuple):
    """All effects of a kind.

    Attributes:
        effects: how many there are.
        digest: of customers and moments, 8 hex digits.
    """

    effects: int
    digest: str


class Golden(NamedTuple):
    """What a golden file says.

    Attributes:
        lines: effects line by line, in the order of time.
        sizes: customers of everybody, by segment and week.
        kinds: all effects of everybody, by what they have in common.
    """

    lines: tuple[Line, ...]
    sizes: Mapping[Size, int]
    kinds: Mapping[str, Total]


def golden_of(told: Sequence[Effect | Alert], shown: Collection[str] | None = None) -> Golden:
    """What is to stand in a golden file.

    Args:
        told: in the order in which it was published.
        shown: customers whose effects stand there line by line, while everybody is counted; None:
            everybody's do, and nothing is counted.
    """
    listed = (each for each in told if shown is None or each.customer in shown)
    lines = tuple(map(_line, sorted(listed, key=lambda each: (each.at, each.customer))))
    if shown is None:
        return Golden(lines, {}, {})
    return Golden(lines, _sizes(told), _kinds(told))


def _line(told: Effect | Alert) -> Line:
    return Line(told.customer, told.text.removesuffix(f": {told.what}"), told.what)


def _kinds(told: Iterable[Effect | Alert]) -> dict[str, Total]:
    by_kind: dict[str, list[str]] = {}
    for each in told:
        by_kind.setdefault(each.kind, []).append(f"{each.customer}\x1f{each.text}")
    return {kind: Total(len(found), _digest(found)) for kind, found in sorted(by_kind.items())}


def _digest(lines: list[str]) -> str:
    text = "\n".join(sorted(lines)).encode()
    return hashlib.blake2b(text, digest_size=4).hexdigest()


def _sizes(told: Iterable[Effect | Alert]) -> dict[Size, int]:
    """Counted up from the effects, each in the week in which it came to light."""
    standing: dict[str, dict[str, tuple[str, ...]]] = {}
    counts: Counter[str] = Counter()
    found: dict[Size, int] = {}
    week: date | None = None
    for each in told:
        if isinstance(each, Alert):
            continue
        ends = each.at.date() + timedelta(days=6 - each.at.weekday())
        while week is not None and week < ends:
            _note(found, counts, week)
            week += timedelta(days=7)
        week = max(week or ends, ends)
        _move(standing.setdefault(each.customer, {}), counts, each)
    if week is not None:
        _note(found, counts, week)
    return dict(sorted(found.items()))


def _note(found: dict[Size, int], counts: Counter[str], week: date) -> None:
    found.update((Size(name, week.isoformat()), count) for name, count in counts.items())


def _move(places: dict[str, tuple[str, ...]], counts: Counter[str], effect: Effect) -> None:
    """From where a customer stood to where they stand."""
    for kind, segments in _moves(places, effect):
        counts.subtract(places.pop(kind, ()))
        counts.update(segments)
        places[kind] = segments


def _moves(
    places: Mapping[str, tuple[str, ...]], effect: Effect
) -> Iterator[tuple[str, tuple[str, ...]]]:
    if effect.type in _GONE:
        yield from ((kind, ()) for kind in list(places))
    elif effect.type == EffectType.LIFECYCLE_CHANGED:
        flags = (f"flag/{flag}" for flag in effect.flags)
        yield LIFECYCLE, (f"{LIFECYCLE}/{effect.after}", *flags)
    elif effect.segment is not None:
        name = rule_segment(effect.segment)
        yield name, (name,) if effect.type == EffectType.SEGMENT_ENTERED else ()


def as_text(golden: Golden, head: Sequence[str]) -> str:
    """A golden file.

    Args:
        golden: what it says.
        head: how it was made, a line each; not compared.
    """
    lines = [f"# {each}" for each in head]
    lines += [f"[{EFFECTS}]", *(line_text(each) for each in golden.lines)]
    if golden.kinds:
        sizes = (f"{each.segment}  {each.week}  {count}" for each, count in golden.sizes.items())
        kinds = (f"{kind}  {each.effects}  {each.digest}" for kind, each in golden.kinds.items())
        lines += [f"[{SIZES}]", *sizes, f"[{KINDS}]", *kinds]
    return "\n".join(lines) + "\n"


def line_text(line: Line) -> str:
    """One effect as it stands in a file."""
    return f"{line.when:<16}  {written(line.customer)}  {line.what}"


def written(customer: str) -> str:
    """An id so that it can be read back: quoted, if there is anything strange in it.

    >>> written("ada"), written("ada l.")
    ('ada', '"ada l."')
    """
    plain = _PLAIN.fullmatch(customer) and customer.isprintable()
    return customer if plain else json.dumps(customer)


def parsed(text: str, source: str) -> Golden:
    """A golden file, read.

    Args:
        text: of it.
        source: names it in errors.

    Raises:
        GoldenUnreadable: somebody has edited it so that it says nothing.
    """
    lines: list[Line] = []
    sizes: dict[Size, int] = {}
    kinds: dict[str, Total] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            if line.startswith("["):
                section = _section(line)
            elif line and not line.startswith("#"):
                _read(section, line, lines, sizes, kinds)
        except ValueError as error:
            raise GoldenUnreadable(
                f"{source}, line {number}: {error}; write the file anew: "
                "pytest --segmenter-update-golden"
            ) from None
    return Golden(tuple(lines), sizes, kinds)


def _section(line: str) -> str:
    if line[1:-1] not in _SECTIONS:
        raise ValueError(f"no section is called {line!r:.80}")
    return line[1:-1]


def _read(
    section: str,
    line: str,
    lines: list[Line],
    sizes: dict[Size, int],
    kinds: dict[str, Total],
) -> None:
    match section:
        case "effects":
            begun = _WHEN.match(line)
            if begun is None:
                raise ValueError("expected a moment, a customer and what happened")
            lines.append(Line(*_customer(line[begun.end() :], begun[1])))
        case "":
            raise ValueError("there is no section yet")
        case _:
            first, second, third = line.rsplit("  ", 2)
            if section == SIZES:
                sizes[Size(first, second)] = int(third)
            else:
                kinds[first] = Total(int(second), third)


def _customer(text: str, when: str) -> tuple[str, str, str]:
    if text.startswith('"'):
        customer, end = json.JSONDecoder().raw_decode(text)
        return str(customer), when, text[end:].removeprefix("  ")
    customer, _, what = text.partition("  ")
    if not what:
        raise ValueError("expected a customer and what happened, two blanks between")
    return customer, when, what
