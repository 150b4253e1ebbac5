"""The policy file: presets, overrides, and errors that name the file, the key and the way out."""

from __future__ import annotations

import pytest

from models.policy import PolicyError, policy_from_mapping, policy_from_preset, policy_from_toml
from models.presets import PRESETS


def problem(text: str) -> str:
    with pytest.raises(PolicyError) as caught:
        policy_from_toml(text, source="shop.toml")
    return str(caught.value)


def test_an_empty_file_is_general_retail() -> None:
    policy = policy_from_toml("")
    assert policy == policy_from_preset("general")
    assert policy.lifecycle.prior_gap_days == 72.0
    assert (policy.business.timezone, policy.business.currency) == ("UTC", "USD")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_valid_and_explained(name: str) -> None:
    policy = policy_from_preset(name)
    assert policy.preset == name
    assert PRESETS[name].why.endswith(".")
    assert len(PRESETS[name].why.split()) > 8


def test_the_presets_are_those_of_the_design() -> None:
    assert list(PRESETS) == ["general", "grocery", "fashion", "travel", "auto", "b2b"]


def test_a_section_may_change_one_key_of_a_preset() -> None:
    policy = policy_from_toml('preset = "grocery"\n[lifecycle.churned]\nmax_days = 200')
    assert policy.lifecycle.churned.max_days == 200
    assert policy.lifecycle.churned.min_days == 42


def test_the_connection_table_is_none_of_its_business() -> None:
    assert policy_from_toml('[connection]\nredis = "redis://x"') == policy_from_toml("")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[lifecycle]\nchurn_days = 3",
            "shop.toml: lifecycle.churn_days: unknown key; remove it or check its spelling",
        ),
        (
            "[bussiness]\ntimezone = 'UTC'",
            "shop.toml: bussiness: unknown key; remove it or check its spelling",
        ),
        (
            "[business]\ntimezone = 'Berlin'",
            "shop.toml: business.timezone: 'Berlin' is not an IANA time zone; "
            "write one such as 'Europe/Berlin' (found 'Berlin')",
        ),
        (
            "preset = 'grocer'",
            "shop.toml: preset: 'grocer' is not known; "
            "choose one of general, grocery, fashion, travel, auto, b2b",
        ),
        (
            "[time]\nremembered_days = 400",
            "shop.toml: time.remembered_days: "
            "Input should be less than or equal to 366 (found 400)",
        ),
        (
            "[lifecycle]\nmode = 'guess'",
            "shop.toml: lifecycle.mode: Input should be 'adaptive' or 'fixed' (found 'guess')",
        ),
    ],
)
def test_an_error_names_the_file_the_key_and_the_remedy(text: str, message: str) -> None:
    assert problem(text) == message


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[lifecycle.overdue]\nfixed_days = 500", "overdue.fixed_days must be at most dormant.fix"),
        ("[lifecycle.dormant]\ncycles = 50", "dormant.cycles must be at most churned.cycles"),
        ("[lifecycle.churned]\nmin_days = 59", "dormant.min_days must be at most churned.min_days"),
        ("[lifecycle.overdue]\nmin_days = 91", "min_days must not exceed max_days"),
    ],
)
def test_limits_must_be_in_order(text: str, what: str) -> None:
    message = problem(text)
    assert message.startswith("shop.toml: lifecycle")
    assert what in message


@pytest.mark.parametrize("zone", ["", "Europe", "../etc/passwd", "Mars/Olympus", "\\u0000"])
def test_what_is_no_time_zone_is_said_to_be_none(zone: str) -> None:
    assert "is not an IANA time zone" in problem(f'[business]\ntimezone = "{zone}"')


@pytest.mark.parametrize("preset", ["['general']", "{ }", "3", "true", "''"])
def test_a_preset_is_named_by_a_known_word(preset: str) -> None:
    assert "choose one of general" in problem(f"preset = {preset}")


@pytest.mark.parametrize("text", ["preset = ", "[business", "a = 1\na = 2", "\ufeff[", "\x00"])
def test_what_is_not_toml_is_said_not_to_be(text: str) -> None:
    assert problem(text).startswith("shop.toml: not valid TOML: ")


@pytest.mark.parametrize("text", ["lifecycle = 3", "business = []", "time = 'now'"])
def test_a_section_is_a_table(text: str) -> None:
    assert problem(text).startswith(f"shop.toml: {text.partition(' ')[0]}: ")


def test_every_error_is_named_at_once() -> None:
    lines = problem("[business]\ncurrency = 'usd'\n[time]\nremembered_days = 0").splitlines()
    assert [line.split(": ")[1] for line in lines] == ["business.currency", "time.remembered_days"]


def test_a_policy_cannot_be_changed() -> None:
    policy = policy_from_preset("general")
    with pytest.raises(ValueError, match="frozen"):
        policy.preset = "grocery"  # type: ignore[misc]


def test_the_version_names_the_content_not_the_preset() -> None:
    grocery = policy_from_preset("grocery")
    preset = PRESETS["grocery"]
    tables = {"lifecycle": preset.lifecycle, "outlook": preset.outlook}
    spelled_out = policy_from_mapping(tables, source="<test>")
    assert spelled_out.version == grocery.version != policy_from_preset("general").version
    assert len(grocery.version) == 12


def test_times_are_given_in_the_units_of_their_names() -> None:
    time = policy_from_toml("[time]\nremembered_days = 2\nmax_source_silence_hours = 1.5").time
    assert time.remembered_ms == 172_800_000
    assert time.max_source_silence.total_seconds() == 5_400


@pytest.mark.parametrize(
    "rate", [{"rate": "0"}, {"rate": "-1"}, {"valid_from": "2024-99-99"}, {"rate": "much"}]
)
def test_a_rate_is_positive_and_its_day_is_a_day(rate: dict[str, str]) -> None:
    line = {"currency": "EUR", "valid_from": "2024-01-01", "rate": "1.1", **rate}
    with pytest.raises(PolicyError, match=f"business.exchange_rates.0.{next(iter(rate))}: "):
        policy_from_preset("general", business={"exchange_rates": [line]})
