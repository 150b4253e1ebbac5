"""Receivers of alerts on the command line: how they do, sending again, trying one out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from streams.deliveries import dead
from streams.shelf import Line, Put
from streams.wall import wall_ms
from tests.streams.alert_desk_shop import Filled, Installation
from tests.streams.alert_office import AlertOffice
from tests.streams.posting import SECRET, always


@pytest.fixture
def shop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, valkey_url: str, namespace: str
) -> Installation:
    monkeypatch.chdir(tmp_path)
    return Installation(valkey_url, namespace, tmp_path)


@pytest.fixture
def filled(shop: Installation) -> Filled:
    return Filled(shop.url, shop.namespace, shop.folder)


# Endpoints.


def test_how_endpoints_do_is_told_by_name_without_their_address(filled: Filled) -> None:
    told = {
        each["name"]: each for each in filled.terminal.run("alerts", "endpoints", "--json").json
    }
    assert (told["crm"]["url"], told["busy"]["url"]) == ("https://crm.example.com/…", None)
    assert (told["crm"]["waiting"], told["gone"]["disabled"]) == (0, "answered 410")
    assert told["busy"]["waiting"] > 0
    lines = filled.terminal.run("alerts", "endpoints").out.splitlines()
    assert [each.split()[0] for each in lines] == ["endpoint", "busy", "crm", "gone"]
    assert "not in the endpoints file" in lines[1]
    assert SECRET not in filled.terminal.run("alerts", "endpoints", "--json").out


def test_without_a_file_of_endpoints_it_is_said_where_to_name_one(shop: Installation) -> None:
    shop.terminal.environment["SEGMENTER_ENDPOINTS_FILE"] = ""
    ran = shop.terminal.run("alerts", "endpoints")
    assert (ran.exit_code, ran.out) == (0, "")
    assert "SEGMENTER_ENDPOINTS_FILE" in ran.err


def test_a_file_of_endpoints_that_cannot_be_used_is_exit_code_2(shop: Installation) -> None:
    (shop.folder / "endpoints.toml").write_text('[endpoints.crm]\nurl = "http://x"\n', "utf-8")
    for command in (["endpoints"], ["report", "--json"], ["test", "crm"], ["resend", "crm"]):
        ran = shop.terminal.run("alerts", *command)
        assert (ran.exit_code, ran.out) == (2, "")
        assert "endpoints.toml: endpoints.crm.url: must be https" in ran.err


def test_a_disabled_endpoint_is_enabled_and_gets_what_waited(filled: Filled) -> None:
    ran = filled.terminal.run("alerts", "enable", "gone")
    assert ran.exit_code == 0
    assert ran.out == "gone: enabled; a running delivery process takes it up within a minute\n"
    filled.scripts["gone"] = always(200)
    filled.clock.now_ms = wall_ms()  # the command's
    filled.does(lambda office: office.deliver())
    told = {
        each["name"]: each for each in filled.terminal.run("alerts", "endpoints", "--json").json
    }
    assert (told["gone"]["disabled"], told["gone"]["waiting"]) == (None, 0)
    assert told["gone"]["delivered"] == 3  # c1, c4, and that c2 is void


def killed(shop: Installation, *ids: str) -> None:
    """Some that wait for the busy endpoint are given up."""

    async def kill(office: AlertOffice) -> None:
        lines = [Line("queue:busy", each, None) for each in ids]
        ends = [Line("ends:busy", each, None) for each in ids]
        lying = [Line(dead("busy"), each, shop.clock()) for each in ids]
        await office.hand.write([*lines, *ends, *lying, Put("elsewhere", "x", b"x")])

    shop.does(kill)


def test_what_is_dead_is_sent_again_all_or_by_id(filled: Filled) -> None:
    first, second = filled.ids["c1"], filled.ids["c4"]
    killed(filled, first, second)
    told = {
        each["name"]: each for each in filled.terminal.run("alerts", "endpoints", "--json").json
    }
    assert told["busy"]["dead"] == 2
    ran = filled.terminal.run("alerts", "resend", "busy", first, first, "nobody")
    assert ran.exit_code == 0
    assert ran.out == (
        "busy: 1 of 2 in the queue again; a running delivery process takes it up within a minute\n"
    )
    assert "busy is not in the endpoints file: its alerts wait until it is" in ran.err
    again = filled.terminal.run("alerts", "resend", "busy", "--json").json
    assert again == {"endpoint": "busy", "resent": 1, "asked": None}
    assert filled.does(lambda office: office.died("busy")) == []
    assert filled.terminal.run("alerts", "resend", "busy").out == "busy: nothing is dead there\n"


def test_none_of_those_that_were_named_is_exit_code_3(filled: Filled) -> None:
    ran = filled.terminal.run("alerts", "resend", "crm", "nobody")
    assert (ran.exit_code, ran.out) == (3, "")
    assert "none of these waits at crm, or is dead there" in ran.err


def test_who_sends_again_to_a_disabled_endpoint_is_told_what_is_missing(filled: Filled) -> None:
    ran = filled.terminal.run("alerts", "resend", "gone", filled.ids["c1"])
    assert ran.exit_code == 0
    assert "to send: segmenter alerts enable gone" in ran.err


@pytest.mark.parametrize("command", ["enable", "resend", "test"])
def test_an_endpoint_that_is_not_there_is_exit_code_3(shop: Installation, command: str) -> None:
    ran = shop.terminal.run("alerts", command, "crn")
    assert (ran.exit_code, ran.out) == (3, "")
    assert ran.err == "segmenter: no endpoint 'crn'; did you mean crm?\n"


# Trying an endpoint out.


class Receiver(BaseHTTPRequestHandler):
    """Notes what it gets, and answers as it is told."""

    def do_POST(self) -> None:
        """See `BaseHTTPRequestHandler`."""
        server: Any = self.server
        server.got.append(
            (dict(self.headers), self.rfile.read(int(self.headers["Content-Length"])))
        )
        self.send_response(server.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


@contextmanager
def receiver(status: int) -> Iterator[Any]:
    """A real server, for as long as the block lasts."""
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        told: Any = server
        told.status, told.got = status, []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()


def point_crm_to(shop: Installation, port: int) -> None:
    (shop.folder / "endpoints.toml").write_text(
        f'[endpoints.crm]\nurl = "http://127.0.0.1:{port}/hook?key=hush"\n'
        f'secrets = ["{SECRET}"]\nallow = ["127.0.0.1"]\n',
        "utf-8",
    )


def test_an_endpoint_of_the_file_is_tried_out_with_an_event_of_nobody(shop: Installation) -> None:
    with receiver(204) as server:
        point_crm_to(shop, server.server_port)
        ran = shop.terminal.run("alerts", "test", "crm", "--json")
    assert ran.exit_code == 0
    ((headers, body),) = server.got
    named = {name.lower(): each for name, each in headers.items()}
    assert Webhook(SECRET).verify(body, named) == ran.json["event"]
    assert ran.json["event"]["type"] == "segmenter.test"
    assert (ran.json["accepted"], ran.json["status"]) == (True, 204)
    assert "customer_id" not in body.decode()
    assert "hush" not in ran.out + ran.err


def test_one_that_does_not_accept_it_is_exit_code_1(shop: Installation) -> None:
    with receiver(503) as server:
        point_crm_to(shop, server.server_port)
        ran = shop.terminal.run("alerts", "test", "crm")
    assert (ran.exit_code, len(server.got)) == (1, 1)
    assert ran.out.splitlines()[-1].startswith("  not accepted: 503 Service Unavailable, after ")


def test_a_url_may_lead_nowhere_that_an_endpoint_may_not(shop: Installation) -> None:
    for url, said in (
        ("http://127.0.0.1/", "url: 127.0.0.1 is a loopback address"),
        ("https://169.254.169.254/", "url: 169.254.169.254 is a link-local address"),
        ("http://crm.example.com/", "url: must be https"),
    ):
        ran = shop.terminal.run("alerts", "test", url, "--secret", SECRET)
        assert (ran.exit_code, ran.out) == (2, "")
        assert said in ran.err
    ran = shop.terminal.run("alerts", "test", "https://crm.example.com/")
    assert (ran.exit_code, "a URL needs --secret whsec_…" in ran.err) == (2, True)
    ran = shop.terminal.run("alerts", "test", "crm", "--secret", "hush")
    assert (ran.exit_code, "hush" in ran.err) == (2, False)
