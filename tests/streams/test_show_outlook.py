"""What is said of a customer's risk and value."""

from __future__ import annotations

from models.calendar import day_of
from models.codec import decode_state
from models.membership import CLUSTER, RISK, TIER, expected_groups, regrouped
from models.population import decode_population
from streams.lookup import Found
from streams.show_outlook import Expected, outlook_explained
from tests.fuzz import learned, persons
from tests.support.story import GROCERY, noon

AT_MS = noon(62)
POPULATION = decode_population(learned.populations()[0])
A_REGULAR, _ = regrouped(decode_state(persons.states()[0]), AT_MS, GROCERY, POPULATION)
FOUND = Found("c1", "c1", A_REGULAR, AT_MS, True, 0, 0, POPULATION, b"")  # noqa: FBT003


def test_a_lookup_names_the_tier_and_the_band_that_are_published() -> None:
    day = day_of(AT_MS, GROCERY.timezone)
    groups = dict(expected_groups(A_REGULAR, day, GROCERY, POPULATION))
    known = Expected(FOUND, GROCERY)
    assert (known.tier, known.band) == (groups[TIER], groups[RISK])
    assert (known.tier, known.band) == (A_REGULAR.groups[TIER], A_REGULAR.groups[RISK])
    assert known.cluster is not None
    assert str(known.cluster.id) == groups[CLUSTER]


def test_the_bands_are_explained_as_they_are_drawn() -> None:
    said = " ".join(outlook_explained(FOUND, GROCERY))
    assert "Band " in said
    assert "20% is usual in their lifecycle state" in said
    assert "elevated needs odds half as high again as usual." in said
