"""The newest survey of an installation, kept in Redis for all who read it.

| key | type | what | writer | readers | size |
| --- | --- | --- | --- | --- | --- |
| `seg:NS:survey` | string | the newest survey, when and of what it was taken | surveyor | lookups, next survey | some 100 kB |

It follows from the states, so it may be lost: the next one is taken anew. Personas go with it, because a
persona holds still as long as its numbers do (`models/personas.py`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgpack
import redis.asyncio as aioredis

from models.survey import Moment
from models.survey_codec import UnreadableSurvey, decode_survey, encode_survey
from streams.surveying import Taken
from streams.unavailable import or_unavailable


class Kept(NamedTuple):
    """A survey that was kept.

    Attributes:
        taken: the survey and its moment.
        taken_at_ms: when, wall clock.
        personas: segment → persona, as plain values.
    """

    taken: Taken
    taken_at_ms: int
    personas: dict[str, Any]


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
    packed = msgpack.packb(
        (list(moment), kept.taken_at_ms, kept.personas, encode_survey(kept.taken.survey))
    )
    with or_unavailable():
        await client.set(survey_key(namespace), packed)
    return len(packed)


async def kept_survey(client: aioredis.Redis, namespace: str) -> Kept | None:
    """What is kept; None if nothing is.

    Raises:
        StoreUnavailable.
        UnreadableSurvey: it was written by another version.
    """
    with or_unavailable():
        packed: bytes | None = await client.get(survey_key(namespace))  # type: ignore[assignment]
    return None if packed is None else decode_kept(packed)


def decode_kept(packed: bytes) -> Kept:
    """The survey of these bytes.

    Raises:
        UnreadableSurvey: they are none.
    """
    try:
        moment, taken_at_ms, personas, survey = msgpack.unpackb(packed)
        taken = Taken()
        taken.survey, taken.moment = decode_survey(survey), Moment(*moment)
    except (ValueError, TypeError) as error:
        if isinstance(error, UnreadableSurvey):
            raise
        raise UnreadableSurvey(f"{len(packed)} bytes are no survey: {error}") from error
    return Kept(taken, taken_at_ms, personas)
