"""By which published policy the learner learns of an epoch: whoever dies, whichever barrier is last."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models.policy import policy_from_preset
from models.policy_record import (
    PublishedPolicy,
    decode_published,
    digest_of_policy,
    encode_published,
)
from streams.learning import LearnerFold
from streams.store import Meta, Store
from tests.streams.drawn import finished
from tests.streams.test_learning import IDENTITY, RULES, Inputs, fold_of, memory, meta

PUBLISHED = [
    encode_published(
        PublishedPolicy(number, policy_from_preset("general", clusters={"k": 2 + number}))
    )
    for number in (1, 2)
]
DIGESTS = [digest_of_policy(each) for each in PUBLISHED]
VERSIONS = [RULES.version, *(decode_published(each).policy.version for each in PUBLISHED)]


async def body(digest: str) -> PublishedPolicy:
    return decode_published(PUBLISHED[DIGESTS.index(digest)])


class Followed(Inputs):
    """The learner's topic; barriers name the policy that was in force where they come from."""

    def under(self, number: int, partition: int, week: int) -> None:
        """A barrier under the policy of a number; 0: of a partition that has none yet."""
        self.barrier(partition, week)
        if number:
            named = {"policy.digest": DIGESTS[number - 1].encode()}
            last = self.records[-1]
            self.records[-1] = last._replace(headers={**last.headers, **named})

    def fold(self, store: Store) -> LearnerFold:
        fold = fold_of(self, store)
        return LearnerFold(*(IDENTITY, RULES, store, self.exist, fold._new_nonce), policies=body)

    def learned(self, *, each_by_another: bool) -> Meta:
        """What the store says at the end."""
        store = memory()
        fold = self.fold(store)
        for at in range(len(self.records)):
            if each_by_another:
                fold = self.fold(store)
            assert finished(fold.handle(self.batch(at, at + 1))) is None
        return meta(store)


Last = Callable[[Followed], None]


@pytest.mark.parametrize(
    ("last", "number"),
    [
        (lambda inputs: inputs.give_up(2), 2),
        (lambda inputs: inputs.under(0, 1, 2), 2),
        (lambda inputs: inputs.under(1, 1, 2), 2),
        (lambda inputs: inputs.under(2, 1, 2), 2),
    ],
    ids=["given up", "no policy yet", "an older policy", "the same policy"],
)
def test_the_newest_policy_of_an_epoch_is_learned_by_whoever_has_died(
    last: Last, number: int
) -> None:
    inputs = Followed()
    inputs.under(0, 0, 1)
    inputs.under(1, 1, 1)
    inputs.under(2, 0, 2)
    last(inputs)
    one, other = (inputs.learned(each_by_another=each) for each in (False, True))
    assert one._replace(nonce=b"") == other._replace(nonce=b"")
    assert one.policy == VERSIONS[number]


@pytest.mark.parametrize("first", [0, 1])
def test_it_does_not_matter_which_barrier_comes_first(first: int) -> None:
    inputs = Followed()
    for partition in (first, 1 - first):
        inputs.under(partition, partition, 1)  # partition 1 has the policy, 0 not yet
    assert inputs.learned(each_by_another=False).policy == VERSIONS[1]


def test_a_partition_that_is_far_ahead_brings_its_policy_into_no_earlier_epoch() -> None:
    inputs = Followed()
    for week, number in ((1, 0), (2, 2)):
        inputs.under(number, 0, week)
    inputs.under(1, 1, 1)
    assert inputs.learned(each_by_another=True).policy == VERSIONS[1]
