"""The sources of a file: what can be used, what is refused and why; `config check`, `sources`, `run normaliser`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.terminal import NOWHERE, Terminal

SHOP = '[sources.shop]\nsource = "shopify"\ntopic = "shop-orders"\n'
PAY = '[sources.pay]\nsource = "stripe"\n'


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, namespace: str) -> Terminal:
    """One from which neither broker nor store can be reached, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return Terminal(
        {
            "SEGMENTER_BOOTSTRAP_SERVERS": NOWHERE,
            "SEGMENTER_REDIS_URL": f"redis://{NOWHERE}/0",
            "SEGMENTER_NAMESPACE": namespace,
        }
    )


def written(text: str) -> None:
    Path("segmenter.toml").write_text(text, "utf-8")


def test_sources_that_can_be_used_are_confirmed(terminal: Terminal) -> None:
    Path("hush").write_text("a-long-secret\n", "utf-8")
    written(SHOP + 'secret_file = "hush"\n' + PAY)
    ran = terminal.run("config", "check")
    assert (ran.exit_code, ran.err) == (0, "")
    assert ran.out.endswith(", sources shop, pay\n")
    assert terminal.run("config", "check", "--json").json["sources"] == ["shop", "pay"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            SHOP.replace("shop-orders", "customer-events.v1"),
            "segmenter.toml: sources.shop.topic: customer-events.v1 is the system's own; "
            "name the topic that the source writes",
        ),
        (
            SHOP + SHOP.replace("shop]", "other]"),
            "segmenter.toml: sources.other.topic: shop-orders is that of sources.shop, too; "
            "give each source a topic of its own",
        ),
        (
            SHOP + 'secret_file = "nowhere"\n',
            "segmenter.toml: sources.shop.secret_file: nowhere can't be read: No such file or "
            "directory; write the sender's secret into it, one a line",
        ),
        (
            '[sources.web]\nsource = "ga4"\nsecret_file = "nowhere"\n',
            "segmenter.toml: sources.web.secret_file: ga4 does not sign what it sends; remove the "
            "key, and have the sender use an API key of scope write",
        ),
        (SHOP + 'topics = "x"\n', "segmenter.toml: sources.shop.topics: unknown key"),
    ],
)
def test_a_source_that_cannot_be_used_is_refused_by_key_and_remedy(
    terminal: Terminal, text: str, said: str
) -> None:
    written(text)
    for command in (("config", "check"), ("run", "normaliser"), ("run", "api"), ("run", "all")):
        ran = terminal.run(*command)
        assert (ran.exit_code, ran.out) == (2, "")
        assert said in ran.err
        assert ran.err.count("\n") == 1


def test_a_normaliser_without_a_topic_to_read_says_what_to_set(terminal: Terminal) -> None:
    written(PAY)
    ran = terminal.run("run", "normaliser")
    assert (ran.exit_code, ran.err.count("\n")) == (2, 1)
    assert "no source has a topic; set sources.NAME.topic" in ran.err


@pytest.mark.parametrize("command", [("sources", "rewind"), ("config", "check"), ("convert",)])
def test_help_names_the_table_in_words_that_the_terminal_prints(
    terminal: Terminal, command: tuple[str, ...]
) -> None:
    assert "table sources.NAME" in terminal.run(*command, "--help").out


def test_sources_are_listed_with_the_ways_they_come_in(terminal: Terminal) -> None:
    Path("hush").write_text("a-long-secret\n", "utf-8")
    written(SHOP + PAY + 'secret_file = "hush"\n')
    assert terminal.run("sources", "list").out == (
        "shop: shopify, POST /v1/ingest/shop (API key, scope write), topic shop-orders\n"
        "pay: stripe, POST /v1/ingest/pay (Stripe-Signature)\n"
    )
    assert [each["topic"] for each in terminal.run("sources", "list", "--json").json] == [
        "shop-orders",
        None,
    ]


@pytest.mark.parametrize(
    ("name", "exit_code", "said"),
    [("web", 3, "no source web; there are shop, pay"), ("pay", 2, "source pay has no topic")],
)
def test_what_is_not_read_from_kafka_cannot_be_rewound(
    terminal: Terminal, name: str, exit_code: int, said: str
) -> None:
    written(SHOP + PAY)
    ran = terminal.run("sources", "rewind", name)
    assert (ran.exit_code, said in ran.err) == (exit_code, True)
