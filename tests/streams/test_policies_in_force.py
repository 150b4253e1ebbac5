"""Which policy record of the log brings a policy into force, and what it does to memberships."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from models.events import encode_policy_published
from models.policy import Policy, PolicyError, policy_from_preset
from models.policy_record import (
    PublishedPolicy,
    decode_published,
    differences,
    digest_of_policy,
    encode_published,
)
from streams.memory_store import MemoryStore
from streams.partition import PartitionFold
from streams.store import Store, all_members
from streams.topics import CHANGES
from tests.streams.logbook import (
    CUSTOMERS,
    DAY_MS,
    IDENTITY,
    PARTITION,
    POLICY,
    START_MS,
    Contents,
    Logbook,
    contents,
    header,
    memory,
    new_nonce,
)

SPENDERS = {"spenders": {"when": "spend >= 20"}}
QUIET = {"quiet": {"when": "silence_days >= 5"}}
TIME = {"remembered_days": 20, "remembered_events": 6}


def ruled(segments: Mapping[str, Any], **sections: Any) -> Policy:
    return policy_from_preset("grocery", **{"time": TIME, **sections}, segments=dict(segments))


class Published(Logbook):
    """A log into which policies are published."""

    def __init__(self) -> None:
        super().__init__()
        self.policies: dict[str, PublishedPolicy] = {}

    def policy(self, number: int, policy: Policy, *, silent: bool = False) -> None:
        packed = encode_published(PublishedPolicy(number, policy, silent=silent))
        digest = digest_of_policy(packed)
        self.policies[digest] = decode_published(packed)
        at_ms = self.records[-1].timestamp_ms if self.records else START_MS
        self.append(encode_policy_published(number, digest), at_ms, "policy")

    async def body_of_policy(self, digest: str) -> PublishedPolicy:
        return self.policies[digest]

    def fold(self, store: Store, given: Policy = POLICY) -> PartitionFold:
        return PartitionFold(
            *(IDENTITY, given, store, self.records_exist, self.body, new_nonce),
            policies=self.body_of_policy,
        )


async def folded(log: Published, given: Policy = POLICY) -> tuple[MemoryStore, PartitionFold]:
    store = memory()
    fold = log.fold(store, given)
    assert await fold.handle(log.batch()) is None
    return store, fold


def bought(*, days: Sequence[int] = (0,)) -> Published:
    """The first customer buys on the first day, the second on the first two, and so on."""
    log = Published()
    for day in days:
        for customer in CUSTOMERS[day:]:
            log.purchase(customer, START_MS + day * DAY_MS)
        log.tick(START_MS + (day + 1) * DAY_MS)
    return log


def memberships(found: Contents) -> dict[str, set[str]]:
    """Rule → who is in it, by the states."""
    states = {id_: found.state(id_) for id_ in found.states}
    named = {name for each in states.values() for name in each.rules}
    return {name: {id_ for id_, each in states.items() if name in each.rules} for name in named}


def told(found: Contents, kind: str) -> set[tuple[str, str]]:
    """(segment, customer) of the effects of a type."""
    rows = [row for row in found.changes if header(row, "ce_type") == kind]
    bodies = [json.loads(row.value or b"") for row in rows]
    return {(each["segment"].removeprefix("rule/"), each["customer_id"]) for each in bodies}


async def test_before_the_first_record_the_given_policy_holds() -> None:
    store, fold = await folded(bought(days=(0, 1)), ruled(SPENDERS))
    assert memberships(await contents(store)) == {"spenders": set(CUSTOMERS[1:])}
    assert fold.policy == ruled(SPENDERS)
    assert await store.policy(PARTITION) is None


async def test_a_published_policy_sorts_everybody_and_tells_the_difference_of_the_sets() -> None:
    log = bought(days=(0, 1))
    before = memberships(await contents((await folded(log, ruled(SPENDERS)))[0]))
    log.policy(1, ruled({"spenders": {"when": "spend < 20"}, **QUIET}))
    store, fold = await folded(log, ruled(SPENDERS))
    found = await contents(store)
    after = memberships(found)
    assert after == {"spenders": set(CUSTOMERS[:1])}
    assert told(found, "segment.exited") == {
        (name, id_) for name in before for id_ in before[name] - after.get(name, set())
    }
    entered = {(name, id_) for name in after for id_ in after[name] - before.get(name, set())}
    assert entered == {("spenders", CUSTOMERS[0])}
    by_policy = [row for row in found.changes if b"policy_updated" in (row.value or b"")]
    assert {header(row, "ce_type") for row in by_policy} == {"segment.entered", "segment.exited"}
    assert entered <= told(found, "segment.entered")
    assert fold.policy == ruled({"spenders": {"when": "spend < 20"}, **QUIET})
    assert found.meta.policy == fold.policy.version


async def test_a_silent_one_sorts_them_too_and_tells_nobody() -> None:
    loud, silent = bought(days=(0, 1)), bought(days=(0, 1))
    loud.policy(1, ruled(SPENDERS))
    silent.policy(1, ruled(SPENDERS), silent=True)
    spoken, quiet = [await contents((await folded(each))[0]) for each in (loud, silent)]
    assert memberships(quiet) == memberships(spoken) == {"spenders": set(CUSTOMERS[1:])}
    assert told(quiet, "segment.entered") == set()
    assert {name for name, _ in told(spoken, "segment.entered")} == {"spenders"}
    assert quiet.history == spoken.history
    assert quiet.whole.movement == spoken.whole.movement


async def test_an_edited_rule_gives_what_a_log_gives_in_which_it_held_from_the_beginning() -> None:
    edited = bought(days=(0, 1, 2))
    edited.policy(1, ruled({**SPENDERS, **QUIET}))
    edited.tick(START_MS + 9 * DAY_MS)
    always = bought(days=(0, 1, 2))
    always.tick(START_MS + 9 * DAY_MS)
    one = memberships(await contents((await folded(edited))[0]))
    other = memberships(await contents((await folded(always, ruled({**SPENDERS, **QUIET})))[0]))
    assert one == other
    assert one["quiet"] == set(CUSTOMERS)


async def test_a_store_built_anew_from_the_log_is_the_same_whatever_file_the_workers_have() -> None:
    log = Published()
    log.policy(1, ruled(SPENDERS))
    for customer in CUSTOMERS:
        log.purchase(customer, START_MS, amount_minor=5_000)
    log.policy(2, ruled(QUIET))
    log.tick(START_MS + 9 * DAY_MS)
    one, other = [await contents((await folded(log, each))[0]) for each in (POLICY, ruled(QUIET))]
    assert one == other


async def test_an_exit_by_time_is_stamped_with_the_midnight_and_needs_no_event() -> None:
    log = bought()
    log.policy(1, ruled({"recent": {"when": "purchases_30d >= 1"}}))
    log.tick(START_MS + 40 * DAY_MS)
    found = await contents((await folded(log))[0])
    assert memberships(found) == {}
    (row, *_) = [r for r in found.changes if header(r, "ce_type") == "segment.exited"]
    assert header(row, "ce_time") == "2017-01-31T00:00:00.000Z"
    assert json.loads(row.value or b"")["reason"] == "time"


@pytest.mark.parametrize(
    ("numbers", "in_force", "passed_over"),
    [((1, 2, 3), 3, 0), ((2, 1), 2, 1), ((1, 1), 1, 1), ((3, 2, 4), 4, 1)],
)
async def test_the_highest_number_is_in_force(
    numbers: Sequence[int], in_force: int, passed_over: int
) -> None:
    log = bought()
    for number in numbers:
        log.policy(number, ruled({f"rule-{number}": {"when": "spend > 1"}}))
    store, fold = await folded(log)
    packed = await store.policy(PARTITION)
    assert packed is not None
    assert decode_published(packed).number == in_force
    assert fold.tally["policies_passed_over"] == passed_over
    assert list(memberships(await contents(store))) == [f"rule-{in_force}"]


async def test_a_policy_under_which_the_log_cannot_go_on_is_passed_over() -> None:
    log = bought()
    log.policy(1, ruled(SPENDERS, business={"timezone": "Asia/Tokyo"}))
    store, fold = await folded(log)
    assert fold.tally["policies_passed_over"] == 1
    assert await store.policy(PARTITION) is None
    assert fold.policy == POLICY


async def test_who_takes_over_a_partition_goes_on_with_its_policy() -> None:
    log = bought()
    log.policy(1, ruled(QUIET))
    store, _ = await folded(log)
    log.tick(START_MS + 30 * DAY_MS)
    heir = log.fold(store, ruled(SPENDERS))
    assert await heir.handle(log.batch(start=log.end - 1)) is None
    assert memberships(await contents(store)) == {"quiet": set(CUSTOMERS)}
    assert heir.policy == ruled(QUIET)


async def test_memberships_and_lists_of_members_are_one() -> None:
    log = bought(days=(0, 1))
    log.policy(1, ruled({**SPENDERS, **QUIET}))
    log.tick(START_MS + 4 * DAY_MS)
    store, _ = await folded(log)
    found = await contents(store)
    for name, ids in memberships(found).items():
        assert set(await all_members(store, PARTITION, f"rule/{name}")) == ids


async def test_a_rule_that_nobody_changes_is_told_to_nobody_anew() -> None:
    log = bought()
    log.policy(1, ruled(SPENDERS))
    log.policy(2, ruled({**SPENDERS, "nobody": {"when": "spend > 1000000"}}))
    found = await contents((await folded(log))[0])
    assert all(
        b'"policy:2"' not in (row.value or b"") for row in found.rows if row.topic == CHANGES
    )


def test_what_differs_is_told_key_by_key() -> None:
    one, other = ruled(SPENDERS), ruled({**QUIET}, rfm={"published": ["china8"]})
    assert differences(one, other)[0] == ("rfm.published", ["quintile"], ["china8"])
    assert {key: (old, new) for key, old, new in differences(one, other)}.items() >= {
        "segments.quiet.when": (None, "silence_days >= 5"),
        "segments.spenders.when": ("spend >= 20", None),
    }.items()
    assert differences(one, one) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema": 9}, "schema 9, known is 1; run a version"),
        ({"policy": {}}, "can't be read: lifecycle: Field required"),
        ({"number": "x"}, "are not a published policy"),
    ],
)
def test_a_body_that_cannot_be_used_is_refused_and_says_what_to_do(
    change: Mapping[str, Any], says: str
) -> None:
    body = {**json.loads(encode_published(PublishedPolicy(1, POLICY))), **change}
    with pytest.raises(PolicyError, match=says):
        decode_published(json.dumps(body).encode())


def test_a_published_policy_comes_back() -> None:
    tiers = [{"name": "gold", "from": 10.5}, {"name": "rest"}]
    policy = ruled(SPENDERS, value={"plan": {"tiers": tiers}})
    published = PublishedPolicy(7, policy, 12, "why", silent=True)
    packed = encode_published(published)
    assert decode_published(packed) == published._replace(body=packed)
    assert decode_published(packed).policy.version == policy.version
