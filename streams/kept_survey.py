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
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgpack
import redis.asyncio as aioredis

from models.affinities import decode_together, encode_together
from models.personas import Persona, cards_of, persona_from_json, personas_of
from models.policy import Policy
from models.survey import Moment
from models.survey_codec import NOT_ONE, UnreadableSurvey, decode_survey, encode_survey
from streams.surveying import Taken
from streams.unavailable import or_unavailable

KEPT_SCHEMA = 2  # 2: when and of what stands in the head alone
T = TypeVar("T")
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
    head, body = encode_kept(kept)
    with or_unavailable():
        await _answered(client.hset(survey_key(namespace), mapping={HEAD: head, BODY: body}))
    return len(head) + len(body)


async def kept_head(client: aioredis.Redis, namespace: str) -> Head | None:
    """What the kept survey is of; None if none is kept.

    Raises:
        StoreUnavailable.
        UnreadableSurvey: it was written by another version.
    """
    (head,) = await _fields(client, namespace, HEAD)
    return None if head is None else _decoded(_head, head)


async def kept_survey(client: aioredis.Redis, namespace: str) -> Kept | None:
    """What is kept; None if nothing is. Worked out in a thread: it is some hundred kB.

    Raises:
        StoreUnavailable.
        UnreadableSurvey: it was written by another version.
    """
    head, body = await _fields(client, namespace, HEAD, BODY)
    return (
        None if head is None or body is None else await asyncio.to_thread(decode_kept, head, body)
    )


async def _fields(client: aioredis.Redis, namespace: str, *names: str) -> list[bytes | None]:
    with or_unavailable():
        found: list[bytes | None] = await _answered(client.hmget(survey_key(namespace), names))
    return found


async def _answered(asked: Any) -> Any:
    """What redis-py answers; its types leave open whether that is awaited."""
    return await asked


def encode_kept(kept: Kept) -> tuple[bytes, bytes]:
    """Head and body, as they are kept. Nobody keeps a survey of nobody."""
    taken = kept.taken
    assert taken.moment is not None
    assert taken.together is not None
    personas = json.dumps([each.as_json() for each in kept.personas.values()]).encode()
    together = msgpack.packb(encode_together(taken.together))
    parts = zlib.compress(personas), zlib.compress(together), encode_survey(taken.survey)
    head = KEPT_SCHEMA, list(taken.moment), kept.taken_at_ms
    return msgpack.packb(head), msgpack.packb(parts)


def decode_kept(head: bytes, body: bytes) -> Kept:
    """The survey of these bytes.

    Raises:
        UnreadableSurvey: they are none.
    """
    moment, taken_at_ms = _decoded(_head, head)
    taken, personas = _decoded(_body, body)
    taken.moment = moment
    return Kept(taken, taken_at_ms, personas)


def _decoded(read: Callable[[bytes], T], packed: bytes) -> T:
    try:
        return read(packed)
    except UnreadableSurvey:
        raise
    except NOT_ONE as error:
        raise UnreadableSurvey(f"{len(packed)} bytes are no survey: {error}") from error


def _head(packed: bytes) -> Head:
    schema, moment, taken_at_ms = msgpack.unpackb(packed)
    if schema != KEPT_SCHEMA:
        found = (
            f"what is kept is no survey of this version: schema {schema!r:.40}, not {KEPT_SCHEMA}"
        )
        raise UnreadableSurvey(f"{found}; take a new one: segmenter segments survey")
    return Head(Moment(*moment), taken_at_ms)


def _body(packed: bytes) -> tuple[Taken, dict[str, Persona]]:
    personas, together, survey = msgpack.unpackb(packed)
    taken = Taken()
    taken.survey = decode_survey(survey)
    taken.together = decode_together(msgpack.unpackb(zlib.decompress(together)))
    said = map(persona_from_json, json.loads(zlib.decompress(personas)))
    return taken, {each.segment: each for each in said}
