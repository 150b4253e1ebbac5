"""Where a customer has been, walked back through what was told of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from models.calendar import day_of, start_of_day_ms
from models.events import Read, Tick
from models.member import Change, Member
from models.policy import policy_from_preset
from models.segments import places_of
from models.whereabouts import NEVER_MS, NOWHERE, UNKNOWN, Entry, kept_since_ms, tracks_of
from tests.streams.drawn import populations
from tests.support.changed import member_told
from tests.support.histories import crowded_histories, long_histories, thoroughly, with_ticks
from tests.support.story import DAY_MS, GROCERY, Told, midnight, noon, purchase, tell, tick

RULED = policy_from_preset(
    "grocery",
    rfm={"published": ["quintile", "china8"]},
    segments={
        "spenders": {"when": "spend_30d >= 10"},
        "quiet": {"when": "10 <= silence_days < 40"},
        "gold": {"when": 'profile.a1 == "gold" or purchases > 3'},
    },
)
BERLIN = policy_from_preset("grocery", business={"timezone": "Europe/Berlin"})
POPULATION = populations(5)
DAY_0 = day_of(midnight(0), GROCERY.timezone)


def places(told: Told) -> Mapping[str, str]:
    state = told.customer
    return places_of(state.standing, state.groups, state.rules)


def whereabouts(member: Member, at_ms: int) -> dict[str, str]:
    """Kind → segment, of the kinds that they were in some segment of."""
    found = {kind: track.at(at_ms) for kind, track in tracks_of(member).items()}
    return {kind: segment for kind, segment in found.items() if segment != NOWHERE}


def replayed(changes: Sequence[Change], at_ms: int) -> dict[str, str]:
    """Forward: changes in the order of telling, none earlier than the one before."""
    found: dict[str, str] = {}
    moment_ms = 0
    for each in changes:
        moment_ms = max(moment_ms, each.at_ms)
        if moment_ms > at_ms:
            break
        found.pop(each.kind, None)
        if each.after is not None:
            found[each.kind] = each.after
    return found


def some_moment(events: Sequence[Read], place: int) -> int:
    """Anywhere from before the first event to after the last; often at one, or at a midnight."""
    first, last = min(each.at_ms for each in events), max(each.at_ms for each in events)
    at_ms = first - DAY_MS + place * (last - first + 60 * DAY_MS) // 10**6
    midnight_ms = start_of_day_ms(day_of(at_ms, RULED.timezone), RULED.timezone)
    near = events[place % len(events)].at_ms
    return (at_ms, midnight_ms, near, near - 1)[place % 4]


moments = st.integers(0, 10**6)


@thoroughly
@given(events=long_histories(returns=False), place=moments)
def test_in_order_they_were_where_they_would_be_if_time_had_stopped(
    events: list[Read], place: int
) -> None:
    at_ms, until_ms = some_moment(events, place), events[-1].at_ms + 70 * DAY_MS
    told = tell(*events, tick(until_ms), policy=RULED, population=POPULATION)
    member = member_told(told, until_ms, RULED, POPULATION)
    seen = [each for each in events if each.at_ms <= at_ms]
    then = tell(*seen, tick(at_ms), policy=RULED, population=POPULATION) if seen else None
    assert whereabouts(member, at_ms) == (dict(places(then)) if then else {})


@thoroughly
@given(data=st.data(), events=crowded_histories(at_most=14), place=moments)
def test_walking_back_is_replaying_forward_whatever_the_order_of_arrival(
    data: st.DataObject, events: list[Read], place: int
) -> None:
    arrivals: list[Read | Tick] = data.draw(with_ticks(events))
    at_ms, until_ms = some_moment(events, place), max(e.at_ms for e in events) + 70 * DAY_MS
    told = tell(*arrivals, tick(until_ms), policy=RULED, population=POPULATION)
    member = member_told(told, until_ms, RULED, POPULATION)
    assert whereabouts(member, at_ms) == replayed(member.changes, at_ms)
    assert whereabouts(member, until_ms) == dict(places(told))
    assert whereabouts(member, -1) == {}


@settings(deadline=None)
@given(events=long_histories(returns=False), place=moments, newest=st.integers(1, 12))
def test_a_history_cut_short_says_the_same_or_that_it_does_not_know(
    events: list[Read], place: int, newest: int
) -> None:
    at_ms, until_ms = some_moment(events, place), events[-1].at_ms + 70 * DAY_MS
    told = tell(*events, tick(until_ms), policy=RULED)
    whole = member_told(told, until_ms, RULED)
    cut = member_told(told, until_ms, RULED, newest=min(newest, len(told.effects)))
    since_ms, found = kept_since_ms(cut), whereabouts(cut, at_ms)
    if since_ms is None or at_ms >= since_ms:
        assert found == whereabouts(whole, at_ms)
    else:
        assert set(found.values()) <= {UNKNOWN}


@thoroughly
@given(events=long_histories(returns=False, at_most=14))
def test_an_entry_is_a_day_that_ends_where_the_day_before_did_not(events: list[Read]) -> None:
    until_ms, zone = events[-1].at_ms + 70 * DAY_MS, BERLIN.timezone
    told = tell(*events, tick(until_ms), policy=BERLIN)

    def ends_in(day: int) -> str:
        return track.at(start_of_day_ms(day + 1, zone) - 1)

    for track in tracks_of(member_told(told, until_ms, BERLIN)).values():
        days = sorted({day_of(each, zone) for each in track.moments_ms})
        wanted = [
            Entry(ends_in(day), day) for day in days if ends_in(day) not in {"", ends_in(day - 1)}
        ]
        assert list(track.entries(lambda at_ms: day_of(at_ms, zone))) == wanted


def test_a_late_purchase_counts_from_what_was_told_before_it() -> None:
    told = tell(purchase("e1", noon(0)), tick(noon(30)), purchase("e2", noon(9)), tick(noon(31)))
    assert [(why, at_ms) for _, why, at_ms in told.changes] == [
        ("purchase", noon(0)),
        ("silence", midnight(13)),
        ("silence", midnight(26)),
        ("late_purchase", noon(9)),
    ]
    tracks = tracks_of(member_told(told, noon(31), GROCERY))
    assert tracks["overdue"].at(noon(20)) == "flag/overdue"  # as it was told, and listed
    assert tracks["lifecycle"].moments_ms == [noon(0), midnight(26), midnight(26)]
    assert tracks["lifecycle"].at(midnight(26) - 1) == "lifecycle/new"
    assert tracks["lifecycle"].at(midnight(26)) == "lifecycle/active"  # never mind: dormant


def by_hand(*changes: Change, begin: bool = True, now: Mapping[str, str] | None = None) -> Member:
    member = member_told(tell(purchase("e1", noon(0))), noon(0), GROCERY)
    return member._replace(changes=changes, changes_begin=begin, segments=now or {})


def test_between_changes_that_do_not_meet_nothing_is_known() -> None:
    """As where two ids became one person: their groups were made anew."""
    member = by_hand(
        Change(1, 100, "tier", None, "tier/low"), Change(2, 300, "tier", None, "tier/high")
    )
    tier = tracks_of(member)["tier"]
    assert [tier.at(at_ms) for at_ms in (99, 100, 299, 300)] == [
        NOWHERE,
        UNKNOWN,
        UNKNOWN,
        "tier/high",
    ]
    assert [each.segment for each in tier.entries(lambda at_ms: at_ms // 100)] == ["tier/low"]


def test_of_a_kind_without_a_change_since_what_is_kept_they_are_where_they_were() -> None:
    kept = Change(40, 500, "lifecycle", "lifecycle/new", "lifecycle/active")
    member = by_hand(kept, begin=False, now={"lifecycle": "lifecycle/active", "tier": "tier/low"})
    tracks = tracks_of(member)
    assert [tracks["tier"].at(at_ms) for at_ms in (499, 500)] == [UNKNOWN, "tier/low"]
    assert [tracks["lifecycle"].at(at_ms) for at_ms in (499, 500)] == [UNKNOWN, "lifecycle/active"]
    assert list(tracks["lifecycle"].entries(lambda at_ms: at_ms)) == []


def test_of_somebody_without_a_history_nothing_is_known() -> None:
    member = by_hand(now={"lifecycle": "lifecycle/new"})
    assert kept_since_ms(member) == NEVER_MS
    assert tracks_of(member)["lifecycle"].at(noon(400)) == UNKNOWN


def test_what_comes_and_goes_within_a_day_is_no_entry() -> None:
    vip = "rule/vip"
    member = by_hand(
        Change(1, noon(0), "lifecycle", None, "lifecycle/new"),
        Change(2, noon(3), vip, None, vip),
        Change(3, noon(3) + 1, vip, vip, None),
        Change(4, noon(5), vip, None, vip),
    )
    entries = tracks_of(member)[vip].entries(lambda at_ms: day_of(at_ms, GROCERY.timezone))
    assert list(entries) == [Entry(vip, DAY_0 + 5)]


def test_the_stories_have_changes_of_all_kinds() -> None:
    told = tell(purchase("e1", noon(0)), tick(noon(12)), policy=RULED, population=POPULATION)
    kinds = {each.kind for each in member_told(told, noon(12), RULED, POPULATION).changes}
    assert {"lifecycle", "quintile", "china8", "rule/spenders", "rule/quiet"} <= kinds
