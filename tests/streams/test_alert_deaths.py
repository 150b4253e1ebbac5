"""A delivery process dies at any of its meetings with the shelf, or lives on as a zombie; the next one
ends what it has begun.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from models.alert_record import Arm, Decision
from streams.memory_shelf import MemoryShelf
from streams.shelf import Fenced, Shelf
from tests.models.alert_shops import DORMANT, SLIPPING
from tests.streams.alert_office import AlertOffice, customer, names, opened, rules, successor
from tests.streams.posting import Passing, Posted, endpoint

SHOP = rules(
    slipping={**SLIPPING, "quiet_hours": "21:00-08:00"},
    best={**SLIPPING, "daily_budget": 2},
    dormant={**DORMANT, "channel": "email"},
    alerts={"holdout": 0.5, "frequency_cap": 3},
)
ENDPOINTS = [endpoint("crm"), endpoint("bi", batch=3)]
PEOPLE = [*names(Arm.TREATED, SHOP, 6), *names(Arm.HELD_OUT, SHOP, 3)]
CUSTOMERS = {each: customer(consent_email=place % 2 == 0) for place, each in enumerate(PEOPLE)}
STEPS, DEATHS_A_STEP = 12, 4


class Killed(RuntimeError):
    """The process is no more."""


class MortalShelf(Passing):
    """The shelf, as a process reaches it that will die at its so manyeth meeting."""

    def __init__(self, shelf: Shelf, left: int) -> None:
        super().__init__(shelf)
        self._left = left

    async def meets(self, call: str, moment: str) -> None:
        """See `Passing.meets`."""
        self._left -= 1
        if self._left < 0:
            raise Killed


async def world() -> AlertOffice:
    """An installation at its beginning, and nobody's process yet; one endpoint is away at first."""
    office = await opened(SHOP, *ENDPOINTS, shelf=MemoryShelf())
    office.customers = dict(CUSTOMERS)
    began_ms = office.clock()

    def away_for_a_day(_posted: Posted) -> int:
        return 200 if office.clock() - began_ms > 86_400_000 else 503

    office.receivers.scripts["bi"] = away_for_a_day
    return office


def happens(office: AlertOffice, ids: list[str], rng: Random) -> None:
    """Some records more on the topic, and some hours."""
    for _ in range(rng.randint(0, 6)):
        what, who = rng.random(), rng.choice(PEOPLE)
        if what < 0.6 or not ids:
            rule = rng.choice(sorted(SHOP.alerts.rules))
            replayed = rng.random() < 0.1
            ids.append(office.topic.raises(who, rule, rng.randint(1, 9_999), replayed=replayed))
        elif what < 0.75:
            office.topic.clears(rng.choice(ids))
        elif what < 0.9:
            office.topic.resolves(rng.choice(ids), None)
        elif what < 0.95:
            office.topic.forgets(who)
        else:
            office.topic.again(rng.randrange(len(office.topic.records)))
    office.clock.passes(hours=rng.choice((0, 1, 5, 11, 20)))


async def lived(seed: int, *, mortal: bool) -> tuple[AlertOffice, int]:
    """The same days, with deaths or without; answers how many there were."""
    office, ids, days, fates, deaths = await world(), list[str](), Random(seed), Random(seed), 0
    for _ in range(STEPS):
        happens(office, ids, days)
        for _ in range(DEATHS_A_STEP if mortal else 0):
            try:
                dying = MortalShelf(office.shelf, fates.randint(0, 45))
                await (await successor(office, dying)).look()
            except Killed:
                deaths += 1
        await (await successor(office)).look()
    return office, deaths


@pytest.mark.parametrize("seed", range(50))
async def test_whatever_it_dies_at_the_shelf_holds_what_an_undisturbed_process_leaves(
    seed: int,
) -> None:
    (calm, _), (torn, deaths) = await lived(seed, mortal=False), await lived(seed, mortal=True)
    assert deaths > STEPS
    held = await torn.noted.contents()
    assert held == await calm.noted.contents()
    for name in torn.endpoints:
        once, often = (Counter(each.receivers.ids_to(name)) for each in (calm, torn))
        assert set(once) == set(often)
        assert all(often[each] <= once[each] + deaths for each in often)
        assert {each.message_id for each in calm.receivers.to(name)} == {
            each.message_id for each in torn.receivers.to(name)
        }
    sent = {each.alert_id for each in await torn.records() if each.decision is Decision.SENT}
    assert sent <= set(torn.receivers.ids_to("crm"))


async def test_the_world_of_these_tests_knows_every_decision() -> None:
    found: Counter[str] = Counter()
    for seed in range(50):
        office, _ = await lived(seed, mortal=False)
        for said, ids in (await office.decisions()).items():
            found[said] += len(ids)
    wanted = {"sent", "held_out", "over_budget", "cleared", "muted", "blocked:no_consent"}
    assert wanted <= set(found)
    assert "blocked:too_often" in found


async def test_a_zombie_decides_nothing() -> None:
    zombie = await opened()
    zombie.topic.raises("ann")
    await zombie.read()
    owner = await successor(zombie)
    await owner.hand.write([])
    held = await owner.noted.contents()
    with pytest.raises(Fenced):
        await zombie.decide()
    with pytest.raises(Fenced):
        await zombie.desk.clear_away()
    assert await owner.noted.contents() == held
    await owner.look()
    assert len(owner.receivers.posted) == 1
