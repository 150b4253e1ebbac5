"""A rebuild of a log into which policies were published, with another file in the workers' hands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient, NewPartitions

from models.codec import decode_held
from models.policy import Policy, policy_from_preset, policy_from_toml
from models.policy_record import decode_published, with_memory_of
from models.segments import segments_by_kind
from streams.policies import publish
from streams.rebuild import remembering_policy
from tests.hazards.rebuilds import (
    Rebuild,
    bought,
    installed,
    like,
    purchases,
    purchases_known,
    serves,
    stop,
)
from tests.kafka import conftest as kafka_parts
from tests.real_parts import RealParts
from tests.support.installation import (
    CHANGES,
    DEAD_LETTERS,
    LOG,
    Found,
    Installation,
    wait_until,
)

pytestmark = pytest.mark.slow
QUIET = {"quiet": {"when": "silence_days >= 14"}}
GIVEN = policy_from_preset("grocery", segments={"all": {"when": "purchases >= 1"}})
FIRST = policy_from_preset("grocery", segments={"buyers": {"when": "purchases >= 3"}, **QUIET})
TIERS = [{"name": "gold", "from": 50.5}, {"name": "rest"}]
SECOND = policy_from_preset(
    "grocery",
    segments={"buyers": {"when": "spend >= 20 and value.plan == 'rest'"}, **QUIET},
    value={"plan": {"tiers": TIERS}},
)
without_topics = kafka_parts.without_topics


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """What the workers are given."""
    path = tmp_path / "segmenter.toml"
    path.write_text(
        "preset = 'grocery'\n[segments.all]\nwhen = 'purchases >= 1'\n", encoding="utf-8"
    )
    assert policy_from_toml(path.read_text("utf-8")) == GIVEN
    return path


@pytest.fixture
def here(real_parts: RealParts, tmp_path: Path, namespace: str) -> Iterator[Installation]:
    """An installation of its own."""
    with installed(real_parts, tmp_path, namespace, GIVEN) as one:
        yield one


@pytest.fixture
def on_kafka(without_topics: str, redis_url: str, namespace: str) -> Iterator[Installation]:
    """An installation on a broker that can add partitions to a topic."""
    one = Installation(without_topics, redis_url, namespace, GIVEN, partitions=2)
    yield one
    one.close()


def publish_in(here: Installation, policy: Policy, *, silent: bool = False) -> None:
    publish(here.settings.brokers, policy, now_ms=0, silent=silent)


def live_through_two_publications(here: Installation) -> None:
    """Sixty days, with a policy after twenty and another one after forty."""
    here.publish(purchases(0, 20))
    publish_in(here, FIRST)
    here.publish(purchases(20, 40))
    publish_in(here, SECOND, silent=True)
    here.publish(purchases(40, 60))
    here.wait_until_settled()


def in_force(here: Installation) -> list[Policy | None]:
    """By partition."""
    found = here.policies_in_force()
    return [None if each is None else decode_published(each).policy for each in found]


def rules_and_tiers(members: Mapping[str, set[bytes]]) -> dict[str, set[bytes]]:
    """The lists that only the policy makes."""
    return {name: ids for name, ids in members.items() if name.startswith(("rule/", "value."))}


def by_states(states: Mapping[bytes, bytes]) -> dict[str, set[bytes]]:
    """Who must be listed where."""
    listed: dict[str, set[bytes]] = {}
    for id_, packed in states.items():
        for name in segments_by_kind(id_.decode(), decode_held(packed)).values():
            listed.setdefault(name, set()).add(id_)
    return listed


def test_a_rebuild_after_two_publications_has_their_memberships_and_serves_the_last(
    here: Installation, config: Path
) -> None:
    worker = here.start("worker", config)
    here.start("relay", config)
    live_through_two_publications(here)
    before = rules_and_tiers(here.members())
    assert set(before) == {"rule/buyers", "rule/quiet", "value.plan/gold", "value.plan/rest"}
    told = here.published(CHANGES)
    to = f"{here.settings.namespace}-2"
    with Rebuild(here, config, "--to", to, "--json") as rebuild:
        wait_until(lambda: serves(here) == to)
        assert worker.wait(60) == 1
        here.start("worker", config)
        assert rebuild.result()["attended"]
    there = like(here, to, GIVEN, here.partitions)
    found = is_the_fold_of_its_log(there)
    assert in_force(there) == [SECOND, SECOND]
    assert rules_and_tiers(there.members()) == before
    assert found.changes == told  # nothing is told twice, nor what was silent
    publish_in(here, FIRST)
    is_the_fold_of_its_log(there)
    assert in_force(there) == [FIRST, FIRST]
    there.close()


def is_the_fold_of_its_log(there: Installation) -> Found:
    """States, sketches, policies in force and lists of members, once nothing moves."""
    found, expected = there.when_settled()
    assert found.states == expected.states
    assert found.sketches == expected.sketches
    assert found.policies == expected.policies
    assert there.members() == by_states(expected.states)
    return found


@pytest.mark.kafka
def test_a_rebuild_with_more_partitions_serves_the_published_policy_and_remembers_more(
    on_kafka: Installation, config: Path
) -> None:
    here, to = on_kafka, f"{on_kafka.settings.namespace}-2"
    first = here.start("worker", config)
    here.start("relay", config)
    live_through_two_publications(here)
    stop(first)
    with closing(KafkaAdminClient(bootstrap_servers=here.settings.bootstrap_servers)) as admin:
        admin.create_partitions({LOG: NewPartitions(total_count=4)})
    wider = like(here, here.settings.namespace, GIVEN, 4)
    wait_until(lambda: here.inspector.facts(LOG).partitions == 4)
    wider.publish(purchases(90, 150))  # more than six weeks, before what was there before

    remembering = policy_from_toml(remembering_policy(GIVEN))
    there = like(here, to, remembering, 4)
    with Rebuild(here, config, "--to", to, "--json") as rebuild:
        wait_until(lambda: serves(here) == to)
        is_the_fold_of_its_log(there)
        assert here.published(DEAD_LETTERS) == []
        assert purchases_known(there) == bought([*purchases(0, 60), *purchases(90, 150)])
        here.start("worker", config)
        assert rebuild.result()["attended"]
    assert with_memory_of(SECOND, remembering).time.remembered_days == 366
    assert in_force(there) == [SECOND] * 4
    assert {name.partition("/")[0] for name in rules_and_tiers(there.members())} == {
        "rule",
        "value.plan",
    }
    assert "rule/all" not in there.members()
    for each in (wider, there):
        each.close()
