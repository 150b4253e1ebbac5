"""The installation that an assistant asks about: what is in Redis, read as the command line reads it.

    tools ──► Installation.answers() ──► Lookup, Board, People, Surveys, AlertAnswers ──► Redis

Each call asks anew which store serves and which policy is in force. Enters: settings, the policy of the file, a
connection. Leaves: answers. Forbidden here: Kafka, anything that writes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import redis.asyncio as aioredis

from models.policy import Policy
from models.policy_record import PublishedPolicy
from models.rule_names import nearest
from models.segments import rule_segment
from streams.alert_reads import AlertReads
from streams.api.alerts import AlertAnswers
from streams.api.board import Board
from streams.api.people import People
from streams.api.reads import Reads
from streams.api.surveys import Surveys
from streams.lookup import Lookup
from streams.mcp_masking import Declined
from streams.policies import newest_in_force
from streams.redis_shelf import RedisShelf
from streams.redis_store import RedisStore
from streams.serving import serving
from streams.settings import Settings
from streams.store import Store
from streams.wall import wall_ms


class Answers(NamedTuple):
    """What is asked of one store by one policy.

    Attributes:
        store: the one that serves.
        published: the policy in force; of number 0 if it is that of a file.
        lookup: of one customer.
        board: of all.
        people: of lists.
        surveys: of what segments are like.
        alerts: of alerts.
    """

    store: Store
    published: PublishedPolicy
    lookup: Lookup
    board: Board
    people: People
    surveys: Surveys
    alerts: AlertAnswers

    @property
    def policy(self) -> Policy:
        """In force."""
        return self.published.policy

    async def segment(self, name: str) -> str:
        """The segment that is meant, such as rule/vip by vip.

        Raises:
            Declined: there is none.
        """
        known = {each["name"] for each in (await self.board.segments(1))["items"]}
        found = next((each for each in (name, rule_segment(name)) if each in known), None)
        if found is None:
            near = nearest(name, [*known, *(each.removeprefix("rule/") for each in known)])
            remedy = f"did you mean {near}?" if near else "the tool segments lists all"
            raise Declined(f"there is no such segment; {remedy}")
        return found


class Installation:
    """Follows which store serves, and by which policy.

    Args:
        client: of Redis; closed by whoever opened it.
        settings: of the installation.
        given: the policy of the file; in force until one is published.
        clock: the wall clock.
    """

    def __init__(
        self,
        client: aioredis.Redis,
        settings: Settings,
        given: Policy,
        clock: Callable[[], int] = wall_ms,
    ) -> None:
        self._client, self._settings, self._given = client, settings, given
        self.clock = clock
        self._known: Answers | None = None
        self._served: tuple[str, int, str] = "", 0, ""

    async def answers(self) -> Answers:
        """Those of now.

        Raises:
            StoreUnavailable, PolicyError.
        """
        settings = self._settings
        serves = settings.store or await serving(self._client, settings.namespace)
        store = RedisStore(self._client, serves)
        published = await newest_in_force(store, self._given)
        now = serves, published.number, published.digest
        if self._known is None or now != self._served:
            self._known, self._served = self._made(store, published), now
        return self._known

    def _made(self, store: RedisStore, published: PublishedPolicy) -> Answers:
        reads, policy, namespace = Reads(store), published.policy, self._settings.namespace
        lookup, shelf = Lookup(reads, policy), RedisShelf(self._client, namespace)
        return Answers(
            store,
            published,
            lookup,
            Board(reads, lookup, policy, published.number, namespace, self.clock),
            People(reads, lookup, policy, self.clock),
            Surveys(self._client, namespace, policy),
            AlertAnswers(AlertReads(shelf), policy, self.clock),
        )
