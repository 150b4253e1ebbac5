"""What differs between a golden file and what has happened, for who changed a rule.

    2 effects of 1 customer are gone, 1 effect of 1 customer is new, 3 effects of 2 customers have moved.

    ada: enters gone-quiet (time) 10 days earlier
    - 2024-03-31        enters gone-quiet (time)
    + 2024-03-21        enters gone-quiet (time)

Enters: what was expected, what was found. Leaves: text, or None. Forbidden here: files.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from streams.golden import Golden, Line, written
from streams.show import printable

CUSTOMERS_SHOWN, LINES_SHOWN = 10, 20
ACCEPT = "If that is what the change was meant to do, accept it: pytest --segmenter-update-golden"


class Moved(NamedTuple):
    """An effect of one customer that now has another moment."""

    what: str
    before: str
    after: str


class Change(NamedTuple):
    """What differs about one customer.

    Attributes:
        customer: who.
        expected: lines of the file.
        found: lines of what has happened.
        gone: effects that are no more.
        new: effects that were not.
        moved: those that have another moment.
    """

    customer: str
    expected: tuple[Line, ...]
    found: tuple[Line, ...]
    gone: tuple[Line, ...]
    new: tuple[Line, ...]
    moved: tuple[Moved, ...]


def difference(expected: Golden, found: Golden) -> str | None:
    """What differs, in words and as a diff by customer; None: nothing.

    Args:
        expected: what the file says.
        found: what has happened.
    """
    if expected == found:
        return None
    changes = list(_changes(expected.lines, found.lines))
    of = "of the customers shown line by line, " if found.kinds else ""
    parts = [f"{of}{_first_sentence(changes)}", *_counted(expected, found), ACCEPT]
    for change in changes[:CUSTOMERS_SHOWN]:
        parts += ["", *_diff(change)]
    if len(changes) > CUSTOMERS_SHOWN:
        parts += ["", f"… and {_plural(len(changes) - CUSTOMERS_SHOWN, 'more customer')}"]
    return "\n".join(parts)


def _changes(expected: Sequence[Line], found: Sequence[Line]) -> Iterator[Change]:
    before, after = _by_customer(expected), _by_customer(found)
    for customer in sorted(before.keys() | after.keys()):
        sides = (tuple(each.get(customer, ())) for each in (before, after))
        change = _change(customer, *sides)
        if change.expected != change.found:
            yield change


def _by_customer(lines: Sequence[Line]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(line.customer, []).append(line)
    return found


def _change(customer: str, before: tuple[Line, ...], after: tuple[Line, ...]) -> Change:
    gone = list((Counter(before) - Counter(after)).elements())
    new = list((Counter(after) - Counter(before)).elements())
    moved = []
    for old, twin in _nearest_first(gone, new):
        if old in gone and twin in new:
            moved.append(Moved(old.what, old.when, twin.when))
            gone.remove(old)
            new.remove(twin)
    return Change(customer, before, after, tuple(gone), tuple(new), tuple(moved))


def _nearest_first(gone: Sequence[Line], new: Sequence[Line]) -> list[tuple[Line, Line]]:
    """All that says the same at another time, the least moved first."""
    pairs = [(old, twin) for old in gone for twin in new if old.what == twin.what]
    return sorted(pairs, key=lambda pair: abs(_far(pair[0].when, pair[1].when)))


def _first_sentence(changes: Sequence[Change]) -> str:
    told = [
        _of_customers([len(each.gone) for each in changes], "is gone", "are gone"),
        _of_customers([len(each.new) for each in changes], "is new", "are new"),
        _of_customers([len(each.moved) for each in changes], "has moved", "have moved"),
    ]
    said = ", ".join(filter(None, told))
    if said:
        return f"{said}."
    if changes:
        return f"effects of {_plural(len(changes), 'customer')} stand in another order."
    return "nothing has changed."


def _of_customers(counts: Sequence[int], one: str, many: str) -> str:
    total, customers = sum(counts), sum(count > 0 for count in counts)
    if not total:
        return ""
    effects, of = _plural(total, "effect"), _plural(customers, "customer")
    return f"{effects} of {of} {one if total == 1 else many}"


def _diff(change: Change) -> Iterator[str]:
    heading = printable(written(change.customer))
    moved = Counter(f"{each.what} {_by(each.before, each.after)}" for each in change.moved)
    told = [f"{says}, {count} times" if count > 1 else says for says, count in moved.items()]
    yield f"{heading}: {'; '.join(told)}" if told else f"{heading}:"
    before, after = ([_line(each) for each in side] for side in (change.expected, change.found))
    lines = list(difflib.unified_diff(before, after, lineterm="", n=1))[2:]
    shown = ["  …" if each.startswith("@@") else f"{each[0]} {each[1:]}" for each in lines]
    yield from shown[1 if shown[:1] == ["  …"] else 0 :][:LINES_SHOWN]
    if len(shown) > LINES_SHOWN:
        yield f"  … {_plural(len(shown) - LINES_SHOWN, 'more line')}"


def _line(line: Line) -> str:
    return f"{line.when:<16}  {line.what}"


def _by(before: str, after: str) -> str:
    """How far something has moved.

    >>> _by("2024-03-31", "2024-03-21"), _by("2024-03-01", "2024-03-01 02:00")
    ('10 days earlier', '2 hours later')
    """
    far = _far(before, after)
    words = "later" if far > timedelta() else "earlier"
    if abs(far) >= timedelta(days=1):
        return f"{_plural(round(abs(far) / timedelta(days=1)), 'day')} {words}"
    if abs(far) >= timedelta(hours=1):
        return f"{_plural(round(abs(far) / timedelta(hours=1)), 'hour')} {words}"
    return f"{_plural(round(abs(far) / timedelta(minutes=1)), 'minute')} {words}"


def _far(before: str, after: str) -> timedelta:
    return datetime.fromisoformat(after) - datetime.fromisoformat(before)


def _counted(expected: Golden, found: Golden) -> Iterator[str]:
    """What differs of everybody, who is not shown line by line."""
    sizes, kinds = list(_sizes(expected, found)), list(_kinds(expected, found))
    if sizes or kinds:
        yield from ("", "Of all customers together:", *sizes, *kinds, "")


def _sizes(expected: Golden, found: Golden) -> Iterator[str]:
    both = expected.sizes.keys() | found.sizes.keys()
    for segment in sorted({each.segment for each in both}):
        weeks = sorted(each for each in both if each.segment == segment)
        other = [each for each in weeks if expected.sizes.get(each, 0) != found.sizes.get(each, 0)]
        if other:
            first, last = (
                f"{expected.sizes.get(each, 0):,} → {found.sizes.get(each, 0):,}"
                for each in (other[0], other[-1])
            )
            yield (
                f"  segment {segment.removeprefix('rule/')}: other sizes at the end of {len(other)} of "
                f"{_plural(len(weeks), 'week')}, first on {other[0].week}: {first} customers"
                + (f", last on {other[-1].week}: {last}" if len(other) > 1 else "")
            )


def _kinds(expected: Golden, found: Golden) -> Iterator[str]:
    for kind in sorted(expected.kinds.keys() | found.kinds.keys()):
        before, after = expected.kinds.get(kind), found.kinds.get(kind)
        if before == after:
            continue
        counts = [0 if each is None else each.effects for each in (before, after)]
        if counts[0] == counts[1]:
            yield f"  {kind}: {_plural(counts[0], 'effect')}, but of other customers or at other times"
        else:
            yield f"  {kind}: {counts[0]:,} → {_plural(counts[1], 'effect')}"


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
