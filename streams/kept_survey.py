"""The newest survey of an installation, kept in Redis for all who read it.

| key | type | what | writer | readers | size |
| --- | --- | --- | --- | --- | --- |
| `seg:NS:survey` | hash | `head`: when and of what the newest survey was taken; `body`: the survey | surveyor | lookups, next survey | some 100 kB |

It follows from the states, so it may be lost: the next one is taken anew. Personas go with it, because a
persona holds still as long as its numbers do (`models/personas.py`).
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgpack
import redis.asyncio as aioredis

from models.affinities import decode_together, encode_together
from models.personas import Persona, cards_of, persona_from_json, personas_of
from models.policy import Policy
from models.survey import Moment
from models.survey_codec import NOT_ONE, UnreadableSurvey, decode_survey, encode_survey
from streams.surveying import Taken
from streams.unavailable import or_unavailable

KEPT_SCHEMA = 1
HEAD, BODY = "head", "body"


class Kept(NamedTuple):
    """A survey that was kept.

    Attributes:
        taken: the survey and its moment.
        taken_at_ms: when, wall clock.
        personas: segment → what kind of people are in it.
    """

    taken: Taken
    taken_at_ms: int
    personas: Mapping[str, Persona]


class Head(NamedTuple):
    """What a survey is of, without it.

    Attributes:
        moment: that it shows.
        taken_at_ms: when it was taken, wall clock.
    """

    moment: Moment
    taken_at_ms: int


def described(taken: Taken, now_ms: int, policy: Policy, before: Kept | None = None) -> Kept:
    """A survey with its personas.

    Args:
        taken: of somebody.
        now_ms: wall clock.
        policy: in force.
        before: the survey before, whose personas hold still as long as their numbers do.
    """
    assert taken.moment is not None
    known = before.personas if before else {}
    cards = cards_of(taken.survey, taken.moment.currency, known, policy)
    return Kept(taken, now_ms, personas_of(cards.values(), known))


def survey_key(namespace: str) -> str:
    """Where the survey of an installation stands."""
    return f"seg:{namespace}:survey"


async def keep(client: aioredis.Redis, namespace: str, kept: Kept) -> int:
    """Replace what is kept; answers its size in bytes.

    Raises:
        StoreUnavailable.
    """
    moment = kept.taken.moment
    assert moment is not None  # nobody keeps a survey of nobody
    body = encode_kept(kept)
    head: bytes = msgpack.packb((KEPT_SCHEMA, list(moment), kept.taken_at_ms))
    with or_unavailable():
        await _answered(client.hset(survey_key(namespace), mapping={HEAD: head, BODY: body}))
    return len(head) + len(body)


async def kept_head(client: aioredis.Redis, namespace: str) -> Head | None:
    """What the kept survey is of; None if none is kept.

    Raises:
        StoreUnavailable.
        UnreadableSurvey: it was written by another version.
    """
    packed = await _field(client, namespace, HEAD)
    return None if packed is None else _decode_head(packed)


async def kept_survey(client: aioredis.Redis, namespace: str) -> Kept | None:
    """What is kept; None if nothing is. Worked out in a thread: it is some hundred kB.

    Raises:
        StoreUnavailable.
        UnreadableSurvey: it was written by another version.
    """
    packed = await _field(client, namespace, BODY)
    return None if packed is None else await asyncio.to_thread(decode_kept, packed)


async def _field(client: aioredis.Redis, namespace: str, name: str) -> bytes | None:
    with or_unavailable():
        found: bytes | None = await _answered(client.hget(survey_key(namespace), name))
    return found


async def _answered(asked: Any) -> Any:
    """What redis-py answers; its types leave open whether that is awaited."""
    return await asked


def _decode_head(packed: bytes) -> Head:
    try:
        schema, moment, taken_at_ms = msgpack.unpackb(packed)
        if schema != KEPT_SCHEMA:
            raise UnreadableSurvey(
                f"a kept survey has schema {schema!r:.40}, known is {KEPT_SCHEMA}"
            )
        return Head(Moment(*moment), taken_at_ms)
    except UnreadableSurvey:
        raise
    except NOT_ONE as error:
        raise UnreadableSurvey(f"{len(packed)} bytes are no survey: {error}") from error


def encode_kept(kept: Kept) -> bytes:
    """As it is kept. Nobody keeps a survey of nobody."""
    taken = kept.taken
    assert taken.moment is not None
    assert taken.together is not None
    personas = zlib.compress(
        json.dumps([each.as_json() for each in kept.personas.values()]).encode()
    )
    together = zlib.compress(msgpack.packb(encode_together(taken.together)))
    survey = encode_survey(taken.survey)
    packed: bytes = msgpack.packb(
        (list(taken.moment), kept.taken_at_ms, personas, together, survey)
    )
    return packed


def decode_kept(packed: bytes) -> Kept:
    """The survey of these bytes.

    Raises:
        UnreadableSurvey: they are none.
    """
    try:
        moment, taken_at_ms, personas, together, survey = msgpack.unpackb(packed)
        taken = Taken()
        taken.survey, taken.moment = decode_survey(survey), Moment(*moment)
        taken.together = decode_together(msgpack.unpackb(zlib.decompress(together)))
        said = map(persona_from_json, json.loads(zlib.decompress(personas)))
        return Kept(taken, taken_at_ms, {each.segment: each for each in said})
    except UnreadableSurvey:
        raise
    except NOT_ONE as error:
        raise UnreadableSurvey(f"{len(packed)} bytes are no survey: {error}") from error
