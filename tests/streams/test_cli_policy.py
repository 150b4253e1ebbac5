"""`segmenter policy …` on a real broker and store, with a worker that reads on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.policy import policy_from_toml
from streams.policies import publications
from tests.real_parts import RealParts
from tests.streams.policy_shop import LATELY, PARTITIONS, PRESET, RULES, PolicyShop, opened_shop
from tests.support.terminal import NOWHERE

WIDER = RULES.replace("400", "300")
WITHOUT_SMALL = WIDER.partition("[segments.small]")[0]


@pytest.fixture
def shop(
    real_parts: RealParts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    valkey_url: str,
    namespace: str,
) -> Iterator[PolicyShop]:
    """Its workers began with a file without rules; now there are some in it."""
    monkeypatch.chdir(tmp_path)
    with opened_shop(real_parts, tmp_path, valkey_url, namespace) as shop:
        yield shop


def published(shop: PolicyShop, text: str, *options: str) -> None:
    """Publish a file, and have it in force."""
    shop.write(text)
    ran = shop.terminal.run("policy", "publish", "--wait", "0", *options)
    assert ran.exit_code == 0, ran.err
    shop.read_on()


def numbers(shop: PolicyShop) -> list[int]:
    return [each.number for each in publications(shop.inspector)]


def test_publishing_waits_until_every_partition_has_taken_it_over(shop: PolicyShop) -> None:
    with shop.worker():
        ran = shop.terminal.run("policy", "publish", "--note", "the first", "--json")
    assert ran.exit_code == 0
    told = ran.json
    assert (told["published"], told["number"], told["note"]) == (True, 1, "the first")
    assert (told["partitions"], told["taken_over"]) == (PARTITIONS, True)
    assert told["version"] == policy_from_toml(RULES).version
    assert shop.terminal.run("segments", "members", "vip", "--json").json == list(LATELY)


def test_the_first_says_that_the_file_of_the_workers_counts_no_more(shop: PolicyShop) -> None:
    ran = shop.terminal.run("policy", "publish", "--wait", "0")
    assert ran.exit_code == 0
    assert "until now the workers' own file holds, which is another one" in ran.err
    assert ran.out.splitlines()[1] == "on its way"


def test_what_changes_is_shown_before_it_is_published(shop: PolicyShop) -> None:
    published(shop, RULES)
    shop.write(WITHOUT_SMALL)
    with shop.worker():
        ran = shop.terminal.run("policy", "publish")
    assert (ran.exit_code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0] == "- segments.small.when: 'spend < 250'"
    assert lines[1].startswith('  segments.vip.when: "spend_365d >= 400')
    assert lines[1].endswith("""→ "spend_365d >= 300 and lifecycle == 'active'\"""")
    assert lines[2].startswith("policy 2, version ")
    assert lines[3] == "in force in all 2 partitions"


def test_a_policy_that_is_in_force_is_not_published_again(shop: PolicyShop) -> None:
    published(shop, RULES)
    ran = shop.terminal.run("policy", "publish")
    assert (ran.exit_code, ran.out) == (0, "nothing to publish: policy 1 says the same\n")
    assert shop.terminal.run("policy", "rollback", "1", "--json").json["published"] is False
    assert numbers(shop) == [1]


def test_one_that_did_not_reach_every_partition_can_be_published_again(shop: PolicyShop) -> None:
    for _ in range(2):
        assert shop.terminal.run("policy", "publish", "--wait", "0").exit_code == 0
    assert numbers(shop) == [1, 2]


def test_without_a_worker_waiting_ends_with_4_and_it_is_published_all_the_same(
    shop: PolicyShop,
) -> None:
    ran = shop.terminal.run("policy", "publish", "--wait", "0.01")
    assert ran.exit_code == 4
    assert "policy 1 is published, and in force in 0 of 2 partitions" in ran.err
    assert numbers(shop) == [1]


def test_a_policy_that_cannot_follow_is_refused(shop: PolicyShop) -> None:
    published(shop, RULES)
    shop.write(RULES + '[business]\ncurrency = "EUR"\n')
    ran = shop.terminal.run("policy", "publish")
    assert (ran.exit_code, ran.out) == (1, "")
    assert ran.err.startswith("segmenter: business.currency is 'USD' in this log, and can't become")
    assert numbers(shop) == [1]


def test_the_first_that_the_workers_do_not_take_over_is_told(shop: PolicyShop) -> None:
    """Of their own file the command line knows only the version."""
    shop.write(RULES + '[business]\ncurrency = "EUR"\n')
    with shop.worker():
        ran = shop.terminal.run("policy", "publish")
    assert ran.exit_code == 1
    assert "has not taken policy 1 over" in ran.err


def test_all_faults_of_a_file_are_named_and_nothing_is_published(shop: PolicyShop) -> None:
    shop.write(RULES.replace("spend <", "spnd <").replace(">= 400", "=> 400"))
    ran = shop.terminal.run("policy", "publish")
    assert (ran.exit_code, ran.out) == (2, "")
    assert ran.err.splitlines() == [
        "segmenter: segmenter.toml: segments.vip.when, line 1, column 12: => is not known here; "
        "write >=",
        "segmenter.toml: segments.small.when, line 1, column 1: unknown name 'spnd'; did you mean "
        "'spend'?",
    ]
    assert numbers(shop) == []


def test_another_file_can_be_published(shop: PolicyShop, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(WIDER, "utf-8")
    ran = shop.terminal.run("policy", "publish", "--wait", "0", "--file", "other.toml", "--json")
    assert ran.json["version"] == policy_from_toml(WIDER).version


def test_the_history_tells_all_and_where_each_is_in_force(shop: PolicyShop) -> None:
    assert shop.terminal.run("policy", "history", "--json").json == []
    published(shop, RULES, "--note", "[b]the first[/b]", "--silent")
    published(shop, WIDER)
    assert shop.terminal.run("policy", "publish", "--wait", "0").exit_code == 0
    told = shop.terminal.run("policy", "history", "--json").json
    assert [(each["number"], each["silent"], each["in_force_in"]) for each in told] == [
        (1, True, []),
        (2, False, [0, 1]),
    ]
    lines = shop.terminal.run("policy", "history").out.splitlines()
    assert lines[0].split()[:2] == ["policy", "when"]
    assert "silent" in lines[1]
    assert "[b]the first[/b]" in lines[1]
    assert "in force" in lines[2]


def test_a_policy_is_shown_as_a_file_that_says_the_same(shop: PolicyShop, tmp_path: Path) -> None:
    several = RULES + '[segments.long]\nwhen = """\nspend > 1\n  and overdue\n"""\n'
    published(shop, several)
    for arguments in ((), ("1",)):
        shown = shop.terminal.run("policy", "show", *arguments)
        assert shown.out.startswith("# policy 1, version ")
        assert policy_from_toml(shown.out) == policy_from_toml(several)
    as_json = shop.terminal.run("policy", "show", "--json").json
    assert as_json["policy"]["segments"]["vip"]["label"] == "VIP customers"


def test_before_the_first_the_policy_of_the_file_is_shown(shop: PolicyShop) -> None:
    shown = shop.terminal.run("policy", "show").out
    assert shown.startswith("# of the file, version ")
    assert policy_from_toml(shown) == policy_from_toml(RULES)


def test_the_one_in_force_is_compared_with_the_file(shop: PolicyShop) -> None:
    published(shop, RULES)
    assert shop.terminal.run("policy", "diff").err == "no difference\n"
    shop.write(WIDER)
    (change,) = shop.terminal.run("policy", "diff", "--json").json
    assert change == {
        "key": "segments.vip.when",
        "before": "spend_365d >= 400 and lifecycle == 'active'",
        "after": "spend_365d >= 300 and lifecycle == 'active'",
    }


def test_numbers_and_files_can_be_compared(shop: PolicyShop, tmp_path: Path) -> None:
    published(shop, RULES)
    published(shop, WITHOUT_SMALL)
    there = shop.terminal.run("policy", "diff", "1", "2")
    assert there.exit_code == 0
    assert [line[0] for line in there.out.splitlines()] == ["-", " "]
    (tmp_path / "plain.toml").write_text(PRESET, "utf-8")
    back = shop.terminal.run("policy", "diff", "plain.toml", "2").out.splitlines()
    assert [line.split(":")[0] for line in back] == [
        "+ segments.vip.description",
        "+ segments.vip.label",
        "+ segments.vip.label_zh",
        "+ segments.vip.when",
    ]


def test_the_own_file_of_the_workers_cannot_be_compared_unless_it_is_this_one(
    shop: PolicyShop,
) -> None:
    ran = shop.terminal.run("policy", "diff")
    assert (ran.exit_code, ran.out) == (1, "")
    assert "what it says is not known here: name two files" in ran.err
    shop.write(PRESET)
    ran = shop.terminal.run("policy", "diff")
    assert (ran.exit_code, ran.err.splitlines()[1]) == (0, "no difference")


def test_going_back_publishes_what_an_earlier_one_said_under_a_new_number(
    shop: PolicyShop,
) -> None:
    published(shop, RULES)
    published(shop, WITHOUT_SMALL)
    with shop.worker():
        ran = shop.terminal.run("policy", "rollback", "1", "--json")
    assert ran.exit_code == 0
    assert (ran.json["number"], ran.json["note"]) == (3, "back to policy 1")
    assert ran.json["version"] == policy_from_toml(RULES).version
    assert shop.terminal.run("segments", "members", "small", "--json").json


@pytest.mark.parametrize("command", [("rollback", "7"), ("show", "7"), ("diff", "7")])
def test_a_number_that_was_never_published_is_exit_code_3(
    shop: PolicyShop, command: tuple[str, ...]
) -> None:
    ran = shop.terminal.run("policy", *command)
    assert (ran.exit_code, ran.out) == (3, "")
    assert ran.err == "segmenter: no policy 7 was published; there are: none yet\n"


def test_a_file_to_compare_with_that_is_not_there_is_named(shop: PolicyShop) -> None:
    ran = shop.terminal.run("policy", "diff", "nope.toml")
    assert ran.exit_code == 2
    assert "nope.toml: can't be read" in ran.err


@pytest.mark.slow
@pytest.mark.parametrize("command", [("publish",), ("history",), ("rollback", "1")])
def test_a_broker_that_is_down_is_exit_code_4(shop: PolicyShop, command: tuple[str, ...]) -> None:
    shop.terminal.environment["SEGMENTER_BOOTSTRAP_SERVERS"] = NOWHERE
    ran = shop.terminal.run("policy", *command)
    assert (ran.exit_code, ran.out) == (4, "")
    assert f"segmenter: Kafka at {NOWHERE}: " in ran.err


def test_a_store_that_is_down_is_exit_code_4(shop: PolicyShop) -> None:
    shop.terminal.environment["SEGMENTER_REDIS_URL"] = f"redis://{NOWHERE}/0"
    for command in (("publish",), ("history",), ("show",), ("diff",)):
        ran = shop.terminal.run("policy", *command)
        assert (ran.exit_code, ran.out) == (4, "")
        assert "segmenter: Redis: " in ran.err
