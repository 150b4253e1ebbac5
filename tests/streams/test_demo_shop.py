"""Whose purchases the demo replays: a file of one's own is read, sorted and given a policy that fits it."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.policy import PolicyError
from streams.demo_shop import complete_journey, shop_of_file
from streams.sources import SourceError

HEADER = "customer_id,occurred_at,amount,currency\n"
THREE = (
    HEADER + "ada,2024-03-02T10:00:00Z,19.90,EUR\n"
    "bert,2024-03-01T10:00:00Z,5.00,EUR\n"
    "carl,2024-03-20T10:00:00Z,7,USD\n"
)


def written(folder: Path, text: str) -> Path:
    path = folder / "sales.csv"
    path.write_text(text, "utf-8")
    return path


def test_a_file_is_replayed_by_event_time_whatever_its_order(tmp_path: Path) -> None:
    shop = shop_of_file(written(tmp_path, THREE), None)
    assert [each.customer_id for each in shop.dataset.read()] == ["bert", "ada", "carl"]
    assert (shop.name, shop.dataset.count_records()) == ("sales.csv", 3)


def test_without_a_policy_the_currency_is_that_of_most_purchases(tmp_path: Path) -> None:
    policy = shop_of_file(written(tmp_path, THREE), None).policy
    assert (policy.preset, policy.business.currency) == ("general", "EUR")


def test_a_policy_of_ones_own_holds_as_it_is_written(tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text('preset = "grocery"\n', "utf-8")
    shop = shop_of_file(written(tmp_path, THREE), config)
    assert (shop.policy.preset, shop.policy.business.currency) == ("grocery", "USD")
    assert shop.text == 'preset = "grocery"\n'


def test_only_the_first_days_are_kept_if_asked_for(tmp_path: Path) -> None:
    shop = shop_of_file(written(tmp_path, THREE), None, days=2)
    assert [each.customer_id for each in shop.dataset.read()] == ["bert", "ada"]


def test_an_empty_file_a_bad_row_and_a_bad_policy_are_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no events; a header and at least one row"):
        shop_of_file(written(tmp_path, HEADER), None)
    with pytest.raises(SourceError, match=r"line 2, column occurred_at: found '1 March'"):
        shop_of_file(written(tmp_path, HEADER + "ada,1 March,1.00,EUR\n"), None)
    config = tmp_path / "mine.toml"
    config.write_text('preset = "groceries"\n', "utf-8")
    with pytest.raises(PolicyError, match=r"mine\.toml"):
        shop_of_file(written(tmp_path, THREE), config)


def test_the_demo_is_a_grocer_with_segments_of_their_own() -> None:
    shop = complete_journey(days=1)
    assert (shop.name, shop.policy.preset) == ("Complete Journey", "grocery")
    assert "families" in shop.policy.segments
    assert shop.dataset.count_records() > 800
