"""What the API counts from the samples that partitions keep: RFM heatmap, clusters, cohorts.

A sample is read and counted at most every quarter of a minute, however many ask.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import date
from typing import Any

from models.census import (
    Counted,
    cluster_map,
    cohorts,
    counted,
    in_units,
    rfm_heatmap,
    score_range,
)
from models.population import Population
from models.rfm import SCHEMES
from models.sketch import from_slots
from streams.api.board import Board, moment
from streams.api.problems import BAD_VALUE, NOT_THERE_YET, Problem
from streams.api.reads import Reads
from streams.api.remembering import Remembered
from streams.lookup import Lookup
from streams.show_outlook import cluster_says

CENSUS_S = 15.0  # how long it is remembered
_ANY_NONCE = b"-"


class Census:
    """Answers that are counted from samples.

    Args:
        reads: the store.
        lookup: on the same.
        board: likewise; knows the moment shown.
        now_s: monotonic clock.
    """

    def __init__(
        self,
        reads: Reads,
        lookup: Lookup,
        board: Board,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reads, self._lookup, self._board = reads, lookup, board
        self._once = Remembered(now_s).once

    async def _census(self) -> list[Counted]:
        return await self._once("census", CENSUS_S, self._read_census)

    async def _read_census(self) -> list[Counted]:
        sketches = []
        for partition in range(await self._lookup.partitions()):
            whole = (await self._reads.load(partition, (), _ANY_NONCE)).whole
            assert whole is not None  # nobody's nonce was named
            sketches.append(await asyncio.to_thread(from_slots, whole.sketch))
        return counted(sketches)

    async def heatmap(self, scheme: str) -> dict[str, Any]:
        """Customers by recency and frequency.

        Raises:
            Problem: no such scheme, or no population yet.
        """
        if scheme not in SCHEMES:
            known = ", ".join(SCHEMES)
            raise Problem(BAD_VALUE, f"scheme: not one of {known}")
        population, census = await self._population_there(), await self._census()
        today = await self._board.today()
        cells = await asyncio.to_thread(rfm_heatmap, census, scheme, today, population)
        scores = list(score_range(scheme))
        return {
            "scheme": scheme,
            "population": population.version,
            **_counts(census),
            "recency": scores,
            "frequency": scores,
            "cells": [each._asdict() for each in cells],
        }

    async def clusters(self) -> dict[str, Any]:
        """The map of the clusters.

        Raises:
            Problem: no clusters yet.
        """
        population, census = await self._population_there(), await self._census()
        clustering = population.clusters
        if clustering is None:
            raise Problem(NOT_THERE_YET, "too few customers for clusters", "wait for more of them")
        seen = await asyncio.to_thread(cluster_map, census, clustering)
        total = max(1, sum(each.customers for each in clustering.clusters))
        return {
            "population": population.version,
            "as_of": date.fromordinal(population.as_of_day).isoformat(),
            **_counts(census),
            "axes": [
                {
                    "name": name,
                    "share": axis.share,
                    "says": [{"feature": f, "weight": weight} for f, weight in axis.says],
                }
                for name, axis in zip("xy", seen.axes, strict=True)
            ],
            "clusters": [
                {
                    "id": each.id,
                    "name": f"cluster/{each.id}",
                    "customers": each.customers,
                    "share": round(each.customers / total, 4),
                    "says": cluster_says(each, clustering)._asdict(),
                    "x": seen.centroids[each.id][0],
                    "y": seen.centroids[each.id][1],
                    "centroid": in_units(each.centroid),
                }
                for each in clustering.clusters
            ],
            "points": [each._asdict() for each in seen.points],
        }

    async def cohorts(self, months: int) -> dict[str, Any]:
        """Who still buys, by the month of the first purchase."""
        census, today = await self._census(), await self._board.today()
        found = cohorts(census, today, months)
        return {
            "as_of": moment(await self._board.as_of_ms()),
            **_counts(census),
            "items": [
                {
                    "cohort": f"{each.month[0]:04}-{each.month[1]:02}",
                    "customers": each.customers,
                    "retained": each.retained,
                }
                for each in found
            ],
        }

    async def _population_there(self) -> Population:
        population = await self._board.population()
        if population is None:
            raise Problem(
                NOT_THERE_YET,
                "no population has been learned yet",
                "the first one comes at the end of an epoch: see population.epoch in the policy",
            )
        return population


def _counts(census: list[Counted]) -> dict[str, int]:
    return {"customers": sum(each.weight for each in census), "counted": len(census)}
