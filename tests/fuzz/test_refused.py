"""What was once accepted and then stopped a worker: refused where it arrives."""

from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest

from models.barrier import CorruptBarrier, decode_barrier
from models.behaviour import BEHAVIOUR
from models.codec import CorruptState, decode_state, encode_state
from models.events import Item
from models.experience_codec import CorruptExperience, decode_experience
from models.population import CorruptPopulation, decode_population
from tests.fuzz import learned, persons
from tests.support.story import noon, purchase, tell

BREAD = Item(sku="b", quantity=2, unit_price_minor=250, category="bread")
CUSTOMER = tell(
    *(purchase(f"p{day}", noon(day), order=f"o{day}", items=[BREAD]) for day in range(3))
).customer
PURCHASES, FIRST_MS, DAYS, CADENCE, LIMITS, DUE = 0, 3, 6, 13, 14, 22  # places in a packed ledger


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ([1], "long ago"),
        ([1], -1),
        ([1], 2**62),
        ([2], 2**63),
        ([3, PURCHASES], 0),
        ([3, FIRST_MS], 10**15),
        ([3, DAYS], [738_886, 0]),
        ([3, DAYS], [738_886, 2**40]),
        ([3, CADENCE], float("nan")),
        ([3, CADENCE], 0.0),
        ([3, LIMITS], None),
        ([3, DUE], 4),
        ([6, 0, 0], 10**18),
        ([6, 0, 3], 2**63),
        ([6, 0, 6], 0),
        ([6, 0, 9], b"bits" * 10),
        ([12], {"": 0}),
        ([12], {"x" * 300: 0}),
        ([12], "names"),
    ],
    ids=str,
)
def test_a_state_that_comes_through_the_log_holds_only_numbers_that_can_be(
    place: list[int], wrong: object
) -> None:
    fields = msgpack.unpackb(encode_state(CUSTOMER))
    assert decode_state(msgpack.packb(fields)) == CUSTOMER
    *path, last = place
    inside = fields
    for at in path:
        inside = inside[at]
    inside[last] = wrong
    with pytest.raises(CorruptState):
        decode_state(msgpack.packb(fields))


def test_every_state_of_the_samples_is_let_through() -> None:
    assert [encode_state(decode_state(each)) for each in persons.states()] == persons.states()


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (["as_of_day"], 10**9),
        (["gap_days"], 10**400),
        (["recency", "quintiles"], [1, 2, 3, 10**7]),
        (["recency", "mean"], float("inf")),
        (["clusters", "clusters"], []),
        (["clusters", "scales"], [500] * (len(BEHAVIOUR) - 1)),
        (["clusters", "scales"], [10**400] * len(BEHAVIOUR)),
        (["risk", "common", "weights"], [0.5]),
        (["risk", "common", "scales"], [0.0] * 11),
        (["value", "purchases", "a"], -1.0),
        (["value", "spend", "q"], 1.0),
        (["value", "remaining_years"], 0.0),
        (["value", "bias"], float("nan")),
    ],
    ids=str,
)
def test_a_population_holds_only_models_that_can_be_worked_out(
    path: list[str], wrong: object
) -> None:
    fields = json.loads(learned.populations()[0])
    *above, last = path
    inside: Any = fields
    for name in above:
        inside = inside[name]
    inside[last] = wrong
    with pytest.raises(CorruptPopulation):
        decode_population(json.dumps(fields).encode())


@pytest.mark.parametrize(
    ("slot", "wrong"),
    [
        ("level", b"65"),
        ("level", b"-1"),
        ("spend", b"9" * 40),
        ("h1" + "0" * 16, msgpack.packb((738_900, 1, 5, 1_000, 5, 600, [738_900]))),
        ("h01", msgpack.packb((738_900, 1, 2**63, 1_000, 5, 600, [738_900]))),
        ("h01", msgpack.packb((738_900, 1, 5, 1_000, 5, 600, [738_900], [2**40] * 6))),
    ],
    ids=str,
)
def test_a_barrier_holds_only_what_fits_beside_the_others(slot: str, wrong: bytes) -> None:
    *head, slots = msgpack.unpackb(learned.barriers()[0])
    assert decode_barrier(msgpack.packb([*head, slots])).slots == slots
    with pytest.raises(CorruptBarrier):
        decode_barrier(msgpack.packb([*head, slots | {slot: wrong}]))


def test_a_barrier_is_of_a_day_that_the_calendar_has() -> None:
    schema, partition, partitions, _, slots = msgpack.unpackb(learned.barriers()[2])
    with pytest.raises(CorruptBarrier):
        decode_barrier(msgpack.packb([schema, partition, partitions, 2**40, slots]))


@pytest.mark.parametrize(
    ("field", "wrong"), [(5, [0.5, 9.0, 0.8, 1e9]), (8, [20.0, 5e-324, 1.0, 1.0])]
)
def test_experience_holds_only_parameters_that_give_finite_forecasts(
    field: int, wrong: list[float]
) -> None:
    schema, fields, *learners = msgpack.unpackb(learned.experiences()[1])
    fields[field] = wrong
    with pytest.raises(CorruptExperience):
        decode_experience(msgpack.packb([schema, fields, *learners]))
