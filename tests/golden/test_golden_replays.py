"""Public purchases replayed under a policy, held against what came of them when somebody last looked.

A sample of CDNOW's customers from January to October 1997, and of Complete Journey's households in the
first quarter of 2017: counts of everybody by segment and week, all effects by kind, and some customers
line by line, in replays/*.txt. After a change that is meant:

    make test PYTEST_ARGS="tests/golden/test_golden_replays.py --segmenter-update-golden" PROCESSES=0

Risk, value tiers and clusters are left out: they are learned in floating point, and on another processor
somebody at an edge may fall on the other side of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from models.policy import policy_from_toml
from streams.datasets import cdnow, complete_journey
from streams.golden_files import GoldenDiffers
from streams.pytest_plugin import SegmenterReplay
from streams.scenario import Scenario
from streams.sources import SourceRecord

HERE = Path(__file__).parent
ABOUT = ("lifecycle", "segments", "rfm", "alerts")
SEED = "1997"
CDS = """
[segments.gone-quiet]
when = 'silence_days > 30 and purchases >= 2'
label = "Gone quiet after two purchases"

[segments.big-spenders]
when = 'spend_90d >= 100'

[alerts.rules.win-back]
on = "lifecycle.changed"
to = "dormant"
"""
GROCERIES = """
preset = "grocery"

[segments.big-spenders]
when = 'spend_30d > 250'

[segments.beer-lovers]
when = 'category["BEERS/ALES"].purchase_days_90d >= 3 and not overdue'

[segments.families]
when = 'profile.household_composition in ("2 Adults Kids", "1 Adult Kids")'

[segments.families-gone-quiet]
when = 'segment["families"] and silence_days > 14'

[alerts.rules.win-back]
on = "customer.overdue"
segments = ["families"]
"""
Compared = Callable[[Scenario], None]


def drawn(records: Iterator[SourceRecord], one_in: int, until: str) -> Iterator[SourceRecord]:
    """What some customers did before a day; always the same customers."""
    ends_ms = 86_400_000 * (date.fromisoformat(until) - date(1970, 1, 1)).days
    for record in records:
        seeded = f"{SEED}{record.customer_id}".encode()
        hashed = int.from_bytes(hashlib.blake2b(seeded, digest_size=4).digest())
        if hashed % one_in == 0 and record.occurred_at_ms < ends_ms:
            yield record


@cache
def cds() -> list[SourceRecord]:
    return list(drawn(cdnow(), 120, "1997-11-01"))


@cache
def groceries() -> list[SourceRecord]:
    return list(drawn(complete_journey(), 20, "2017-04-01"))


def live_cdnow(shop: Scenario) -> Scenario:
    shop.events(cds())
    shop.advance(to="1997-11-01")
    return shop


def live_journey(shop: Scenario) -> Scenario:
    shop.events(groceries())
    shop.advance(to="2017-04-01")
    return shop


def compare_cdnow(shop: Scenario) -> None:
    shown = ("00031", "00962", "01314", "01690")
    shop.matches_golden("replays/cdnow.txt", about=ABOUT, customers=shown)


def compare_journey(shop: Scenario) -> None:
    shown = ("67", "71", "752", "2343")
    shop.matches_golden("replays/journey_quarter.txt", about=ABOUT, customers=shown)


def told_of(live: Callable[[Scenario], Scenario], rules: str, compare: Compared) -> list[str]:
    """What the comparison says of other rules; never writes, whatever the run was asked to do."""
    shop = live(Scenario(policy_from_toml(rules), find=lambda name: HERE / name))
    with pytest.raises(GoldenDiffers) as differs:
        compare(shop)
    return str(differs.value).splitlines()


def test_cdnow_comes_out_as_it_did(segmenter_replay: SegmenterReplay) -> None:
    compare_cdnow(live_cdnow(segmenter_replay(CDS)))


def test_a_quarter_of_complete_journey_comes_out_as_it_did(
    segmenter_replay: SegmenterReplay,
) -> None:
    shop = live_journey(segmenter_replay(GROCERIES))
    compare_journey(shop)
    for learned in ("risk/high", "tier/high"):  # what a handful of customers could not teach
        assert 5 <= len(shop.segment(learned)) <= 20


def test_the_files_are_small_enough_to_read() -> None:
    for name in ("cdnow.txt", "journey_quarter.txt"):
        assert 5_000 < (HERE / "replays" / name).stat().st_size < 50_000


def test_twenty_days_for_thirty_are_told_segment_by_segment_and_customer_by_customer() -> None:
    rules = CDS.replace("silence_days > 30", "silence_days > 20")
    said = told_of(live_cdnow, rules, compare_cdnow)
    assert said[0] == (
        "replays/cdnow.txt: of the customers shown line by line, "
        "4 effects of 2 customers are new, 12 effects of 3 customers have moved."
    )
    everybody = said.index("Of all customers together:") + 1
    assert said[everybody : everybody + 4] == [
        "  segment gone-quiet: other sizes at the end of 38 of 39 weeks, first on 1997-02-09: "
        "0 → 2 customers, last on 1997-11-02: 65 → 69",
        "  enters gone-quiet (time): 124 → 144 effects",
        "  leaves gone-quiet (purchase): 59 → 75 effects",
        "",
    ]
    assert "00962: enters gone-quiet (time) 10 days earlier, 5 times" in said
    moved = said.index("- 1997-04-17        enters gone-quiet (time)")
    assert said[moved + 1] == "+ 1997-04-07        enters gone-quiet (time)"


def test_less_for_more_is_told_likewise() -> None:
    rules = GROCERIES.replace("spend_30d > 250", "spend_30d < 250")
    said = told_of(live_journey, rules, compare_journey)
    assert said[0].endswith(
        "31 effects of 4 customers are gone, 35 effects of 4 customers are new."
    )
    (segment,) = [each for each in said if each.startswith("  segment ")]
    assert segment.startswith("  segment big-spenders: other sizes at the end of 14 of 14 weeks")
    assert "  leaves big-spenders (time): 77 → 0 effects" in said
