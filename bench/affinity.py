"""Affinity on Complete Journey: what it costs, whether the next category can be told, who is a lookalike.

- *Pairs*: some households' year is folded; of each the shopping days are added to every segment they are in.
- *Next category*: learned of the purchases of days 1-280; for each household the categories of its first
  later day (281-357) that brings a new one are looked for in the list. DAMPING was chosen one season before
  (learned of days 1-203, days 204-280), whose figures stand beside.
- *Lookalikes*: of households that told demographics, the best fifth by spend against the others; AUC by
  tenfold cross-validation over households, ten times.

    python -m bench.affinity [--json] [--every N]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import time
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from statistics import mean, median, pstdev
from typing import Any, NamedTuple

import pandas as pd

from models.affinities import Affinities, encode_together
from models.affinity import Affinity, Catalogue, bought_together, together
from models.calendar import start_of_day_ms
from models.codec import decode_state
from models.daybook import label_key
from models.lookalike import likeness, resemblance
from models.member import YEAR_DAYS, Member
from models.next_category import DAMPING, NextCategory, encode_next, learned, next_categories
from models.policy import policy_from_preset
from models.segments import segments_by_kind
from models.sight import Sight
from streams.datasets import complete_journey
from streams.loop import Loop, replay
from tests.golden.raw_journey import BEGAN, lines, raw

SEED, LAST_DAY = 7, BEGAN.toordinal() + 364
DAMPINGS = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0)
Split = tuple[
    int, int
]  # learned of the days before the first; judged on those from there to the second
BEFORE, JUDGED = (203, 280), (280, 357)


class Costs(NamedTuple):
    """Of pairs.

    Attributes:
        customers: folded.
        segments: with anybody in them.
        memberships: segments of a customer, mean.
        together_ms: to count one customer's days, median.
        add_ms: to add that to all of their segments, median.
        group_bytes: of the largest group.
        bytes: of all groups.
        certain: groups whose 20 best pairs are certainly the best.
        kept_bytes: of what a survey keeps, as JSON.
    """

    customers: int
    segments: int
    memberships: float
    together_ms: float
    add_ms: float
    group_bytes: int
    bytes: int
    certain: int
    kept_bytes: int


class Rates(NamedTuple):
    """How often the next category stood on the list.

    Attributes:
        households: judged.
        first: share of whom it stood first,
        five: among the first five.
        reciprocal: mean of one by its place.
    """

    households: int
    first: float
    five: float
    reciprocal: float


def costs(every: int) -> Costs:
    """Fold one household in so many, and add them up."""
    policy = policy_from_preset("grocery")
    loop = Loop(policy, 1)
    records = (each for each in complete_journey() if int(each.customer_id) % every == 0)
    asyncio.run(replay(loop, records, LAST_DAY))
    packed = asyncio.run(loop.states())
    sights = {each: Sight(decode_state(one), LAST_DAY + 1, policy) for each, one in packed.items()}
    members = [
        Member(each, sight, start_of_day_ms(LAST_DAY + 1, policy.timezone), places, (), (), ())
        for each, sight in sights.items()
        if (places := segments_by_kind(each, sight.state))
    ]
    first = Affinities()
    for each in members:
        first.take(each)
    survey = Affinities(first.told().catalogue)
    counting, adding = [], []
    for each in members:
        began_s = time.perf_counter()
        one = bought_together(each.sight, YEAR_DAYS, survey.catalogue)
        counted_s = time.perf_counter()
        for segment in each.segments.values():
            survey.segments.setdefault(segment, Affinity(survey.catalogue)).add(one)
        adding.append(time.perf_counter() - counted_s)
        counting.append(counted_s - began_s)
        survey.base.add(one)
    told = survey.told()
    sizes = [each.size_bytes for each in survey.segments.values()]
    return Costs(
        len(members),
        len(sizes),
        mean(len(each.segments) for each in members),
        1_000 * median(counting),
        1_000 * median(adding),
        max(sizes),
        sum(sizes),
        sum(each["days"].certain for each in told.segments.values()),
        len(json.dumps(encode_together(told))),
    )


class Households:
    """What households bought by category and day.

    Attributes:
        days: household → category label → days, ascending.
    """

    def __init__(self) -> None:
        known = lines()[["household", "day", "category"]].dropna().drop_duplicates()
        self.days: defaultdict[int, dict[bytes, list[int]]] = defaultdict(dict)
        for household, day, category in known.sort_values("day").itertuples(index=False):
            key = label_key("category", category)
            self.days[household].setdefault(key, []).append(day)

    def bought(self, until: int) -> dict[int, set[bytes]]:
        """Household → categories before a day."""
        return {
            household: {key for key, days in found.items() if days[0] < until}
            for household, found in self.days.items()
        }

    def next_new(self, split: Split) -> dict[int, set[bytes]]:
        """Household → the categories of the first day that brings one not bought before."""
        found: dict[int, set[bytes]] = {}
        for household, by_key in self.days.items():
            new = {key: days[0] for key, days in by_key.items() if split[0] <= days[0] < split[1]}
            if new:
                first = min(new.values())
                found[household] = {key for key, day in new.items() if day == first}
        return found


def learned_of(bought: Mapping[int, set[bytes]]) -> NextCategory:
    """What these households tell of each other's categories."""
    ever = Affinity(Catalogue(_most_usual(bought)))
    for each in bought.values():
        one = together(dict.fromkeys(sorted(each), (0,)), int(bool(each)), ever.catalogue)
        ever.add(one)
    return learned(ever)


def _most_usual(bought: Mapping[int, set[bytes]]) -> list[bytes]:
    counted = Counter(key for each in bought.values() for key in each)
    return sorted(counted, key=lambda key: (-counted[key], key))[:256]


def rates(split: Split, households: Households, damping: float) -> Rates:
    """Of all households that begin with something; a damping of 0 is popularity alone."""
    bought = households.bought(split[0])
    known, places = learned_of(bought), []
    for household, targets in households.next_new(split).items():
        ranked = next_categories(known, bought[household], len(known), damping)
        places.append(next((n for n, each in enumerate(ranked, 1) if each.key in targets), 0))
    return Rates(
        len(places),
        mean(each == 1 for each in places),
        mean(0 < each <= 5 for each in places),
        mean(1 / each if each else 0.0 for each in places),
    )


class Lookalikes(NamedTuple):
    """Of households that told demographics.

    Attributes:
        households: how many.
        best: of them.
        auc: mean over repetitions.
        deviation: over repetitions.
    """

    households: int
    best: int
    auc: float
    deviation: float


def lookalikes(folds: int = 10, times: int = 10) -> Lookalikes:
    """See the module."""
    spend = lines().groupby("household")["spend"].sum()
    told = raw("demographics").set_index("household_id")
    told = told[told.index.isin(spend.index)]
    words = {int(each): list(_words(row)) for each, row in told.iterrows()}
    best = set(spend[list(words)].nlargest(len(words) // 5).index)
    rng, found = Random(SEED), []
    for _ in range(times):
        order = sorted(words)
        rng.shuffle(order)
        scores: dict[int, float] = {}
        for fold in range(folds):
            test = set(order[fold::folds])
            train = [each for each in order if each not in test]
            mine = _counts(words[each] for each in train if each in best)
            weights = likeness(mine, _counts(words[each] for each in train))
            scores.update({each: resemblance(weights, words[each]).score for each in test})
        others = sorted(score for each, score in scores.items() if each not in best)
        found.append(mean(_above(scores[each], others) for each in best))
    return Lookalikes(len(words), len(best), mean(found), pstdev(found))


def _above(score: float, ascending: Sequence[float]) -> float:
    """The share with a lower score, those with the same counting half; its mean over the best is the AUC."""
    return (bisect_left(ascending, score) + bisect_right(ascending, score)) / (2 * len(ascending))


def _words(row: pd.Series) -> Iterator[tuple[str, str]]:
    for name, value in row.items():
        if value is not None and not pd.isna(value):
            yield str(name), str(value)


def _counts(people: Iterable[Sequence[tuple[str, str]]]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for words in people:
        for name, value in words:
            found.setdefault(name, Counter())[value] += 1
    return found


def measured(every: int) -> dict[str, Any]:
    """All of it, plain."""
    households = Households()
    known = learned_of(households.bought(JUDGED[0]))
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "seed": SEED,
        "pairs": costs(every)._asdict(),
        "damping, a season before": {
            str(each): rates(BEFORE, households, each)._asdict() for each in DAMPINGS
        },
        "next category": {
            "popularity": rates(JUDGED, households, 0.0)._asdict(),
            "evidence": rates(JUDGED, households, DAMPING)._asdict(),
            "kept_bytes": len(json.dumps(encode_next(known))),
        },
        "lookalikes": lookalikes()._asdict(),
    }


def shown(found: dict[str, Any]) -> Iterator[str]:
    """As lines."""
    yield f"{found['machine']}; seed {found['seed']}"
    pairs = found["pairs"]
    yield (
        f"pairs: {pairs['customers']} customers in {pairs['memberships']:.1f} of {pairs['segments']} segments; "
        f"{pairs['together_ms']:.2f} ms to count a customer's days, {pairs['add_ms']:.2f} ms to add them to "
        f"all; {pairs['group_bytes']:,} bytes a group at most, {pairs['bytes']:,} in all, "
        f"{pairs['kept_bytes']:,} kept; certain: {pairs['certain']} of {pairs['segments']}"
    )
    tables = {f"damping {k} (before)": v for k, v in found["damping, a season before"].items()}
    tables |= {k: v for k, v in found["next category"].items() if k != "kept_bytes"}
    for name, each in tables.items():
        yield (
            f"next category, {name}: {each['households']} households, first {each['first']:.3f}, "
            f"among five {each['five']:.3f}, reciprocal rank {each['reciprocal']:.3f}"
        )
    yield f"next category: {found['next category']['kept_bytes']:,} bytes kept"
    alike = found["lookalikes"]
    yield (
        f"lookalikes: {alike['households']} households, {alike['best']} of them the best; "
        f"AUC {alike['auc']:.3f} ± {alike['deviation']:.3f}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--every", type=int, default=8, help="fold one household in so many")
    given = parser.parse_args()
    found = measured(given.every)
    if given.json:
        json.dump(found, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        for line in shown(found):
            print(line)


if __name__ == "__main__":
    main()
