"""States and a log that do not belong together, and learned bytes that are not what they say."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faust.types import TP

from models.barrier import CorruptBarrier, decode_barrier
from models.codec import SCHEMA_VERSION, CorruptState, decode_state
from models.experience_codec import CorruptExperience, decode_experience
from models.policy import policy_from_preset
from models.population import CorruptPopulation, decode_population
from streams.app import Worker
from streams.brokers import Brokers
from streams.log import LogInspector
from streams.memory_store import MemoryStore
from streams.refusal import Refused
from streams.settings import Settings
from streams.store import Change, Meta
from streams.topics import LOG, TOPICS
from tests.real_parts import RealParts

HELD = Meta(0, b"n1", partitions=2, schema=SCHEMA_VERSION)


@pytest.fixture(scope="module")
def servers(real_parts: RealParts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker with an empty log of two partitions."""
    broker = real_parts.broker(tmp_path_factory.mktemp("log"))
    with broker:
        LogInspector(Brokers(broker.bootstrap_servers)).create(TOPICS, 2, 1)
        yield broker.bootstrap_servers


class Evicting(MemoryStore):
    """A store that may throw states away."""

    async def unfit(self) -> str | None:
        return "Redis has maxmemory-policy allkeys-lru: …"


def worker_on(servers: str, store: MemoryStore) -> Worker:
    settings = Settings.model_validate({"bootstrap_servers": servers})
    return Worker(settings, policy_from_preset("grocery"), store)


@pytest.mark.parametrize(
    ("meta", "says"),
    [
        (HELD._replace(partitions=4), "has 2 partitions, the states belong to 4"),
        (HELD._replace(offset=5), "the store stands at offset 5, the log ends at 0"),
        (HELD._replace(topic_id="another"), "it was deleted and made again"),
        (HELD._replace(schema=SCHEMA_VERSION + 1), "run a version at least as new"),
    ],
    ids=["partition count", "a shorter log", "another log", "a newer schema"],
)
async def test_states_that_do_not_belong_to_the_log_are_refused_with_the_remedy(
    servers: str, meta: Meta, says: str
) -> None:
    store = MemoryStore(lambda: 0)
    assert await store.apply(0, Meta(), Change(meta, {}, ()))
    worker = worker_on(servers, store)
    with pytest.raises(Refused, match=says):
        await worker.resume_at([TP(LOG, 0)])
    assert worker.lane.partitions == []


async def test_store_that_may_evict_states_is_refused(servers: str) -> None:
    worker = worker_on(servers, Evicting(lambda: 0))
    with pytest.raises(Refused, match="maxmemory-policy allkeys-lru"):
        await worker.resume_at([TP(LOG, 0)])


class Bomb:
    """Leaves a file behind if it is ever unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self._path,)


@pytest.mark.parametrize(
    ("decode", "corrupt"),
    [
        (decode_population, CorruptPopulation),
        (decode_experience, CorruptExperience),
        (decode_barrier, CorruptBarrier),
        (decode_state, CorruptState),
    ],
)
def test_learned_state_is_plain_numbers_and_is_never_unpickled(
    decode: Callable[[bytes], object], corrupt: type[Exception], tmp_path: Path
) -> None:
    trap = tmp_path / "sprung"
    packed = pickle.dumps(Bomb(trap))
    with pytest.raises(corrupt):
        decode(packed)
    assert not trap.exists()
    pickle.loads(packed)
    assert trap.exists()
