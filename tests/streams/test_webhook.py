"""Webhooks: signatures, and what becomes of one attempt at real servers on loopback."""

from __future__ import annotations

import asyncio
import base64
import logging
import re
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from streams.endpoints import Endpoint
from streams.webhook import Answer, HttpPoster, Verdict, retry_after_s, signature_headers

OLD = "whsec_" + base64.b64encode(b"old " * 8).decode()
NEW = "whsec_" + base64.b64encode(b"new " * 8).decode()
STRANGERS = "whsec_" + base64.b64encode(b"else" * 8).decode()
MARCH_1_S = 1_488_326_400
BODY = b'{"id":"a1"}'
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def endpoint(url: str = "https://crm.example.com/in", **others: Any) -> Endpoint:
    told = {"secrets": (NEW,), "allow": ["127.0.0.1", "hooks.test"], **others}
    return Endpoint.model_validate({"name": "crm", "url": url, **told})


# Signatures


def signed(*secrets: str, body: bytes = BODY) -> dict[str, str]:
    now_s = int(time.time())  # the verifier asks the wall clock
    return signature_headers([SecretStr(each) for each in secrets], "a1", now_s, body)


def test_a_signature_has_the_form_of_the_standard() -> None:
    headers = signature_headers([SecretStr(NEW), SecretStr(OLD)], "a1", MARCH_1_S, BODY)
    assert headers["webhook-id"] == "a1"
    assert headers["webhook-timestamp"] == "1488326400"
    assert re.fullmatch(r"v1,[\w+/]{43}= v1,[\w+/]{43}=", headers["webhook-signature"])


def test_while_a_secret_rotates_who_knows_either_can_verify() -> None:
    headers = signed(NEW, OLD)
    assert Webhook(NEW).verify(BODY, headers) == {"id": "a1"}
    assert Webhook(OLD).verify(BODY, headers) == {"id": "a1"}
    with pytest.raises(WebhookVerificationError):
        Webhook(STRANGERS).verify(BODY, headers)


@pytest.mark.parametrize("place", range(len(BODY)))
def test_a_body_changed_by_one_byte_is_refused(place: int) -> None:
    changed = bytearray(BODY)
    changed[place] ^= 1
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(bytes(changed), signed(NEW))


def test_a_changed_id_or_time_is_refused() -> None:
    headers = signed(NEW)
    later = str(int(headers["webhook-timestamp"]) + 1)
    for changed in ({"webhook-id": "a2"}, {"webhook-timestamp": later}):
        with pytest.raises(WebhookVerificationError):
            Webhook(NEW).verify(BODY, headers | changed)


def test_without_a_secret_there_is_no_signature() -> None:
    assert list(signed()) == ["webhook-id", "webhook-timestamp"]


# Attempts


class Receiver:
    """A server that notes what it is asked and answers as it is told."""

    def __init__(self, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[tuple[web.Request, bytes]] = []
        self._handler, self._tls = handler, tls

    async def note(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request, await request.read()))
        return await self._handler(request)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[TestServer]:
        app = web.Application(client_max_size=4_000_000)
        app.router.add_route("*", "/{path:.*}", self.note)
        server = TestServer(app)
        await server.start_server(ssl=self._tls)
        yield server
        await server.close()


def says(status: int, **headers: str) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(
            status=status, headers={name.replace("_", "-"): each for name, each in headers.items()}
        )

    return handler


async def answer(handler: Handler, timeout_s: float = 5.0) -> tuple[Answer, Receiver]:
    """What becomes of one attempt."""
    receiver = Receiver(handler)
    poster = HttpPoster(now_s=lambda: float(MARCH_1_S), timeout_s=timeout_s)
    async with receiver.serving() as server, poster:
        return await poster.post(endpoint(str(server.make_url("/in?k=hush"))), "a1", BODY), receiver


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_a_2xx_is_a_delivery(status: int) -> None:
    got, receiver = await answer(says(status))
    assert (got.verdict, got.status, got.retry_after_s) == (Verdict.DELIVERED, status, None)
    ((request, body),) = receiver.asked
    assert (request.method, request.path_qs, body) == ("POST", "/in?k=hush", BODY)
    assert request.headers["User-Agent"] == "segmenter"
    assert request.headers["Content-Type"] == "application/cloudevents+json"
    assert request.headers["webhook-timestamp"] == str(MARCH_1_S)


async def test_what_arrives_can_be_verified() -> None:
    receiver = Receiver(says(200))
    async with receiver.serving() as server, HttpPoster() as poster:
        await poster.post(endpoint(str(server.make_url("/")), secrets=(NEW, OLD)), "a1", BODY)
    ((request, body),) = receiver.asked
    for secret in (NEW, OLD):
        assert Webhook(secret).verify(body, dict(request.headers)) == {"id": "a1"}


@pytest.mark.parametrize(
    ("status", "verdict", "detail"),
    [
        (400, Verdict.AGAIN, "400 Bad Request"),
        (404, Verdict.AGAIN, "404 Not Found"),
        (410, Verdict.GONE, "410 Gone"),
        (500, Verdict.AGAIN, "500 Internal Server Error"),
        (599, Verdict.AGAIN, "599"),
    ],
)
async def test_every_other_status_is_told(status: int, verdict: Verdict, detail: str) -> None:
    got, _ = await answer(says(status))
    assert got == Answer(status, detail, None)
    assert got.verdict is verdict


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_never_followed(status: int) -> None:
    elsewhere = Receiver(says(200))
    async with elsewhere.serving() as other:
        got, receiver = await answer(says(status, Location=str(other.make_url("/"))))
    assert (got.verdict, got.status) == (Verdict.AGAIN, status)
    assert got.detail.endswith("; redirects are not followed")
    assert len(receiver.asked) == 1
    assert elsewhere.asked == []


async def test_a_receiver_says_when_to_try_again() -> None:
    assert (await answer(says(429, Retry_After="120")))[0].retry_after_s == 120.0
    date = "Wed, 01 Mar 2017 00:01:30 GMT"
    assert (await answer(says(503, Retry_After=date)))[0].retry_after_s == 90.0


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        (None, None),
        ("0", 0.0),
        ("604801", 604_800.0),
        ("99999999999999999999", 604_800.0),
        ("Wed, 01 Mar 2017 00:01:30 -0000", 90.0),
        ("Tue, 28 Feb 2017 00:00:00 GMT", 0.0),
        ("Sat, 01 Mar 2042 00:00:00 GMT", 604_800.0),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("١٢", None),
        ("9" * 5_000, None),
        ("Wed, 99 Mar 2017 00:00:00 GMT", None),
        ("Wed, 01 Mar 99999 00:00:00 GMT", None),
        ("Sat, 01 Jan 0001 00:00:00 +2359", 0.0),
    ],
)
def test_what_cannot_be_understood_counts_as_not_said(
    header: str | None, wait_s: float | None
) -> None:
    assert retry_after_s(header, MARCH_1_S) == wait_s


@given(st.text())
def test_no_retry_after_header_asks_for_more_than_a_week(header: str) -> None:
    wait_s = retry_after_s(header, MARCH_1_S)
    assert wait_s is None or 0 <= wait_s <= 604_800


async def test_a_receiver_that_hangs_is_given_up() -> None:
    done = asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        await done.wait()
        return web.Response()

    receiver = Receiver(hang)
    async with receiver.serving() as server, HttpPoster(timeout_s=0.2) as poster:
        got = await poster.post(endpoint(str(server.make_url("/"))), "a1", BODY)
        done.set()
    assert got == Answer(None, "no answer within 0.2 s", None)
    assert got.verdict is Verdict.AGAIN
    assert len(receiver.asked) == 1


async def test_a_connection_that_is_closed_unanswered_is_tried_again() -> None:
    async def close(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    got, receiver = await answer(close)
    assert got == Answer(None, "the connection broke before an answer came", None)
    assert len(receiver.asked) == 1


async def test_what_speaks_no_http_is_tried_again() -> None:
    async def mumble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 smtp.example.com hush\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(mumble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, HttpPoster() as poster:
        got = await poster.post(endpoint(f"http://127.0.0.1:{port}/hush"), "a1", BODY)
    assert got.verdict is Verdict.AGAIN
    assert got.detail.startswith("no usable answer (")
    assert "hush" not in got.detail


async def test_an_answer_without_end_is_not_read_to_the_end() -> None:
    stopped = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65_536)
        finally:
            stopped.set()

    receiver = Receiver(endless)
    async with receiver.serving() as server, HttpPoster(timeout_s=5.0) as poster:
        got = await poster.post(endpoint(str(server.make_url("/"))), "a1", BODY)
        await stopped.wait()  # the connection was closed on it
    assert got == Answer(200, "200 OK", None)


async def test_a_batch_of_more_than_a_megabyte_arrives_whole() -> None:
    receiver, body = Receiver(says(200)), b"[" + b"1," * 1_000_000 + b"1]"
    async with receiver.serving() as server, HttpPoster() as poster:
        await poster.post(endpoint(str(server.make_url("/"))), "a1", body)
    assert [len(read) for _, read in receiver.asked] == [len(body)]


async def test_endpoints_that_hang_take_no_connection_from_another() -> None:
    done, all_there = asyncio.Event(), asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        if len(stuck.asked) == 128:  # two endpoints at their most
            all_there.set()
        await done.wait()
        return web.Response()

    stuck, sound = Receiver(hang), Receiver(says(200))
    async with stuck.serving() as one, sound.serving() as other, HttpPoster() as poster:
        to = endpoint(str(one.make_url("/")))
        hanging = [asyncio.ensure_future(poster.post(to, "a1", BODY)) for _ in range(128)]
        await asyncio.wait_for(all_there.wait(), 10)
        got = await poster.post(endpoint(str(other.make_url("/"))), "a1", BODY)
        assert not any(each.done() for each in hanging)
        done.set()
        await asyncio.gather(*hanging)
    assert got.verdict is Verdict.DELIVERED


async def test_no_cookie_is_kept_and_no_proxy_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    receiver, proxy = Receiver(says(200, Set_Cookie="a=b")), Receiver(says(200))
    async with receiver.serving() as server, proxy.serving() as other:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, str(other.make_url("/")))
        async with HttpPoster(lookup=at_loopback) as poster:
            target = endpoint(f"http://hooks.test:{server.port}/")
            for _ in range(2):
                await poster.post(target, "a1", BODY)
    assert ["Cookie" in request.headers for request, _ in receiver.asked] == [False, False]
    assert proxy.asked == []


async def at_loopback(host: str) -> list[str]:
    return ["127.0.0.1"]


def certificate(host: str, folder: Path) -> Path:
    """A key and a self-signed certificate in one file."""
    file = folder / f"{host}.pem"
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    named = ["-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"]
    out = ["-keyout", str(folder / "key"), "-out", str(folder / "cert")]
    subprocess.run(["openssl", *made, *named, *out], check=True, capture_output=True)
    file.write_text((folder / "key").read_text() + (folder / "cert").read_text())
    return file


@pytest.mark.parametrize(
    ("host", "believed", "said"),
    [
        ("hooks.test", True, "200 OK"),
        ("evil.test", True, "its certificate is not accepted: Hostname mismatch"),
        ("hooks.test", False, "its certificate is not accepted: self"),
    ],
)
async def test_only_who_proves_to_be_the_host_is_told(
    tmp_path: Path, host: str, believed: bool, said: str
) -> None:
    file = certificate(host, tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file)
    trusted = ssl.create_default_context(cafile=file) if believed else None
    receiver = Receiver(says(200), tls)
    async with receiver.serving() as server, HttpPoster(lookup=at_loopback, trusted=trusted) as it:
        got = await it.post(endpoint(f"https://hooks.test:{server.port}/"), "a1", BODY)
    assert got.detail.startswith(said)
    assert len(receiver.asked) == (said == "200 OK")


async def test_neither_secrets_nor_paths_are_logged_or_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    nowhere = f"http://127.0.0.1:{unused_port()}/hush"
    told = [(await answer(says(status)))[0] for status in (200, 301, 500)]
    async with HttpPoster(timeout_s=0.5) as poster:
        told.append(await poster.post(endpoint(nowhere), "a1", BODY))
    assert [each.status for each in told] == [200, 301, 500, None]
    assert told[-1].detail.startswith("can't be reached: ")
    ours = [each.getMessage() for each in caplog.records if each.name != "aiohttp.access"]
    for said in (*ours, *map(repr, told), repr(poster), repr(vars(poster))):
        assert "hush" not in said
        assert NEW.removeprefix("whsec_") not in said
