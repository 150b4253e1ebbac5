"""Golden files: what is written can be read back, and what differs is told in words."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.effects import EffectType
from streams import golden as golden_module
from streams import golden_words, scenario_times
from streams.golden import (
    Golden,
    GoldenUnreadable,
    Line,
    Size,
    Total,
    as_text,
    golden_of,
    parsed,
)
from streams.golden_files import GoldenDiffers, Updating, compare
from streams.golden_words import difference
from streams.scenario_effects import Effect

MONDAY = datetime(2024, 3, 4, tzinfo=UTC)


def golden(*lines: str) -> Golden:
    """Lines as "ada 2024-03-31 enters vip"; an underscore stands before a time."""
    found = []
    for each in lines:
        customer, when, what = each.split(" ", 2)
        found.append(Line(customer, when.replace("_", " "), what))
    return Golden(tuple(found), {}, {})


def said(before: Golden, after: Golden) -> list[str]:
    found = difference(before, after)
    assert found is not None
    return found.splitlines()


def effect(
    customer: str, day: int, what: str, segment: str | None = None, **other: object
) -> Effect:
    """A rule's segment entered, or the lifecycle changed, on a day after that Monday."""
    at = MONDAY + timedelta(days=day)
    entered = what.startswith("enters")
    kind = EffectType.SEGMENT_ENTERED if entered else EffectType.SEGMENT_EXITED
    values: dict[str, object] = {
        "text": f"{at.date()}: {what}",
        "type": str(kind if segment else EffectType.LIFECYCLE_CHANGED),
        "customer": customer,
        "at": at,
        "what": what,
        "before": None,
        "after": None,
        "reason": "time",
        "segment": segment,
        "scheme": None,
        "flags": (),
        "retracts": (),
        "sequence": 1,
    }
    return Effect(**{**values, **other})  # type: ignore[arg-type]  # literals of a test


customers = st.text(min_size=1, max_size=12).filter(lambda text: text.isprintable() or "\n" in text)
lines = st.builds(
    Line,
    customers,
    st.sampled_from(["2024-03-01", "2024-03-01 14:30"]),
    st.sampled_from(["enters vip (time)", "lifecycle none → new (purchase)"]),
)


@given(st.lists(lines, max_size=5))
def test_what_is_written_can_be_read_back_whatever_ids_look_like(found: list[Line]) -> None:
    kinds = {"enters vip (time)": Total(3, "0a1b2c3d")}
    whole = Golden(tuple(found), {Size("rule/vip", "2024-03-10"): 2}, kinds)
    assert parsed(as_text(whole, ["made by hand"]), "x.txt") == whole


def test_a_file_reads_like_a_diary() -> None:
    found = golden(
        "ada 2024-03-01_12:00 lifecycle none → new (purchase)", "bo 2024-03-31 enters vip"
    )
    assert as_text(found, ["made by hand"]) == (
        "# made by hand\n"
        "[effects]\n"
        "2024-03-01 12:00  ada  lifecycle none → new (purchase)\n"
        "2024-03-31        bo  enters vip\n"
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[effects]\n31 March: ada\n", "line 2: expected a moment, a customer and what happened"),
        ("[effects]\n2024-03-31  ada\n", "line 2: expected a customer and what happened"),
        ("[results]\n", "line 1: no section is called '[results]'"),
        ("2024-03-31  ada  enters vip\n", "line 1: there is no section yet"),
        ("[all effects]\nenters vip  many  0a1b2c3d\n", "line 2: invalid literal"),
    ],
)
def test_a_file_that_was_edited_into_nonsense_is_told_by_its_line(text: str, fault: str) -> None:
    with pytest.raises(GoldenUnreadable, match=r"vip\.txt, ") as told:
        parsed(text, "vip.txt")
    assert fault in str(told.value)
    assert "pytest --segmenter-update-golden" in str(told.value)


def test_what_is_the_same_is_not_told() -> None:
    assert (
        difference(golden("ada 2024-03-31 enters vip"), golden("ada 2024-03-31 enters vip")) is None
    )


def test_what_has_moved_is_told_with_how_far() -> None:
    before = golden("ada 2024-03-01 is new", "ada 2024-03-31 enters quiet", "bo 2024-03-01 is new")
    after = golden("ada 2024-03-01 is new", "ada 2024-03-21 enters quiet", "bo 2024-03-01 is new")
    assert said(before, after) == [
        "1 effect of 1 customer has moved.",
        "If that is what the change was meant to do, accept it: pytest --segmenter-update-golden",
        "",
        "ada: enters quiet 10 days earlier",
        "  2024-03-01        is new",
        "- 2024-03-31        enters quiet",
        "+ 2024-03-21        enters quiet",
    ]


def test_what_is_gone_and_what_is_new_are_counted_by_effects_and_customers() -> None:
    before = golden("ada 2024-03-01 a", "ada 2024-03-02 b", "bo 2024-03-01 a", "di 2024-03-01 a")
    after = golden("bo 2024-03-01 c", "di 2024-03-01 a")
    assert (
        said(before, after)[0]
        == "3 effects of 2 customers are gone, 1 effect of 1 customer is new."
    )


def test_an_effect_moves_to_the_nearest_of_its_like() -> None:
    before = golden("ada 2024-07-04 enters quiet", "ada 2024-09-29 enters quiet")
    after = golden(
        "ada 2024-05-15 enters quiet", "ada 2024-06-24 enters quiet", "ada 2024-09-19 enters quiet"
    )
    told = said(before, after)
    assert told[0] == "1 effect of 1 customer is new, 2 effects of 1 customer have moved."
    assert told[3] == "ada: enters quiet 10 days earlier, 2 times"


def test_hours_and_minutes_are_told_as_such() -> None:
    before = golden("ada 2024-03-01 a", "bo 2024-03-01_10:00 b")
    after = golden("ada 2024-03-01_02:00 a", "bo 2024-03-01_09:59 b")
    assert [each for each in said(before, after) if ":" in each[:4]] == [
        "ada: a 2 hours later",
        "bo: b 1 minute earlier",
    ]


def test_another_order_within_a_moment_is_told_as_that() -> None:
    before = golden("ada 2024-03-01 a", "ada 2024-03-01 b")
    after = golden("ada 2024-03-01 b", "ada 2024-03-01 a")
    assert said(before, after)[0] == "effects of 1 customer stand in another order."


def test_of_many_customers_ten_are_shown() -> None:
    told = said(golden(*(f"c{number} 2024-03-01 a" for number in range(25))), golden())
    assert told[0] == "25 effects of 25 customers are gone."
    assert told[-1] == "… and 15 more customers"
    assert len(told) < 40


def test_an_id_that_would_steer_the_terminal_is_written_out() -> None:
    line = Line("\x1b[2J", "2024-03-01", "a")
    assert "\x1b" not in "\n".join(said(Golden((line,), {}, {}), golden()))


def test_segments_and_kinds_of_everybody_are_told_as_a_marketer_counts_them() -> None:
    weeks = ("2024-03-10", "2024-03-17", "2024-03-24")
    sizes = ((5, 5, 5), (5, 1_205, 1_377))
    kinds = (
        {"enters vip (time)": Total(7, "aa"), "won back": Total(2, "aa")},
        {"enters vip (time)": Total(1_400, "bb"), "won back": Total(2, "bb")},
    )
    before, after = (
        Golden(
            (),
            {Size("rule/vip", week): count for week, count in zip(weeks, counts, strict=True)},
            each,
        )
        for counts, each in zip(sizes, kinds, strict=True)
    )
    assert said(before, after)[:6] == [
        "of the customers shown line by line, nothing has changed.",
        "",
        "Of all customers together:",
        "  segment vip: other sizes at the end of 2 of 3 weeks, first on 2024-03-17: 5 → 1,205 customers, "
        "last on 2024-03-24: 5 → 1,377",
        "  enters vip (time): 7 → 1,400 effects",
        "  won back: 2 effects, but of other customers or at other times",
    ]


def test_everybody_is_counted_by_segment_at_the_end_of_each_week() -> None:
    told = [
        effect("ada", 0, "enters vip (time)", "vip"),
        effect("bo", 8, "enters vip (time)", "vip"),
        effect("ada", 15, "leaves vip (time)", "vip"),
        effect("di", 15, "lifecycle none → new", after="new", flags=("overdue",)),
        effect("bo", 22, "is forgotten", type="customer.erased"),
    ]
    sizes = golden_of(told, shown=()).sizes
    assert {week: sizes[Size("rule/vip", week)] for week in ("2024-03-10", "2024-03-17")} == {
        "2024-03-10": 1,
        "2024-03-17": 2,
    }
    assert sizes[Size("rule/vip", "2024-03-24")] == 1
    assert sizes[Size("rule/vip", "2024-03-31")] == 0
    assert (
        sizes[Size("lifecycle/new", "2024-03-31")] == sizes[Size("flag/overdue", "2024-03-31")] == 1
    )


def test_the_digest_of_a_kind_tells_other_customers_and_other_days() -> None:
    digests = {
        golden_of([effect(customer, day, "enters vip (time)", "vip")], ()).kinds[
            "enters vip (time)"
        ]
        for customer, day in (("ada", 0), ("bo", 0), ("ada", 1))
    }
    assert len(digests) == 3


def test_a_file_that_is_not_there_is_told_with_the_way_to_write_it(tmp_path: Path) -> None:
    with pytest.raises(
        GoldenDiffers, match=r"vip.txt: there is no such file yet; write it: pytest --"
    ):
        compare(tmp_path / "vip.txt", "vip.txt", golden(), [])


def test_a_run_that_updates_writes_a_file_once_and_then_compares(tmp_path: Path) -> None:
    wrote: list[Path] = []
    update, path = Updating(wrote.append), tmp_path / "new" / "vip.txt"
    update(path, "vip.txt", golden("ada 2024-03-01 a"), ["head"])
    update(path, "vip.txt", golden("ada 2024-03-01 a"), ["another head"])
    with pytest.raises(GoldenDiffers, match="has moved"):
        update(path, "vip.txt", golden("ada 2024-03-02 a"), ["head"])
    assert path.read_text("utf-8").startswith("# head\n[effects]\n2024-03-01        ada  a\n")
    assert wrote == [path]


def test_a_run_that_updates_leaves_what_is_right_alone(tmp_path: Path) -> None:
    wrote: list[Path] = []
    path = tmp_path / "vip.txt"
    for update in (Updating(wrote.append), Updating(wrote.append)):
        update(path, "vip.txt", golden("ada 2024-03-01 a"), ["head"])
    assert wrote == [path]


@pytest.mark.parametrize("module", [golden_module, golden_words, scenario_times])
def test_the_examples_in_the_code_are_true(module: ModuleType) -> None:
    told = doctest.testmod(module)
    assert told.failed == 0
    assert told.attempted > 0


def test_what_is_no_golden_file_stays_as_it_is(tmp_path: Path) -> None:
    policy = tmp_path / "segmenter.toml"
    policy.write_text('preset = "grocery"\n', "utf-8")
    updating = Updating(lambda _path: None)
    with pytest.raises(
        GoldenDiffers, match=r"segmenter\.toml is no golden file, and stays as it is"
    ):
        updating(policy, "segmenter.toml", Golden((), {}, {}), [])
    assert policy.read_text("utf-8") == 'preset = "grocery"\n'
