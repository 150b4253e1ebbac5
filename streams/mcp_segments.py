"""What an assistant is told of many customers: segments, their members, moves between states, the installation.

Enters: names of segments, days, limits. Leaves: answers. Forbidden here: ids in what leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Annotated, Any

from pydantic import Field

from models.population import Population as Learned
from models.scores import ForecastScore, RiskScore
from streams.api.problems import Problem
from streams.mcp_answers import (
    Flows,
    Members,
    Segment,
    SegmentList,
)
from streams.mcp_answers import (
    Installation as State,
)
from streams.mcp_answers_more import Population
from streams.mcp_installation import Answers, Installation
from streams.mcp_masking import Declined, Mask, Pages
from streams.show_outlook import cluster_says

MOST_ROWS = 100
FEW = 5  # a persona of fewer would tell of single people
Days = Annotated[int, Field(ge=1, le=365, description="customer-days counted back from today")]
Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        description="kind/group as segments lists them, or a rule's name",
    ),
]
Limit = Annotated[int, Field(ge=1, le=MOST_ROWS, description="rows at most")]
Page = Annotated[
    str, Field(max_length=64, description="`next` of the page before; empty: from the beginning")
]


class SegmentTools:
    """Answers about many customers.

    Args:
        installation: to ask.
        mask: what may be told.
        histories: what can be replayed, for whoever asks what there is.
    """

    def __init__(
        self, installation: Installation, mask: Mask, shown: Sequence[str], histories: Sequence[str]
    ) -> None:
        self._installation, self._mask, self._pages = installation, mask, Pages()
        self._options = {
            "shown_attributes": sorted(shown),
            "lasting_pseudonyms": mask.lasting,
            "histories": list(histories),
        }

    async def installation(self) -> State:
        """The state of the installation: how many customers, how fresh, which policy, currency, what is masked."""
        answers = await self._installation.answers()
        told = await answers.board.overview()
        population, policy = told["population"], told["policy"]
        return State.told(
            {
                **told,
                **policy,
                "policy_number": policy["number"],
                "population": population and population["version"],
                **self._options,
            }
        )

    async def segments(
        self,
        kind: Annotated[
            str,
            Field(
                max_length=80,
                description="only these: lifecycle, flag, rule, tier, risk, cluster, rfm.SCHEME",
            ),
        ] = "",
        days: Days = 30,
        limit: Limit = MOST_ROWS,
    ) -> SegmentList:
        """All segments that anybody is in: size, share of all customers, and who entered and left lately."""
        told = await (await self._installation.answers()).board.segments(days)
        items, kinds = told["items"], {each["kind"] for each in told["items"]}
        if kind and kind not in kinds:
            raise Declined(
                f"there is no such kind of segment; there are {', '.join(sorted(kinds))}"
            )
        fitting = [each for each in items if kind in {"", each["kind"]}]
        shown = [each for each in fitting if each["size"] or each["when"]][:limit]
        return SegmentList.told({**told, "items": shown, "left_off": len(fitting) - len(shown)})

    async def segment(self, name: Name, days: Days = 30) -> Segment:
        """One segment: its rule, size day by day, what kind of people are in it, whether it is worth working with."""
        answers = await self._installation.answers()
        segment = await answers.segment(name)
        told = await answers.board.segment(segment, days)
        return Segment.told({**told, **await self._persona(answers, segment, told["size"])})

    async def _persona(self, answers: Answers, segment: str, size: int) -> dict[str, Any]:
        if size < FEW:
            why = f"fewer than {FEW} customers are in it: a persona would tell of single people"
            return {"persona": None, "persona_missing": why}
        try:
            told = await answers.surveys.persona(segment)
        except Problem as problem:
            return {"persona": None, "persona_missing": problem.detail}
        criteria = told["evaluation"]["criteria"].values()
        evaluation = {**told["evaluation"], "reasons": [each["reason"] for each in criteria]}
        return {"persona": {**told, **self._said(told), "evaluation": evaluation}}

    def _said(self, told: dict[str, Any]) -> dict[str, Any]:
        """Sentences that tell of withheld attributes are left out; a name may tell of them, too."""
        said = [each for each in told["sentences"] if not self._tells(each["numbers"])]
        whole = len(said) == len(told["sentences"])
        return {"sentences": said, "name": told["name"] if whole else told["label"]}

    def _tells(self, numbers: Iterable[str]) -> bool:
        traits = (each.partition("=")[0] for each in numbers if "=" in each)
        return any(self._mask.hides(each) for each in traits)

    async def segment_members(self, name: Name, limit: Limit = 20, page: Page = "") -> Members:
        """Who is in a segment, by pseudonym, page by page; each with their state, spend, tier and risk."""
        answers = await self._installation.answers()
        segment = await answers.segment(name)
        cursor = self._pages.meant(segment, page)
        size = (await answers.board.segment(segment, 1))["size"]
        told = await answers.people.members(segment, cursor, limit)
        return Members.told(
            {
                "segment": segment,
                "size": size,
                "currency": answers.policy.business.currency,
                "items": [
                    {**each, "customer": self._mask.named(each["customer_id"])}
                    for each in told["items"]
                ],
                "next": self._pages.named(segment, told["next"]),
            }
        )

    async def lifecycle_flows(self, days: Days = 30) -> Flows:
        """How many customers went from which lifecycle state into which, within the last days."""
        return Flows.told(await (await self._installation.answers()).board.flows(days))

    async def population_quality(self) -> Population:
        """How good risk and value predictions have been, judged by what came, and what the clusters are like."""
        learned = await (await self._installation.answers()).board.population()
        if learned is None:
            raise Declined(
                "no population has been learned yet: the first comes at the end of an epoch"
            )
        return Population.told(_population(learned))


def _population(learned: Learned) -> dict[str, Any]:
    clusters, measured = learned.clusters, learned.measured
    return {
        "version": learned.version,
        "as_of": _on(learned.as_of_day),
        "customers": learned.customers,
        "clusters": []
        if clusters is None
        else [
            {
                "id": each.id,
                "customers": each.customers,
                "says": cluster_says(each, clusters)._asdict(),
            }
            for each in clusters.clusters
        ],
        "clusters_drifted": _on(measured.clusters_drifted_day),
        "risk_drifted": _on(measured.risk_drifted_day),
        "stale_partitions": list(learned.stale_partitions),
        "risks": [_risk(each) for each in measured.risks],
        "forecasts": [_forecast(each) for each in measured.forecasts],
    }


def _risk(score: RiskScore) -> dict[str, Any]:
    return {
        **score._asdict(),
        "resolved_on": _on(score.resolved_day),
        "lost_share": round(score.lost / score.customers, 4),
        "predicted": round(score.predicted, 4),
        "auc": None if score.auc is None else round(score.auc, 4),
        "ece": round(score.ece, 4),
    }


def _forecast(score: ForecastScore) -> dict[str, Any]:
    told = {"bgnbd": round(score.bgnbd, 1), "decayed": round(score.decayed, 1)}
    return {**score._asdict(), **told, "resolved_on": _on(score.resolved_day)}


def _on(day: int | None) -> str | None:
    return None if day is None else date.fromordinal(day).isoformat()
