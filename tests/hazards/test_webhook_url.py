"""A webhook goes to public addresses and to what its endpoint allows by name, whoever says otherwise.

Refused connections are counted by real listeners: what was never connected to was never asked.
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from streams.endpoints import Endpoint, load_endpoints
from streams.settings import SettingsError
from streams.webhook import HttpPoster, Verdict
from streams.webhook_address import Reach
from streams.webhook_lookup import CheckedResolver, SystemLookup

SECRET = "whsec_" + base64.b64encode(b"hush" * 8).decode()
NOBODY = Reach("crm", frozenset())

HOSTILE = [
    # loopback, in every notation that some C library takes
    "https://127.0.0.1/",
    "https://127.8.8.8:8443/",
    "https://127.1/",
    "https://2130706433/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://0x7f.1/",
    "https://0x7f000001/",
    "https://0X7F.0x0.0x0.0x1/",
    "https://127.0.0.1./",
    "https://\uff11\uff12\uff17.0.0.1/",
    "https://①②⑦.0.0.1/",
    "https://127。0。0。1/",
    "https://%31%32%37.0.0.1/",
    "https://127.0.0.1%00.example.com/",
    "https://[::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::1%25lo]/",
    # inside other addresses
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/",
    "https://[::ffff:0:127.0.0.1]/",
    "https://[64:ff9b::169.254.169.254]/",
    "https://[64:ff9b:1::10.0.0.1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a9fe:a9fe::1]/",
    "https://[2001:0:4136:e378:8000:63bf:80ff:fffe]/",
    # where clouds tell their secrets
    "https://169.254.169.254/latest/meta-data/",
    "https://0xA9FEA9FE/",
    "https://[fd00:ec2::254]/",
    "https://100.100.100.200/",
    "https://192.0.0.192/",
    "https://168.63.129.16/",
    # other networks that are not the internet
    "https://0/",
    "https://0.0.0.0/",
    "https://[::]/",
    "https://10.0.0.1/",
    "https://172.31.255.255/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://198.18.0.1/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fc00::1]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://[2001:db8::1]/",
    # a public address in disguise, and what is none
    "https://134744072/",
    "https://8.8.2056/",
    "https://256.256.256.256/",
    "https://1.2.3.4.5/",
    "https://0x1ffffffff/",
    # who is meant: the host, or the user?
    "https://crm.example.com@127.0.0.1/",
    "https://user:password@crm.example.com/",
    "https://@crm.example.com/",
    "https://crm.example.com\\@127.0.0.1/",
    "https://127.0.0.1\\.example.com/",
    # other schemes, and none
    "http://crm.example.com/",
    "HTTP://crm.example.com/",
    "ftp://crm.example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "unix:///run/docker.sock",
    "ws://crm.example.com/",
    "javascript:alert(1)",
    "//crm.example.com/",
    "crm.example.com/in",
    "https:crm.example.com",
    "https:\\\\127.0.0.1/",
    "https://",
    "https:///in",
    "",
    # what would split a request in two, or a log line
    "https://crm.example.com/\r\nHost: other",
    "https://crm.exa\tmple.com/",
    "https://crm.example.com /in",
    "https://crm.example.com\x00.other/",
    "https://crm..example.com/",
    f"https://{'a' * 64}.example.com/",
    "https://crm.example.com:99999/",
]  # fmt: skip


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_url_is_refused_before_anything_is_sent(tmp_path: Path, url: str) -> None:
    path = tmp_path / "endpoints.toml"
    # JSON's escapes are TOML's, but for those of what lies beyond 16 bits.
    path.write_text(f'[endpoints.crm]\nurl = {json.dumps(url)}\nsecrets = ["{SECRET}"]\n')
    with pytest.raises(SettingsError) as refused:
        load_endpoints(str(path))
    assert str(refused.value).startswith(f"{path}: endpoints.crm.url: ")
    assert "password" not in str(refused.value).replace("user or password", "")


@pytest.mark.parametrize(
    "url",
    [
        "https://crm.example.com/in",
        "https://crm.example.com:8443/in?key=1",
        "https://bücher.example/",
        "https://a_b.example.com./",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]/",
    ],
)
def test_an_honest_url_is_taken(url: str) -> None:
    assert endpoint(url).url.get_secret_value() == url


@pytest.mark.parametrize(
    ("url", "allow"),
    [
        ("http://hooks.internal:8080/", "hooks.internal"),
        ("http://HOOKS.internal/", "Hooks.Internal."),
        ("https://127.0.0.1/", "127.0.0.1"),
        ("http://127.0.0.1/", "127.1"),
        ("http://[::1]/", "0:0:0:0:0:0:0:1"),
        ("https://[::ffff:127.0.0.1]/", "127.0.0.1"),
    ],
)
def test_what_is_allowed_by_name_is_taken_and_its_neighbour_is_not(url: str, allow: str) -> None:
    assert endpoint(url, allow).url.get_secret_value() == url
    with pytest.raises(ValidationError):
        endpoint(url, "127.0.0.2", "other.internal")


def notations(address: IPv4Address) -> list[str]:
    """An IPv4 address as somebody may write it to be misread."""
    number, (a, b, c, d) = int(address), address.packed
    return [
        str(address),
        str(number),
        hex(number),
        f"0{number:o}",
        f"{a}.{number & 0xFFFFFF}",
        f"{a}.{b}.{c << 8 | d}",
        f"0x{a:x}.0{b:o}.{c}.0x{d:x}",
        f"[::ffff:{address}]",
        f"[64:ff9b::{address}]",
        f"[2002:{number >> 16:x}:{number & 0xFFFF:x}::1]",
    ]


INSIDE = ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
          "192.168.0.0/16", "0.0.0.0/8", "192.0.0.0/24", "224.0.0.0/3")  # fmt: skip


@given(st.sampled_from(INSIDE).flatmap(lambda each: st.ip_addresses(network=each)))
def test_no_address_of_an_inner_network_is_reached_however_it_is_written(
    address: IPv4Address,
) -> None:
    for written in notations(address):
        with pytest.raises(ValidationError):
            endpoint(f"https://{written}/")


def endpoint(url: str, *allow: str) -> Endpoint:
    return Endpoint(
        name="crm", url=SecretStr(url), secrets=(SecretStr(SECRET),), allow=frozenset(allow)
    )


def smuggled(url: str) -> Endpoint:
    """One that nobody has checked."""
    return endpoint("https://crm.example.com/").model_copy(update={"url": SecretStr(url)})


class Names:
    """Name servers: for each question the next answer, in the end the last for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers, self.asked = list(answers), list[str]()

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class Listener:
    """Counts who connects, and hangs up."""

    def __init__(self) -> None:
        self.connections, self.port = 0, 0

    def __call__(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.close()

    @asynccontextmanager
    async def at(self, address: str, port: int = 0) -> AsyncIterator[Listener]:
        server = await asyncio.start_server(self, address, port)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.0.0.1.", "[::ffff:127.0.0.1]",
     "[::ffff:7f00:1]", "0", "0.0.0.0"],
)  # fmt: skip
async def test_an_address_as_host_is_checked_again_when_it_is_connected_to(host: str) -> None:
    names = Names(["127.0.0.1"])
    async with Listener().at("127.0.0.1") as inner, HttpPoster(lookup=names) as poster:
        got = await poster.post(smuggled(f"http://{host}:{inner.port}/"), "a1", b"{}")
    assert (got.verdict, got.status) == (Verdict.AGAIN, None)
    assert "name it under endpoints.crm.allow if it is meant" in got.detail
    assert inner.connections == 0


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "127.0.0.1, a loopback"),
        ("::1", "::1, a loopback"),
        ("::ffff:127.0.0.1", "127.0.0.1, a loopback"),
        ("10.0.0.1", "10.0.0.1, a private"),
        ("100.64.0.1", "100.64.0.1, a private"),
        ("fd00:ec2::254", "fd00:ec2::254, a private"),
        ("169.254.169.254", "169.254.169.254, a link-local"),
        ("fe80::1%eth0", "fe80::1, a link-local"),
        ("64:ff9b::a9fe:a9fe", "64:ff9b::a9fe:a9fe, a link-local"),
        ("2002:7f00:1::", "2002:7f00:1::, a loopback"),
        ("224.0.0.1", "224.0.0.1, a multicast"),
        ("ff02::1", "ff02::1, a multicast"),
        ("0.0.0.0", "0.0.0.0, an unspecified"),
        ("::", "::, an unspecified"),
        ("240.0.0.1", "240.0.0.1, a reserved"),
        ("fec0::1", "fec0::1, a reserved"),
    ],
)
async def test_a_name_that_leads_inside_is_refused_with_the_way_out(
    address: str, kind: str
) -> None:
    async with HttpPoster(lookup=Names([address])) as poster:
        got = await poster.post(endpoint("https://crm.example.com/"), "a1", b"{}")
    assert got.verdict is Verdict.AGAIN
    assert got.detail == (
        f"crm.example.com leads to {kind} address; name it under endpoints.crm.allow if it is meant"
    )


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "93.184.216.34",
        "172.32.0.1",
        "2606:4700::1",
        "64:ff9b::808:808",
        "2002:808:808::",
    ],
)
async def test_a_name_that_leads_outside_is_believed(address: str) -> None:
    resolver = CheckedResolver(Names([address]))
    with resolver.reaching(NOBODY):
        (found,) = await resolver.resolve("crm.example.com", 443)
    assert (found["host"], found["port"], found["hostname"]) == (address, 443, "crm.example.com")
    assert found["flags"] & socket.AI_NUMERICHOST  # looked up by nobody again


async def test_a_name_that_changes_its_mind_is_not_followed_inside() -> None:
    """DNS rebinding; 127.0.0.1 stands for an address that may be reached."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    target = Listener()
    async with target.at("127.0.0.1"), Listener().at("127.0.0.2", target.port) as inner:
        to = endpoint(f"https://crm.example.com:{target.port}/", "127.0.0.1")
        async with HttpPoster(lookup=names) as poster:
            await poster.post(to, "a1", b"{}")
            assert (target.connections, inner.connections) == (1, 0)
            assert names.asked == ["crm.example.com"]  # whoever asks twice gets the other answer
            got = await poster.post(to, "a1", b"{}")
    assert got.detail.startswith("crm.example.com leads to 127.0.0.2, a loopback address")
    assert (target.connections, inner.connections) == (1, 0)


async def test_of_several_addresses_only_those_that_passed_are_connected_to() -> None:
    names = Names(["127.0.0.2", "10.0.0.1", "127.0.0.1", "::1"])
    target = Listener()
    async with target.at("127.0.0.1"), Listener().at("127.0.0.2", target.port) as inner:
        to = endpoint(f"https://crm.example.com:{target.port}/", "127.0.0.1")
        async with HttpPoster(lookup=names) as poster:
            await poster.post(to, "a1", b"{}")
    assert (target.connections, inner.connections) == (1, 0)


async def test_what_one_endpoint_may_reach_another_may_not() -> None:
    async with Listener().at("127.0.0.1") as inner:
        url = f"https://hooks.internal:{inner.port}/"
        ways = [endpoint(url, "hooks.internal"), endpoint(url)] * 4
        async with HttpPoster(lookup=Names(["127.0.0.1"])) as poster:
            got = await asyncio.gather(*(poster.post(each, "a1", b"{}") for each in ways))
    refused = ["leads to 127.0.0.1" in each.detail for each in got]
    assert refused == [False, True] * 4
    assert inner.connections == 4


async def test_what_is_no_longer_allowed_is_not_reached_by_a_connection_of_before() -> None:
    async def keep(request: web.Request) -> web.Response:
        return web.Response(headers={"Connection": "keep-alive"})

    app = web.Application()
    app.router.add_post("/", keep)
    async with TestServer(app) as server, HttpPoster(lookup=Names(["127.0.0.1"])) as poster:
        before = endpoint(f"http://hooks.internal:{server.port}/", "hooks.internal")
        after = before.model_copy(update={"allow": frozenset()})
        got = [await poster.post(each, "a1", b"{}") for each in (before, after)]
    assert [each.status for each in got] == [200, None]
    assert got[1].detail.startswith("hooks.internal leads to 127.0.0.1, a loopback address")


async def test_the_systems_own_names_are_checked_as_well() -> None:
    async with Listener().at("127.0.0.1") as inner, HttpPoster() as poster:
        got = await poster.post(endpoint(f"https://localhost:{inner.port}/"), "a1", b"{}")
    assert "a loopback address; name it under endpoints.crm.allow" in got.detail
    assert inner.connections == 0


async def test_a_name_without_addresses_is_tried_again() -> None:
    async def unknown(host: str) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    to = endpoint("https://crm.example.com/")
    async with HttpPoster(lookup=unknown) as one, HttpPoster(lookup=Names([])) as other:
        got = [await each.post(to, "a1", b"{}") for each in (one, other)]
    assert [each.detail for each in got] == [
        "its host has no address: Name or service not known",
        "crm.example.com leads to no address",
    ]
    assert {each.verdict for each in got} == {Verdict.AGAIN}


async def test_a_name_server_that_is_silent_delays_no_other_endpoint() -> None:
    speak, asked = threading.Event(), list[str]()

    def ask(host: str) -> list[str]:
        asked.append(host)
        if host == "silent.example.com":
            speak.wait()
        return ["8.8.8.8"]

    lookup = SystemLookup(ask)
    waiting: list[asyncio.Task[Any]] = [
        asyncio.ensure_future(lookup("silent.example.com")) for _ in range(64)
    ]
    assert await lookup("crm.example.com") == ["8.8.8.8"]
    waiting[0].cancel()  # whoever gives up takes nothing from the others
    speak.set()
    assert await asyncio.gather(*waiting[1:]) == [["8.8.8.8"]] * 63
    assert sorted(asked) == ["crm.example.com", "silent.example.com"]
    assert await lookup("silent.example.com") == ["8.8.8.8"]
    assert len(asked) == 3  # nothing is remembered longer than it is waited for
    lookup.close()
