"""Who is held out: close to the share asked for, the same for good, and known to nobody else."""

from __future__ import annotations

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.alert_record import Arm
from models.erasure import Pseudonyms
from models.holdout import arm_of
from models.policy_alerts import Alerts
from tests.support.histories import thoroughly

CUSTOMERS = [f"customer-{number}" for number in range(20_000)]
KEY = Pseudonyms(b"the installation's own")
ONE_IN_100 = 6.635  # chi-square of one degree of freedom: of independent draws 1 % lie beyond it


def held_out(
    share: float = 0.2, salt: str = "1", key: Pseudonyms = KEY, of: list[str] = CUSTOMERS
) -> frozenset[str]:
    alerts = Alerts(holdout=share, holdout_salt=salt)
    return frozenset(each for each in of if arm_of(each, alerts, key) is Arm.HELD_OUT)


def chi_square(one: frozenset[str], other: frozenset[str], of: int = len(CUSTOMERS)) -> float:
    """Of the table of two draws; large if one says something of the other."""
    cells = {
        (True, True): len(one & other),
        (True, False): len(one - other),
        (False, True): len(other - one),
        (False, False): of - len(one | other),
    }
    of_one = {True: len(one), False: of - len(one)}
    of_other = {True: len(other), False: of - len(other)}
    expected = {(a, b): of_one[a] * of_other[b] / of for a, b in cells}
    return sum((count - expected[cell]) ** 2 / expected[cell] for cell, count in cells.items())


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1, 0.2, 0.35, 0.5])
def test_the_share_held_out_is_the_one_asked_for(share: float) -> None:
    expected, deviation = share * len(CUSTOMERS), sqrt(share * (1 - share) * len(CUSTOMERS))
    assert abs(len(held_out(share)) - expected) < 3 * deviation


def test_a_share_of_nothing_holds_nobody_out() -> None:
    assert held_out(0.0) == frozenset()


def test_a_larger_share_holds_out_the_same_customers_and_others() -> None:
    assert held_out(0.05) < held_out(0.1) < held_out(0.5)


def test_who_is_held_out_never_changes() -> None:
    # a holdout that moved would be compared with people who had been told of
    first = [each for each in CUSTOMERS[:40] if each in held_out(0.1)]
    assert first == ["customer-0", "customer-2", "customer-7", "customer-29"]


@thoroughly
@given(st.text(max_size=80), st.floats(0, 0.5), st.text(max_size=64), st.binary(max_size=64))
def test_an_arm_follows_from_id_share_salt_and_key_alone(
    customer_id: str, share: float, salt: str, key: bytes
) -> None:
    one = arm_of(customer_id, Alerts(holdout=share, holdout_salt=salt), Pseudonyms(key))
    other = Alerts(holdout=share, holdout_salt=salt, wait_hours=7, frequency_cap=0)
    assert arm_of(customer_id, other, Pseudonyms(key)) is one


@pytest.mark.parametrize("salt", ["2", "", "1 ", "spring"])
def test_another_salt_draws_others_without_regard_to_the_first(salt: str) -> None:
    one, other = held_out(0.2), held_out(0.2, salt)
    assert one != other
    assert chi_square(one, other) < ONE_IN_100


@pytest.mark.parametrize("key", [b"another installation's", b"", b"the installation's own "])
def test_without_the_key_nothing_can_be_said_of_who_it_is(key: bytes) -> None:
    one, other = held_out(0.2), held_out(0.2, key=Pseudonyms(key))
    assert one != other
    assert chi_square(one, other) < ONE_IN_100


def test_who_is_held_out_has_nothing_to_do_with_who_is_in_the_sample() -> None:
    by_place = sorted(CUSTOMERS, key=KEY.sampled)
    in_the_sample = frozenset(by_place[: len(CUSTOMERS) // 5])
    assert chi_square(held_out(0.2), in_the_sample) < ONE_IN_100
