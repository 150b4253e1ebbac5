"""Segments, new rules and lists on the command line, and customers under the policy in force."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.real_parts import RealParts
from tests.streams.policy_shop import LATELY, PEOPLE, PRESET, RULES, PolicyShop, opened_shop
from tests.support.terminal import NOWHERE

VIP = LATELY[1]
SLIPPING = "[segments.slipping]\nwhen = 'segment[\"vip\"] and spend > 500'\n"
CLUB = "[segments.club]\nwhen = 'profile.club == true'\n"


@pytest.fixture
def unpublished(
    real_parts: RealParts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    valkey_url: str,
    namespace: str,
) -> Iterator[PolicyShop]:
    monkeypatch.chdir(tmp_path)
    with opened_shop(real_parts, tmp_path, valkey_url, namespace) as shop:
        yield shop


@pytest.fixture
def shop(unpublished: PolicyShop) -> PolicyShop:
    """Its rules are in force, and the file has none: no command may go by it."""
    assert unpublished.terminal.run("policy", "publish", "--wait", "0").exit_code == 0
    unpublished.read_on()
    unpublished.write(PRESET)
    return unpublished


# Customers under the policy in force.


def test_a_customer_is_shown_with_the_rule_segments_that_they_are_in(shop: PolicyShop) -> None:
    assert shop.terminal.run("customer", "get", VIP, "--json").json["segments"] == [
        "lifecycle/active",
        "flag/won_back",
        "rule/vip",
    ]
    assert shop.terminal.run("customer", "get", VIP).out.splitlines()[-1] == (
        "  in the segments: VIP customers"
    )
    assert "in the segments" not in shop.terminal.run("customer", "get", PEOPLE[2]).out


def test_why_somebody_is_in_a_rule_segment_is_explained(shop: PolicyShop) -> None:
    sentences = shop.terminal.run("customer", "explain", VIP, "--json").json
    assert sentences[-1] == (
        'In "VIP customers" because spend_365d is 510.00 (>= 400) and lifecycle is active.'
    )
    assert shop.terminal.run("customer", "explain", VIP).out.splitlines() == sentences


# Segments.


def test_all_segments_are_listed_with_label_size_and_share(shop: PolicyShop) -> None:
    found = {each["segment"]: each for each in shop.terminal.run("segments", "list", "--json").json}
    assert found["rule/vip"] == {
        "segment": "rule/vip",
        "label": {"en": "VIP customers", "zh": "贵宾"},
        "size": 2,
        "share": 0.285714,
    }
    assert found["lifecycle/churned"]["size"] == 4
    assert "rfm.quintile/champions" in found


def test_for_people_segments_without_anybody_are_left_out_unless_they_are_rules(
    shop: PolicyShop,
) -> None:
    lines = shop.terminal.run("segments", "list").out.splitlines()
    names = [line.split()[0] for line in lines[1:]]
    assert [name for name in names if not name.startswith("lifecycle/")] == [
        *("flag/won_back", "rule/vip", "rule/small")
    ]
    (vip,) = [line for line in lines if line.startswith("rule/vip")]
    assert vip.split()[1:5] == ["VIP", "customers", "2", "28.6%"]


def test_a_rule_segment_is_shown_with_its_rule_and_what_it_reads(shop: PolicyShop) -> None:
    told = shop.terminal.run("segments", "show", "vip", "--json").json
    assert told["when"] == "spend_365d >= 400 and lifecycle == 'active'"
    assert [each["fact"] for each in told["reads"]] == ["spend_365d", "lifecycle"]
    assert shop.terminal.run("segments", "show", "rule/vip").out.splitlines()[:4] == [
        "VIP customers  rule/vip",
        "  2 customers, 28.6% of all",
        "  Whoever is invited.",
        "  when spend_365d >= 400 and lifecycle == 'active'",
    ]


def test_another_segment_is_shown_with_its_size(shop: PolicyShop) -> None:
    assert shop.terminal.run("segments", "show", "lifecycle/active").out.splitlines() == [
        "Active  lifecycle/active",
        "  2 customers, 28.6% of all",
    ]


def test_a_rule_that_names_another_one_is_shown_with_that_in_its_place(
    unpublished: PolicyShop,
) -> None:
    unpublished.write(RULES + SLIPPING)
    lines = unpublished.terminal.run("segments", "show", "slipping").out.splitlines()
    assert '  that is (spend_365d >= 400 and lifecycle == "active") and spend > 500' in lines


def test_members_are_told_by_id_at_most_so_many(shop: PolicyShop) -> None:
    assert shop.terminal.run("segments", "members", "vip", "--json").json == [*LATELY]
    everybody = shop.terminal.run("segments", "members", "lifecycle/churned", "--limit", "0")
    assert len(everybody.out.splitlines()) == 4
    some = shop.terminal.run("segments", "members", "lifecycle/churned", "--limit", "3")
    assert some.out == "".join(everybody.out.splitlines(keepends=True)[:3])
    assert some.err == "4 in all: --limit 0 prints them\n"


@pytest.mark.parametrize("command", ["show", "members"])
def test_a_segment_that_is_not_there_is_exit_code_3_and_the_nearest_is_named(
    shop: PolicyShop, command: str
) -> None:
    ran = shop.terminal.run("segments", command, "vpi")
    assert (ran.exit_code, ran.out) == (3, "")
    assert ran.err == "segmenter: no segment 'vpi'; did you mean vip?\n"


# Rules before they go live.


def test_what_a_rule_would_bring_is_shown_before_it_is_published(shop: PolicyShop) -> None:
    shop.write(RULES.replace("400", "500") + SLIPPING)
    found = shop.terminal.run("segments", "check", "--json")
    assert (found.exit_code, found.err) == (0, "")
    assert found.json["customers"] == 7
    vip, slipping = found.json["rules"]
    assert (vip["segment"], vip["status"], vip["before"], vip["customers"]) == (
        *("rule/vip", "changed", 2),
        1,
    )
    assert (vip["entering"], vip["leaving"], vip["leaving_sample"]) == (0, 1, [LATELY[0]])
    assert (slipping["status"], slipping["customers"]) == ("new", 1)
    assert {"rule/vip", "lifecycle/active"} <= {each["segment"] for each in slipping["overlaps"]}


def test_for_people_each_condition_is_marked(shop: PolicyShop) -> None:
    shop.write(RULES + SLIPPING)
    lines = shop.terminal.run("segments", "check", "slipping", "--sample", "1").out.splitlines()
    assert lines[:5] == [
        "7 customers",
        "",
        "slipping  rule/slipping, new",
        '  when segment["vip"] and spend > 500',
        "  1 customer, 14.3% of all; now 0, 1 would enter, 0 leave",
    ]
    assert lines[-4:] == [
        f"  {VIP}",
        "    ✓ spend_365d >= 400: 510.00",
        '    ✓ lifecycle == "active": active',
        "    ✓ spend > 500: 510.00",
    ]


def test_checking_writes_nothing(shop: PolicyShop) -> None:
    def everything() -> dict[bytes, bytes | None]:
        with redis.Redis.from_url(shop.redis_url) as client:
            keys = sorted(client.scan_iter(f"*{shop.namespace}*"))
            return {key: client.dump(key) for key in keys}

    before = everything()
    shop.write(RULES + SLIPPING)
    assert shop.terminal.run("segments", "check").exit_code == 0
    assert len(before) > 5
    assert everything() == before


def test_what_was_counted_is_what_publishing_brings(shop: PolicyShop) -> None:
    shop.write(RULES.replace("400", "150") + SLIPPING)
    expected = {
        each["segment"]: each["customers"]
        for each in shop.terminal.run("segments", "check", "--json").json["rules"]
    }
    assert shop.terminal.run("policy", "publish", "--wait", "0").exit_code == 0
    shop.read_on()
    sizes = {
        each["segment"]: each["size"]
        for each in shop.terminal.run("segments", "list", "--json").json
    }
    assert {name: sizes[name] for name in expected} == expected


def test_before_the_first_publication_people_are_compared_as_they_are(
    unpublished: PolicyShop,
) -> None:
    ran = unpublished.terminal.run("segments", "check", "--json")
    assert ran.exit_code == 0
    assert "nobody has published a policy" in ran.err
    assert [(each["status"], each["before"], each["entering"]) for each in ran.json["rules"]] == [
        ("new", 0, 2),
        ("new", 0, 3),
    ]


def test_a_rule_that_is_removed_is_told_with_all_who_leave(shop: PolicyShop) -> None:
    shop.write(RULES.partition("[segments.small]")[0])
    lines = shop.terminal.run("segments", "check").out.splitlines()
    assert lines[2:5] == [
        "small  rule/small, removed",
        "  when spend < 250",
        "  now 3, all of them leave",
    ]


def test_where_there_are_no_rules_it_is_said(unpublished: PolicyShop) -> None:
    unpublished.write(PRESET)
    ran = unpublished.terminal.run("segments", "check")
    assert (ran.exit_code, ran.out) == (0, "")
    assert "there are no rule segments: write one under [segments.NAME]" in ran.err


def test_a_rule_to_check_that_is_not_there_is_exit_code_3(shop: PolicyShop) -> None:
    ran = shop.terminal.run("segments", "check", "smal")
    assert (ran.exit_code, ran.out) == (3, "")
    assert ran.err == "segmenter: no rule segment 'smal'; did you mean small?\n"


def test_a_file_that_cannot_be_published_is_checked_and_that_is_said(shop: PolicyShop) -> None:
    shop.write(RULES + '[business]\ncurrency = "EUR"\n')
    ran = shop.terminal.run("segments", "check", "vip")
    assert ran.exit_code == 0
    assert "this policy can't be published: business.currency is 'USD'" in ran.err


@pytest.mark.parametrize("command", [("check",), ("show", "vip"), ("members", "vip")])
def test_a_store_that_is_down_is_exit_code_4(shop: PolicyShop, command: tuple[str, ...]) -> None:
    shop.terminal.environment["SEGMENTER_REDIS_URL"] = f"redis://{NOWHERE}/0"
    ran = shop.terminal.run("segments", *command)
    assert (ran.exit_code, ran.out) == (4, "")
    assert "segmenter: Redis: " in ran.err


def test_before_any_worker_has_begun_it_is_said_what_to_run(shop: PolicyShop) -> None:
    shop.terminal.environment["SEGMENTER_NAMESPACE"] = f"{shop.namespace}-new"
    for command in (("list",), ("check",), ("members", "vip")):
        ran = shop.terminal.run("segments", *command)
        assert (ran.exit_code, ran.out) == (1, "")
        assert "no worker has begun on this namespace; run: segmenter run all" in ran.err


# Lists.


def test_a_list_becomes_an_attribute_that_rules_read(shop: PolicyShop, tmp_path: Path) -> None:
    shop.write(RULES + CLUB)
    assert shop.terminal.run("policy", "publish", "--wait", "0").exit_code == 0
    (tmp_path / "club.txt").write_text("p1\n\n p3 \r\np1\n", "utf-8")
    ran = shop.terminal.run("list", "upload", "club", "club.txt")
    assert (ran.exit_code, ran.err) == (0, "")
    assert ran.out == "profile.club: written for 2 customers\n"
    shop.read_on()
    assert sorted(shop.terminal.run("segments", "members", "club", "--json").json) == ["p1", "p3"]
    assert shop.terminal.run("list", "upload", "club", "club.txt", "--remove").exit_code == 0
    shop.read_on()
    assert shop.terminal.run("segments", "members", "club", "--json").json == []


def test_a_table_gives_each_customer_a_value_of_their_own(shop: PolicyShop, tmp_path: Path) -> None:
    text = '\ufeffcustomer_id,value\n"p,1",gold\np2,7\np3,true\n'
    (tmp_path / "levels.csv").write_text(text, "utf-8")
    assert shop.terminal.run("list", "upload", "level", "levels.csv", "--json").json["events"] == 3
    assert {each["customer_id"]: each["attributes"] for each in shop.profiles()} == {
        "p,1": {"level": "gold"},
        "p2": {"level": 7},
        "p3": {"level": True},
    }


def test_a_file_that_is_sent_twice_has_the_same_event_ids(shop: PolicyShop, tmp_path: Path) -> None:
    (tmp_path / "club.txt").write_text("p1\np2\n", "utf-8")
    for _ in range(2):
        assert shop.terminal.run("list", "upload", "club", "club.txt").exit_code == 0
    assert shop.terminal.run("list", "upload", "other", "club.txt").exit_code == 0
    ids = [each["event_id"] for each in shop.profiles()]
    assert (len(ids), len({*ids})) == (6, 4)


def test_all_bad_lines_are_named_and_nothing_is_sent(shop: PolicyShop, tmp_path: Path) -> None:
    text = f"customer_id,value\np1,gold\np2,\n{'x' * 257},gold\np1,silver\np4,a,b\n"
    (tmp_path / "levels.csv").write_text(text, "utf-8")
    ran = shop.terminal.run("list", "upload", "level", "levels.csv")
    assert (ran.exit_code, ran.out) == (1, "")
    assert ran.err.splitlines() == [
        "segmenter: levels.csv: line 3: value: there is none; to take it away, upload with --remove",
        "levels.csv: line 4: an id takes 1 to 256 bytes of UTF-8, found 257",
        "levels.csv: line 5: 'p1' has another value in line 2",
        "levels.csv: line 6: found 3 columns, expected 2",
    ]
    assert shop.profiles() == []


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("club", b"", "list.txt: no customers in it; write one id a line"),
        ("club", b"\xff\n", "list.txt: byte 0 is not UTF-8; save it as UTF-8"),
        ("club", b"p1,gold\n", "line 1: found 2 columns, expected 1; values need a header"),
        ("club", b"customer_id,level\np1,2\n", "the header must be customer_id or customer_id,"),
        ("", b"p1\n", "the list's name: String should have at least 1 character"),
        ("x" * 65, b"p1\n", "the list's name: String should have at most 64 characters"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused(
    shop: PolicyShop, tmp_path: Path, name: str, text: bytes, said: str
) -> None:
    (tmp_path / "list.txt").write_bytes(text)
    ran = shop.terminal.run("list", "upload", name, "list.txt")
    assert (ran.exit_code, ran.out) == (1, "")
    assert said in ran.err


def test_a_list_that_is_not_there_is_named(shop: PolicyShop) -> None:
    ran = shop.terminal.run("list", "upload", "club", "nope.txt")
    assert (ran.exit_code, ran.out) == (1, "")
    assert "nope.txt: can't be read: No such file" in ran.err


@pytest.mark.slow
def test_a_list_that_no_broker_takes_is_exit_code_4(shop: PolicyShop, tmp_path: Path) -> None:
    (tmp_path / "club.txt").write_text("p1\n", "utf-8")
    shop.terminal.environment["SEGMENTER_BOOTSTRAP_SERVERS"] = NOWHERE
    assert shop.terminal.run("list", "upload", "club", "club.txt").exit_code == 4
