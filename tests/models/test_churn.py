"""Churn risk: who speaks, and bands that are relative and hold still."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.bgnbd import BgNbd
from models.churn import BANDS, EASE, Band, RiskModels, band_of, elevated_from, risk_within
from models.churn_features import FEATURES
from models.risk_model import RiskModel, risk
from models.sample import SampledCustomer
from models.value import no_purchase

DAY = 738_886  # 2024-01-01
CUSTOMER = SampledCustomer(DAY, 3, 3_000, 2_500, 2_500, 700, (DAY, DAY + 7, DAY + 14))
PURCHASES = BgNbd(0.8, 12.0, 0.7, 4.0)
WIDTH = len(FEATURES)
MODEL = RiskModel(-1.0, (0.1,) * WIDTH, (2.0,) * WIDTH, (1.5,) * WIDTH)
SEEN = (1.0,) * WIDTH
ACTIVE = Band("active", 500, base_rate=0.2, high_from_minor=10_000)


def test_the_model_speaks_if_there_is_one_else_bgnbd_else_nobody() -> None:
    asked = CUSTOMER, DAY + 20, 28
    assert risk_within(*asked, MODEL, PURCHASES, SEEN) == risk(MODEL, SEEN)
    assert risk_within(*asked, MODEL, None, SEEN) == risk(MODEL, SEEN)
    assert risk_within(*asked, None, PURCHASES, ()) == no_purchase(*asked, PURCHASES)
    assert risk_within(*asked, None, None, SEEN) is None


def test_each_horizon_has_its_own_source() -> None:
    other = MODEL._replace(intercept=1.0)
    both = RiskModels(MODEL, other, "model", "model")
    assert (both.model(own=False), both.model(own=True)) == (MODEL, other)
    fallen_back = both._replace(common_source="bgnbd")
    assert (fallen_back.model(own=False), fallen_back.model(own=True)) == (None, other)
    assert RiskModels(common_source="model").model(own=False) is None


def test_bands_are_found_by_lifecycle_state() -> None:
    dormant = Band("dormant", 30, 0.6, 4_000)
    risks = RiskModels(bands=(ACTIVE, dormant))
    assert (risks.band("active"), risks.band("dormant")) == (ACTIVE, dormant)
    assert risks.band("churned") is None


@pytest.mark.parametrize(
    ("own_risk", "at_stake", "band"),
    [
        (0.1, 99_999, "low"),  # little risk, however much is at stake
        (0.199, 99_999, "low"),
        (0.2, 9_999, "low"),
        (0.272, 9_999, "low"),
        (0.273, 9_999, "elevated"),  # odds half as high again as usual
        (0.2, 10_000, "high"),
        (0.9, 0, "elevated"),
        (1.0, 99_999, "high"),
    ],
)
def test_who_was_in_no_band_is_put_where_they_belong(
    own_risk: float, at_stake: float, band: str
) -> None:
    assert band_of(own_risk, at_stake, ACTIVE, None) == band
    assert band_of(own_risk, at_stake, ACTIVE, "low") == band


@pytest.mark.parametrize(
    ("current", "own_risk", "at_stake", "band"),
    [
        ("low", 0.25, 9_999, "low"),
        ("elevated", 0.219, 0, "elevated"),
        ("elevated", 0.218, 0, "low"),
        ("elevated", 0.219, 9_500, "elevated"),  # high is not eased for who is not in it
        ("elevated", 0.219, 10_000, "high"),
        ("high", 0.161, 8_001, "high"),
        ("high", 0.219, 7_999, "elevated"),
        ("high", 0.161, 7_999, "low"),
        ("high", 0.159, 99_999, "low"),
    ],
)
def test_who_is_in_a_band_leaves_it_only_clearly_below(
    current: str, own_risk: float, at_stake: float, band: str
) -> None:
    assert band_of(own_risk, at_stake, ACTIVE, current) == band


def test_a_risk_that_is_usual_for_the_dormant_is_alarming_for_the_active() -> None:
    dormant = Band("dormant", 30, base_rate=0.6, high_from_minor=10_000)
    assert band_of(0.5, 20_000, ACTIVE, None) == "high"
    assert band_of(0.5, 20_000, dormant, None) == "low"


risks = st.floats(0, 1)
stakes = st.floats(0, 50_000)
bands = st.builds(Band, st.just("active"), st.just(9), risks, st.integers(1, 40_000))
currents = st.sampled_from((None, *BANDS))


@given(risks, stakes, bands, currents)
def test_looking_twice_changes_nothing(
    own_risk: float, at_stake: float, usual: Band, current: str | None
) -> None:
    once = band_of(own_risk, at_stake, usual, current)
    assert band_of(own_risk, at_stake, usual, once) == once


@given(risks, stakes, bands, currents, st.floats(0, 1), st.floats(0, 50_000))
def test_more_risk_and_more_at_stake_never_lower_a_band(
    own_risk: float, at_stake: float, usual: Band, current: str | None, more: float, dearer: float
) -> None:
    less = BANDS.index(band_of(own_risk, at_stake, usual, current))
    riskier = band_of(min(1.0, own_risk + more), at_stake + dearer, usual, current)
    assert BANDS.index(riskier) >= less


@given(risks, stakes, bands, currents)
def test_inertia_keeps_nobody_who_is_clearly_elsewhere(
    own_risk: float, at_stake: float, usual: Band, current: str | None
) -> None:
    band, base_rate = band_of(own_risk, at_stake, usual, current), usual.base_rate
    if own_risk < EASE * base_rate:
        assert band == "low"
    if own_risk >= elevated_from(base_rate):
        assert band != "low"
    if band == "high":
        assert at_stake >= EASE * usual.high_from_minor
