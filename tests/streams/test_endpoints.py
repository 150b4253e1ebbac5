"""The endpoints' file: what may stand in it, how faults are told, and that secrets are not."""

from __future__ import annotations

import base64
import logging
import os
import traceback
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from streams.endpoints import Endpoint, EndpointsFile, load_endpoints, signing_key
from streams.settings import SettingsError

HUSH = "hush" * 8
SECRET = "whsec_" + base64.b64encode(HUSH.encode()).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(24))).decode()
CRM = f"""
[endpoints.crm]
url = "https://crm.example.com/hooks/segmenter"
secrets = ["{SECRET}"]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "endpoints.toml"


def fault(path: Path, text: str) -> str:
    """What is said of a file, without its own name."""
    path.write_text(text, "utf-8")
    with pytest.raises(SettingsError) as refused:
        load_endpoints(str(path))
    told = "".join(traceback.format_exception(refused.value))
    assert SECRET not in told
    assert HUSH not in told
    return str(refused.value).removeprefix(f"{path}: ")


def test_without_a_file_there_are_no_endpoints() -> None:
    assert dict(load_endpoints("")) == {}
    assert dict(EndpointsFile("").now()) == {}


def test_an_endpoint_needs_no_more_than_a_url_and_a_secret(path: Path) -> None:
    path.write_text(CRM)
    (crm,) = load_endpoints(str(path)).values()
    assert crm.name == "crm"
    assert crm.url.get_secret_value() == "https://crm.example.com/hooks/segmenter"
    assert [each.get_secret_value() for each in crm.secrets] == [SECRET]
    assert (crm.format, crm.batch, crm.concurrency) == ("json", 1, 4)
    assert (crm.rules, crm.allow) == (("*",), frozenset())


def test_everything_can_be_said(path: Path) -> None:
    path.write_text(f"""
        [endpoints.crm-2]
        url = "http://hooks.internal:8080/in?key=1"
        secrets = ["{OTHER}", "{SECRET}"]
        format = "json"
        batch = 500
        rules = ["lapsing-regulars", "vip_2"]
        concurrency = 64
        allow = ["Hooks.Internal.", "127.1", "::ffff:10.0.0.1", "FD00::1"]
        [endpoints.slack]
        url = "https://hooks.slack.com/services/T0/B0/x"
        format = "slack"
        batch = 50
    """)
    crm, slack = load_endpoints(str(path)).values()
    assert [each.get_secret_value() for each in crm.secrets] == [OTHER, SECRET]
    assert (crm.batch, crm.concurrency) == (500, 64)
    assert crm.allow == {"hooks.internal", "127.0.0.1", "10.0.0.1", "fd00::1"}
    assert (slack.secrets, slack.batch) == ((), 50)


def test_an_endpoint_wants_the_rules_it_names_or_all() -> None:
    some = Endpoint(name="crm", url=SecretStr("https://a.b"), format="slack", rules=("vip",))
    every = Endpoint(name="crm", url=SecretStr("https://a.b"), format="slack")
    assert [some.wants("vip"), some.wants("other")] == [True, False]
    assert every.wants("other")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.slack.com/services/T0/B0/hush?k=hush#hush", "https://hooks.slack.com/…"),
        ("https://crm.example.com:8443/hush", "https://crm.example.com:8443/…"),
    ],
)
def test_of_a_url_only_scheme_host_and_port_are_shown(url: str, shown: str) -> None:
    endpoint = Endpoint(name="crm", url=SecretStr(url), secrets=(SecretStr(SECRET),))
    assert endpoint.shown_url == shown
    for said in (repr(endpoint), str(endpoint), repr(endpoint.model_dump()), endpoint.shown_url):
        assert "hush" not in said
        assert SECRET not in said


def test_no_endpoint_can_be_changed_afterwards(path: Path) -> None:
    path.write_text(CRM)
    endpoints = load_endpoints(str(path))
    with pytest.raises(ValidationError):
        endpoints["crm"].batch = 2  # type: ignore[misc]
    with pytest.raises(TypeError):
        endpoints["crm"] = endpoints["crm"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("batch = 0", "endpoints.crm.batch: Input should be greater than or equal to 1"),
        ("batch = 501", "endpoints.crm.batch: Input should be less than or equal to 500"),
        ('batch = "5"', "endpoints.crm.batch: Input should be a valid integer"),
        ("batch = true", "endpoints.crm.batch: Input should be a valid integer"),
        ("concurrency = 65", "endpoints.crm.concurrency: Input should be less than or equal to 64"),
        ("rules = []", "endpoints.crm.rules: Tuple should have at least 1 item"),
        ('rules = ["no such"]', "endpoints.crm.rules.0: String should match pattern"),
        ('format = "xml"', "endpoints.crm.format: Input should be 'json' or 'slack'"),
        ('allow = ["10.0.0.0/8"]', "endpoints.crm.allow: write hosts and addresses, without"),
        ('allow = ["*"]', "endpoints.crm.allow: write hosts and addresses, without"),
        ('allow = ["http://a.b"]', "endpoints.crm.allow: write hosts and addresses, without"),
        ('allow = ["127.0.0.1 x"]', "endpoints.crm.allow: write hosts and addresses, without"),
        (f'secret = "{SECRET}"', "endpoints.crm.secret: unknown key; known are allow, format, url"),
        (f'name = "{SECRET}"', "endpoints.crm.name: unknown key; the table's own name is it"),
    ],
)
def test_a_fault_is_told_with_its_key_and_the_way_out(path: Path, line: str, said: str) -> None:
    assert fault(path, CRM + line).startswith(said)


@pytest.mark.parametrize(
    ("secrets", "said"),
    [
        ("[]", "at least one, to sign with"),
        (f'["{SECRET}", "{HUSH}"]', "number 2 does not begin with whsec_"),
        (f'["whsec_{HUSH[:5]}"]', "number 1 is not base64"),
        ('["whsec_a*/="]', "number 1 is not base64"),
        (f'["{OTHER[:-4]}"]', "number 1 is 21 bytes, not 24 to 64"),
        (f'["whsec_{"QUJD" * 22}"]', "number 1 is 66 bytes, not 24 to 64"),
    ],
)
def test_a_secret_that_is_none_is_told_by_its_number(path: Path, secrets: str, said: str) -> None:
    text = f'[endpoints.crm]\nurl = "https://crm.example.com/"\nsecrets = {secrets}'
    words = fault(path, text)
    assert words.startswith(f"endpoints.crm.secrets: {said}")
    assert words.endswith('make one: echo "whsec_$(openssl rand -base64 32)"')


def test_a_secret_may_lack_its_padding() -> None:
    assert signing_key(SecretStr(SECRET.rstrip("="))) == signing_key(SecretStr(SECRET))
    assert signing_key(SecretStr(SECRET)) == HUSH.encode()


def test_not_even_the_model_itself_repeats_what_it_refuses() -> None:
    for bad in ({"url": f"http://a.b/{HUSH}"}, {"url": "https://a.b", "secrets": [HUSH]}):
        with pytest.raises(ValidationError) as refused:
            Endpoint.model_validate({"name": "crm", **bad})
        assert HUSH not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[endpoints.crm", "not valid TOML: "),
        ("[endpoint.crm]", "endpoint: unknown key; write [endpoints.NAME]"),
        ("endpoints = 1", "endpoints: must be a table; write [endpoints.NAME]"),
        ("[endpoints]\ncrm = 1", "endpoints.crm: must be a table; write [endpoints.NAME]"),
        ("[endpoints.CRM]", "endpoints.CRM: a name is 1 to 32 of a-z, 0-9 and '-'"),
        ("[endpoints.crm]", 'endpoints.crm.url: is missing; write url = "https://…"'),
        (
            "".join(f"[endpoints.e{number}]\n" for number in range(33)),
            "endpoints: 33 of them; at most 32 are served",
        ),
        (
            '[endpoints.s]\nurl = "https://a.b/hush"\nformat = "slack"\nbatch = 51',
            "endpoints.s.batch: at most 50 of format slack",
        ),
    ],
)
def test_a_file_of_another_shape_is_refused(path: Path, text: str, said: str) -> None:
    assert fault(path, text).startswith(said)


def test_a_file_that_cannot_be_read_is_told_with_the_setting_that_names_it(path: Path) -> None:
    with pytest.raises(SettingsError, match=r"can't be read: No such file.*ENDPOINTS_FILE"):
        load_endpoints(str(path))
    path.write_bytes(b'\xff = "whsec"')
    with pytest.raises(SettingsError, match="not UTF-8"):
        load_endpoints(str(path))


def test_a_secret_rotates_without_a_restart(path: Path) -> None:
    path.write_text(CRM)
    file = EndpointsFile(str(path))
    before = file.now()
    assert file.now() is before
    path.write_text(CRM.replace(f'"{SECRET}"', f'"{OTHER}", "{SECRET}"'))
    assert [each.get_secret_value() for each in file.now()["crm"].secrets] == [OTHER, SECRET]
    assert len(before["crm"].secrets) == 1


def test_a_file_of_the_same_size_is_read_again_by_its_time(path: Path) -> None:
    path.write_text(CRM)
    file = EndpointsFile(str(path))
    path.write_text(CRM.replace("hooks", "hocks"))
    os.utime(path, ns=(1, 1))
    assert "hocks" in file.now()["crm"].url.get_secret_value()


def test_what_was_there_stays_while_the_file_is_bad_and_each_fault_is_told_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    path.write_text(CRM)
    file = EndpointsFile(str(path))
    good = file.now()

    path.write_text(CRM + f'secret = "{SECRET}"')
    assert [file.now(), file.now()] == [good, good]
    (told,) = caplog.messages
    assert told.startswith(
        f"endpoints stay as they were: {path}: endpoints.crm.secret: unknown key"
    )

    path.unlink()
    assert [file.now(), file.now()] == [good, good]
    assert len(caplog.messages) == 2
    assert "can't be read" in caplog.messages[1]

    path.write_text(CRM.replace("crm", "erp"))
    assert list(file.now()) == ["erp"]
    assert len(caplog.messages) == 2
    assert SECRET not in caplog.text


def test_a_bad_file_is_looked_at_until_it_is_mended_even_if_it_seems_unchanged(
    path: Path,
) -> None:
    """As when only who may read it has changed."""
    path.write_text(CRM)
    file = EndpointsFile(str(path))
    for text in (CRM.replace("url", "uri"), CRM.replace("hooks", "hocks")):
        path.write_text(text)
        os.utime(path, ns=(1, 1))
        file.now()
    assert "hocks" in file.now()["crm"].url.get_secret_value()


def test_a_file_that_is_bad_to_begin_with_is_refused(path: Path) -> None:
    path.write_text("[endpoints.crm]")
    with pytest.raises(SettingsError, match=r"endpoints\.crm\.url"):
        EndpointsFile(str(path))
