"""A setting and its values, as they are written on the command line."""

from __future__ import annotations

import re

import pytest

from models.grid import GridError, parsed_grid, require_known, with_value


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("2..4", (2, 3, 4)),
        ("1..2:.5", (1, 1.5, 2)),
        (".3...6:.1", (0.3, 0.4, 0.5, 0.6)),
        ("-2..0", (-2, -1, 0)),
        ("1..4:2", (1, 3)),
        ("own,common", ("own", "common")),
        ("true,false", (True, False)),
        ("7, 14,28", (7, 14, 28)),
        ("'a b',\"c\"", ("a b", "c")),
    ],
)
def test_values_are_written_as_a_range_or_a_list(written: str, values: tuple[object, ...]) -> None:
    found = parsed_grid(f"some.key={written}")
    assert found == ("some.key", values)
    assert list(map(type, found.values)) == list(map(type, values))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("some.key", "write lifecycle.dormant.cycles=2..6"),
        ("=2..6", "write lifecycle.dormant.cycles=2..6"),
        ("some.key=", "write lifecycle.dormant.cycles=2..6"),
        ("some.key=3", "found 1 values, write 2 to 24"),
        ("some.key=6..2", "goes nowhere"),
        ("some.key=2..6:0", "goes nowhere"),
        ("some.key=1..1000000000", "at most 24 are tried"),
        ("some.key=1..2.3.4", "is no number"),
        ("some.key=1,1.0", "stands there twice"),
    ],
)
def test_what_is_no_grid_is_refused_with_the_way_out(text: str, said: str) -> None:
    with pytest.raises(GridError, match=re.escape(said)):
        parsed_grid(text)


def test_a_setting_that_there_is_not_names_the_nearest() -> None:
    known = ["lifecycle.dormant.cycles", "lifecycle.new_days"]
    require_known("lifecycle.new_days", known)
    with pytest.raises(GridError, match=r"did you mean lifecycle\.dormant\.cycles\?"):
        require_known("lifecycle.dormnt.cycles", known)
    with pytest.raises(GridError, match="is a section; name a setting in it"):
        require_known("lifecycle.dormant", known)
    with pytest.raises(GridError, match="config show prints all settings"):
        require_known("zzz", known)


def test_one_setting_changes_and_nothing_else() -> None:
    tables = {"preset": "grocery", "lifecycle": {"mode": "fixed", "dormant": {"cycles": 4}}}
    assert with_value(tables, "lifecycle.dormant.cycles", 5) == {
        "preset": "grocery",
        "lifecycle": {"mode": "fixed", "dormant": {"cycles": 5}},
    }
    assert tables["lifecycle"] == {"mode": "fixed", "dormant": {"cycles": 4}}
