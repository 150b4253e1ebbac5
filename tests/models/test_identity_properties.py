"""Whatever meets in whatever order, it ends as if a person had had one id from the start."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from models.events import Read
from models.policy import Policy
from tests.support.histories import crowded_histories, policies, thoroughly, told_until
from tests.support.story import HOUR_MS, without_sequence
from tests.support.town import Story, Town, ids_of, moment, of, others_of, shapes, stories

# Each example is a town of several ids, so there are fewer.
well = settings(thoroughly, max_examples=max(5, thoroughly.max_examples // 3))


def is_one_identity(town: Town, story: Story, ids: Sequence[str], policy: Policy) -> None:
    (person,) = town.persons
    assert {town.root(each) for each in ids} == {person}
    assert others_of(person, town.person(person)) == [each for each in ids if each != person]
    told = told_until(story.events, story.until_ms, policy)
    assert town.as_of(person, story.until_ms) == without_sequence(told)


@well
@given(st.data(), shapes, policies, st.booleans())
def test_whoever_meets_first_and_however_often_it_ends_as_one_identity_from_the_start(
    data: st.DataObject, shape: list[tuple[str, str]], policy: Policy, twice: bool
) -> None:
    story = data.draw(stories(shape))
    town = story.live(Town(policy, twice=twice))
    is_one_identity(town, story, ids_of(shape), policy)


@well
@given(st.data(), shapes, policies, st.booleans())
def test_of_an_erased_person_nothing_remains_by_any_name_whatever_came_first(
    data: st.DataObject, shape: list[tuple[str, str]], policy: Policy, twice: bool
) -> None:
    ids = ids_of(shape)
    story = data.draw(stories(shape, asked=[data.draw(st.sampled_from(ids))]))
    town = story.live(Town(policy, twice=twice))
    assert (town.held, sorted(town.marks)) == ({}, ids)
    for late in story.events:
        for each in ids:
            town.tell(of(each, late))
    assert town.held == {}


@well
@given(st.data(), shapes, crowded_histories(at_most=5))
def test_after_an_erasure_every_id_begins_anew_as_if_it_had_never_been_there(
    data: st.DataObject, shape: list[tuple[str, str]], events: list[Read]
) -> None:
    ids = ids_of(shape)
    story = data.draw(stories(shape, asked=[data.draw(st.sampled_from(ids))]))
    town, fresh = story.live(Town()), Town()
    later_ms = story.until_ms + HOUR_MS - min(each.at_ms for each in events)
    for number, each in enumerate(events):
        at_ms = each.at_ms + later_ms
        event = each.event.model_copy(update={"occurred_at": moment(at_ms)})
        again = of(ids[number % len(ids)], Read(event, f"new {each.event_id}", at_ms))
        town.tell(again)
        fresh.tell(again)
    assert town.held == fresh.held
    for read, _ in story.chapters:  # what is sent once more, erasures and merges too
        town.tell(read)
    assert town.held == fresh.held
