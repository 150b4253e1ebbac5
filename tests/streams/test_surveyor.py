"""The surveyor: one survey after each population, kept in Redis until the next, and no more work than that."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio as aioredis

from models.codec import CorruptState, NewerSchema
from models.policy import Policy
from models.population import CorruptPopulation
from models.portrait import Portrait
from models.survey import Survey
from models.survey_codec import UnreadableSurvey, decode_survey, encode_survey
from streams.kept_survey import BODY, HEAD, decode_kept, kept_survey, survey_key
from streams.lookup import NothingYet
from streams.loop import Loop
from streams.metrics_survey import SurveyMeter
from streams.redis_store import RedisStore, connect
from streams.settings import Settings
from streams.store import StoreUnavailable
from streams.surveyed_events import fold_events, survey_of_events
from streams.surveyor import Surveyor, survey_until
from tests.models.test_portrait import everything
from tests.streams.test_surveying import STORY, purchase, shop_policy

HOUR_S = 3_600.0


class Clock:
    """The wall, as a test sets it."""

    def __init__(self) -> None:
        self.now_ms = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now_ms


class Shop:
    """A shop whose states stand in a real store, and a surveyor of it that never rests."""

    def __init__(self, client: aioredis.Redis, url: str, namespace: str, policy: Policy) -> None:
        self.client, self.namespace, self.policy = client, namespace, policy
        self.loop = Loop(policy, 2, RedisStore(client, namespace))
        self.clock, self.meter = Clock(), SurveyMeter()
        settings = Settings(redis_url=url, namespace=namespace)  # type: ignore[arg-type]
        self.surveyor = Surveyor(client, settings, policy, HOUR_S, self.meter, self.clock)

    async def open(self) -> None:
        await fold_events(self.loop, STORY, lambda _: None)
        await self.loop.store.set_partitions(2)

    def rested(self) -> None:
        self.surveyor._rests_until_s = 0.0

    async def look(self) -> bool:
        self.rested()
        return await self.surveyor.look()

    def told(self, name: str) -> float:
        found = self.meter.registry.get_sample_value(f"segmenter_survey_{name}")
        assert found is not None
        return found


@pytest.fixture
async def shop(valkey_url: str, namespace: str) -> AsyncIterator[Shop]:
    async with connect(valkey_url) as client:
        yield Shop(client, valkey_url, namespace, shop_policy())


async def test_a_survey_is_kept_until_an_hour_has_passed(shop: Shop) -> None:
    await shop.open()
    assert await shop.look()
    assert not await shop.look()
    shop.clock.now_ms += int(1000 * HOUR_S)
    assert await shop.look()
    kept = await kept_survey(shop.client, shop.namespace)
    assert kept is not None
    assert kept.taken_at_ms == shop.clock.now_ms
    assert kept.taken.survey.base.customers == 4
    assert (shop.told("customers"), shop.told("timestamp_seconds")) == (4, shop.clock.now_ms / 1000)


async def test_a_new_population_brings_a_new_survey(shop: Shop) -> None:
    await shop.open()
    assert await shop.look()
    before = len(shop.loop.populations)
    await fold_events(shop.loop, [purchase("bob", 30), purchase("bob", 40)], lambda _: None)
    assert len(shop.loop.populations) >= before
    assert await shop.look()
    kept = await kept_survey(shop.client, shop.namespace)
    assert kept is not None
    assert kept.taken.moment is not None
    assert kept.taken.moment.population == shop.loop.populations[-1].version


async def test_a_surveyor_rests_after_each_survey(shop: Shop) -> None:
    await shop.open()
    assert await shop.look()
    shop.clock.now_ms += int(1000 * HOUR_S)
    assert not await shop.surveyor.look()  # it would be due, but the last one was only just taken
    shop.rested()
    assert await shop.surveyor.look()


async def test_what_is_kept_is_the_survey_itself(shop: Shop) -> None:
    await shop.open()
    await shop.look()
    kept = await kept_survey(shop.client, shop.namespace)
    taken, _ = await survey_of_events(STORY, shop.policy, lambda _: None)
    assert kept is not None
    assert told(kept.taken.survey) == told(taken.survey)


def told(survey: Survey) -> dict[str, object]:
    portraits: dict[str, Portrait] = {"": survey.base, **survey.segments}
    return {
        "portraits": {name: everything(each) for name, each in portraits.items()},
        "names": survey.names,
        "moved": survey.moved,
    }


async def test_no_id_stands_in_what_is_kept(shop: Shop) -> None:
    await shop.open()
    await shop.look()
    asked = ("HMGET", survey_key(shop.namespace), HEAD, BODY)
    packed: Any = await shop.client.execute_command(*asked)  # type: ignore[no-untyped-call]
    assert all(packed)
    kept = decode_kept(*packed)
    plain = encode_survey(kept.taken.survey)
    assert decode_survey(plain).base.customers == 4
    for each in (b"ada", b"bob", b"firm"):
        assert each not in zlib.decompress(plain)


async def test_a_survey_of_another_version_is_taken_anew(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    await shop.open()
    for each in (HEAD, BODY):
        told = ("HSET", survey_key(shop.namespace), each, b"\x93 no")
        await shop.client.execute_command(*told)  # type: ignore[no-untyped-call]
    with pytest.raises(UnreadableSurvey, match="no survey"):
        await kept_survey(shop.client, shop.namespace)
    assert await shop.look()
    assert "taking a new survey" in caplog.text
    assert await kept_survey(shop.client, shop.namespace) is not None


async def test_before_a_worker_has_begun_there_is_nothing_to_survey(shop: Shop) -> None:
    with pytest.raises(NothingYet):
        await shop.surveyor.look()
    await shop.loop.store.set_partitions(2)
    assert not await shop.look()  # a worker, and nobody heard of
    assert await kept_survey(shop.client, shop.namespace) is None


class Failing(Surveyor):
    """Fails once, in some way, and then tells to stop."""

    def __init__(self, client: aioredis.Redis, stop: asyncio.Event, error: Exception) -> None:
        self.meter = SurveyMeter()
        super().__init__(client, Settings(), shop_policy(), HOUR_S, self.meter)
        self._stop, self._errors, self.looks = stop, [error], 0

    async def look(self) -> bool:
        self.looks += 1
        if self._errors:
            raise self._errors.pop()
        self._stop.set()
        return False


@pytest.mark.parametrize(
    "error",
    [
        StoreUnavailable("Redis: away"),
        CorruptState("the bytes are no state"),
        NewerSchema("a state has schema 99"),
        CorruptPopulation("no population"),
    ],
)
async def test_what_can_not_be_surveyed_now_is_said_once_and_tried_again(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    stop = asyncio.Event()
    async with connect("redis://127.0.0.1:1/0") as client:
        surveyor = Failing(client, stop, error)
        await survey_until(surveyor, stop, look_every_s=0.0)
    assert surveyor.looks == 2
    assert caplog.text.count(f"waiting: {error}") == 1
    count = surveyor.meter.registry.get_sample_value("segmenter_survey_failures_total")
    assert count == 1
