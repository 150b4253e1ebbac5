"""Personas of a grocer's households, events first: sizes, spend and rhythm are those of the raw tables.

One household in seventy-five by default; EVERY_NTH_HOUSEHOLD=1 takes all, as docs/personas-complete-journey.md does.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from models.persona_card import Favourite
from models.persona_told import Told, told_of
from models.policy import Policy, policy_from_toml
from models.policy_personas import Spoken
from models.survey import Survey
from streams.datasets import complete_journey
from streams.surveyed_events import survey_of_events
from tests.golden.raw_journey import households, lines, raw
from tests.models.persona_truth import falsehoods

EVERY_NTH = int(os.environ.get("EVERY_NTH_HOUSEHOLD", "75"))
POLICY_FILE = Path(__file__).parents[2] / "examples" / "personas" / "segmenter.toml"
FAMILIES = ("1 Adult Kids", "2 Adults Kids")


@pytest.fixture(scope="module")
def policy() -> Policy:
    return policy_from_toml(POLICY_FILE.read_text("utf-8"), POLICY_FILE.name)


@pytest.fixture(scope="module")
def chosen() -> list[int]:
    return households()[::EVERY_NTH]


@pytest.fixture(scope="module")
def journey(chosen: list[int], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set, of these households alone: reading all of it would take longer than folding these."""
    folder = tmp_path_factory.mktemp("journey")
    for name in ("demographics", "transactions"):
        table = raw(name)
        some = table[table["household_id"].isin(chosen)]
        some.to_parquet(folder / f"{name}.parquet", index=False)
    raw("products").to_parquet(folder / "products.parquet", index=False)
    return folder


@pytest.fixture(scope="module")
def survey(policy: Policy, journey: Path) -> Survey:
    records = complete_journey(journey)
    return asyncio.run(survey_of_events(records, policy, lambda _: None)).taken.survey


@pytest.fixture(scope="module")
def told(policy: Policy, survey: Survey) -> Mapping[str, Told]:
    return told_of(survey, policy)


@pytest.fixture(scope="module")
def bought(chosen: list[int]) -> pd.DataFrame:
    """The lines of the year that ends with the last day on which anybody of them bought."""
    some = lines()[lines()["household"].isin(chosen)]
    return some[some["day"] > some["day"].max() - 365]


def test_every_sentence_is_backed_by_a_number_of_its_card(told: Mapping[str, Told]) -> None:
    assert [fault for each in told.values() for fault in falsehoods(each.persona)] == []


def test_names_and_titles_differ_within_a_kind(told: Mapping[str, Told]) -> None:
    clusters = [
        each.persona.names["zh"] for name, each in told.items() if name.startswith("cluster/")
    ]
    assert len(set(clusters)) == len(clusters) >= 2


def test_what_the_policy_leaves_out_is_on_no_card(
    told: Mapping[str, Told], policy: Policy, survey: Survey
) -> None:
    left_out = ("LUNCHMEAT", "SOFT DRINKS", "marital_status")
    without = policy.model_copy(update={"personas": Spoken(leave_out=left_out)})
    assert {"category/SOFT DRINKS", "category/LUNCHMEAT"} & _on_cards(told)
    shown = _on_cards(told_of(survey, without, {name: each.persona for name, each in told.items()}))
    assert [each for each in shown if each.rpartition("/")[2] in left_out] == []
    assert "category/BEEF" in shown


def _on_cards(told: Mapping[str, Told]) -> set[str]:
    rows = [row for each in told.values() for row in (*each.card.favourites, *each.card.traits)]
    return {"/".join(row[:2]) if isinstance(row, Favourite) else f"trait/{row[0]}" for row in rows}


def test_the_card_of_families_is_what_the_raw_tables_say(
    told: Mapping[str, Told], bought: pd.DataFrame, chosen: list[int]
) -> None:
    described = raw("demographics").set_index("household_id")["household_comp"]
    families = {each for each in chosen if described.get(each) in FAMILIES}
    theirs = bought[bought["household"].isin(families)]
    card = told["rule/families"].card
    days = theirs[["household", "day"]].drop_duplicates()
    assert card.size.customers == len(families)
    assert card.size.spend_minor == theirs["spend"].sum()
    assert card.numbers["purchase_days_365d.mean"] == pytest.approx(len(days) / len(families), 1e-5)
    assert card.size.spend_share == pytest.approx(
        theirs["spend"].sum() / bought["spend"].sum(), 1e-5
    )


def test_what_most_money_goes_into_is_what_the_raw_tables_say(
    told: Mapping[str, Told], bought: pd.DataFrame
) -> None:
    card = told["lifecycle/active"].card
    whole = bought.groupby("category")["by_piece"].sum()
    for each in card.favourites[:3]:
        assert each.dimension == "category"
        assert each.share / each.lift == pytest.approx(whole[each.label] / whole.sum(), 1e-4)
