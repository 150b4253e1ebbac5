"""What the API says of the survey that is kept: personas, cards, verdicts, what is bought together.

    seg:NS:survey ── read and worked out at most every `SURVEY_S`, aside ──► answers

Nothing is surveyed here: that takes as long as there are customers; `segmenter run surveyor` does it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import redis.asyncio as aioredis

from models.affinities import BoughtTogether
from models.evaluation import Evaluation, evaluations
from models.persona_told import Told, told_of
from models.policy import Policy
from models.sight import Sight
from models.survey_codec import UnreadableSurvey
from streams.api.board import moment
from streams.api.problems import NOT_FOUND, NOT_THERE_YET, Problem
from streams.api.remembering import Remembered
from streams.kept_survey import Kept, kept_survey
from streams.show_evaluation import as_json as evaluation_as_json
from streams.show_together import next_as_json, pairs_as_json

SURVEY_S = 15.0  # how long it is remembered
_RUN = "run one: segmenter run surveyor, or segmenter segments survey"


class WorkedOut(NamedTuple):
    """A kept survey and what follows from it."""

    kept: Kept
    together: BoughtTogether
    told: Mapping[str, Told]
    evaluations: Mapping[str, Evaluation]


class Surveys:
    """Answers from the kept survey.

    Args:
        client: of the Redis that it is kept in.
        namespace: of the installation.
        policy: in force.
        now_s: monotonic clock.
    """

    def __init__(
        self,
        client: aioredis.Redis,
        namespace: str,
        policy: Policy,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._namespace, self._policy = client, namespace, policy
        self._once = Remembered(now_s).once

    async def _survey(self) -> WorkedOut:
        return await self._once("survey", SURVEY_S, self._read)

    async def _read(self) -> WorkedOut:
        try:
            kept = await kept_survey(self._client, self._namespace)
        except UnreadableSurvey as error:
            raise Problem(NOT_THERE_YET, str(error), _RUN) from error
        if kept is None:
            raise Problem(NOT_THERE_YET, "no survey has been taken yet", _RUN)
        return await asyncio.to_thread(self._worked_out, kept)

    def _worked_out(self, kept: Kept) -> WorkedOut:
        survey, together = kept.taken.survey, kept.taken.together
        assert together is not None  # nobody keeps a survey without
        told = told_of(survey, self._policy, kept.personas)
        return WorkedOut(kept, together, told, evaluations(survey, self._policy.evaluation))

    async def personas(self) -> dict[str, Any]:
        """What every segment that anybody is in is like, in a name and sentences.

        Raises:
            Problem: no survey is kept.
        """
        known = await self._survey()
        items = [
            {"segment": name, "verdict": known.evaluations[name].verdict.value, **_persona(told)}
            for name, told in known.told.items()
        ]
        return {**self._taken(known.kept), "items": items}

    async def persona(self, segment: str) -> dict[str, Any]:
        """One segment: persona, card, what is to be done, what it is worth as a segment, what is bought together.

        Raises:
            Problem: no survey is kept, or nobody was in that segment.
        """
        known = await self._survey()
        told = known.told.get(segment)
        if told is None:
            detail = f"nobody was in {segment!r:.80} when the survey was taken"
            raise Problem(NOT_FOUND, detail, "GET /v1/personas lists those with anybody in them")
        return {
            **self._taken(known.kept),
            "segment": segment,
            **_persona(told),
            "play": None if told.play is None else told.play.as_json(),
            "card": told.card.as_json(),
            "evaluation": evaluation_as_json(known.evaluations[segment], self._policy),
            "together": {
                by: pairs_as_json(found, known.kept.taken.survey.names)
                for by, found in known.together.segments[segment].items()
            },
        }

    def _taken(self, kept: Kept) -> dict[str, Any]:
        shown = kept.taken.moment
        assert shown is not None
        return {
            "as_of": moment(shown.at_ms),
            "taken_at": moment(kept.taken_at_ms),
            "population": shown.population,
            "policy": shown.policy,
            "outdated": shown.policy != self._policy.version,
            "customers": kept.taken.survey.base.customers,
            "currency": shown.currency,
        }

    async def next_categories(self, sight: Sight) -> list[dict[str, Any]]:
        """What a customer has not bought in a year and is most likely to try; the likeliest first.

        Args:
            sight: the customer on the day that is shown.

        Raises:
            Problem: no survey is kept.
        """
        known = await self._survey()
        return next_as_json(known.together, sight, known.kept.taken.survey.names)


def _persona(told: Told) -> dict[str, Any]:
    plain = told.as_json()
    return {"label": plain["label"], "name": plain["name"], "sentences": plain["sentences"]}
