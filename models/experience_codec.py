"""Experience ⇄ bytes: a MessagePack array that begins with its schema version.

Plain numbers and text only, every one checked on the way in. The same experience always gives the
same bytes, and learning on from them gives the same as never having stopped.
"""

from __future__ import annotations

import msgpack
from pydantic import ConfigDict, TypeAdapter, ValidationError

from models.churn_features import FEATURES
from models.experience import Experience
from models.population_check import (
    check_clusters,
    check_errors,
    check_purchases,
    check_spend,
)
from models.risk_learner import from_plain, to_plain

SCHEMA_VERSION = 1
FORECASTS = 3  # by BG/NBD, by the decayed rate, and by that before its bias
_ADAPTER = TypeAdapter(Experience, config=ConfigDict(allow_inf_nan=False))


class CorruptExperience(ValueError):
    """The bytes are not an experience, or one of another schema."""


def encode_experience(experience: Experience) -> bytes:
    """Pack; deterministic."""
    learners = [each and to_plain(each) for each in (experience.common, experience.own)]
    rest = experience._replace(common=None, own=None)
    packed: bytes = msgpack.packb((SCHEMA_VERSION, rest, *learners))
    return packed


def decode_experience(packed: bytes) -> Experience:
    """The reverse.

    Raises:
        CorruptExperience: says what is wrong and the way out.
    """
    try:
        schema, fields, *learners = msgpack.unpackb(packed, use_list=False)
        if schema != SCHEMA_VERSION:
            raise CorruptExperience(
                f"what was learned has schema {schema}, known is {SCHEMA_VERSION}; "
                "fold the log anew under another namespace"
            )
        if len(fields) != len(Experience._fields):
            raise ValueError(f"{len(fields)} parts")
        common, own = (None if each is None else from_plain(each) for each in learners)
        return _checked(_ADAPTER.validate_python(fields)._replace(common=common, own=own))
    except (ValueError, TypeError, msgpack.UnpackException, ValidationError) as error:
        if isinstance(error, CorruptExperience):
            raise
        raise CorruptExperience(
            f"{len(packed)} bytes are not what was learned ({error}); restore the store from a "
            "backup, or fold the log anew under another namespace"
        ) from error


def _checked(experience: Experience) -> Experience:
    """What types can't say: lengths, and parameters that formulas can take."""
    for snapshot in experience.waiting:
        if len(snapshot.features) != len(FEATURES) or len(snapshot.forecasts) not in {0, FORECASTS}:
            raise ValueError(f"a snapshot has {len(snapshot.features)} features")
    check_purchases(experience.purchases)
    check_spend(experience.spend)
    check_errors(experience.errors)
    if experience.clusters is not None:
        check_clusters(experience.clusters)
    return experience
