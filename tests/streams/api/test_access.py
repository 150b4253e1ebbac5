"""Who may ask."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from streams.api import access as module
from streams.api.access import Access, presented_key, require_safe_binding
from streams.api.keys import KeyRing, Scope, create, revoke
from streams.api.limits import Limits
from streams.api.problems import Problem
from streams.refusal import Refused

HERE, ELSEWHERE = "127.0.0.1", "192.0.2.7"


def stopped() -> float:
    return 0.0


def limits(rate_per_s: float = 100) -> Limits:
    return Limits(rate_per_s, stopped)


def refused(access: Access, *headers: tuple[bytes, bytes], address: str = ELSEWHERE) -> Problem:
    with pytest.raises(Problem) as raised:
        access.caller(headers, address, Scope.READ)
    return raised.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.jsonl"


@pytest.fixture
def key(path: Path) -> str:
    return create(path, "checkout", ["read"])


@pytest.fixture
def access(path: Path, key: str) -> Access:
    return Access(KeyRing(path), limits(), limits())


def test_without_keys_everybody_may_do_everything_and_is_known_by_address() -> None:
    access = Access(KeyRing(None), limits())
    assert [access.caller([], HERE, scope) for scope in Scope] == [HERE] * 3


def test_without_keys_each_address_may_ask_so_often() -> None:
    access = Access(KeyRing(None), limits(1))
    for _ in range(2):
        access.caller([], HERE, Scope.READ)
    problem = refused(access, address=HERE)
    assert (problem.status, problem.headers) == (429, ((b"retry-after", b"1"),))
    assert access.caller([], ELSEWHERE, Scope.READ) == ELSEWHERE


@pytest.mark.parametrize(
    ("name", "before"),
    [(b"x-api-key", b""), (b"authorization", b"Bearer "), (b"authorization", b"bearer  ")],
)
def test_a_key_is_known_by_its_name_however_it_is_sent(
    access: Access, key: str, name: bytes, before: bytes
) -> None:
    headers = [(b"host", b"here"), (name, before + key.encode())]
    assert access.caller(headers, ELSEWHERE, Scope.READ) == "checkout"


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ((b"x-api-key", b""),),
        ((b"authorization", b"Bearer"),),
        ((b"authorization", b"Basic dTpw"),),
        ((b"cookie", b"sk_1"),),
    ],
)
def test_without_a_key_the_answer_is_401_and_says_how_to_get_one(
    access: Access, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    problem = refused(access, *headers)
    assert (problem.status, problem.detail) == (401, "an API key is needed")
    assert problem.headers == ((b"www-authenticate", b'Bearer realm="segmenter"'),)
    assert "segmenter keys create NAME --scopes read" in str(problem.remedy)


@pytest.mark.parametrize("wrong", [b"sk_wrong", b"\xff\xfe", b"checkout"])
def test_an_unknown_key_is_401_and_is_not_repeated(access: Access, wrong: bytes) -> None:
    problem = refused(access, (b"x-api-key", wrong))
    assert (problem.status, problem.detail) == (401, "the API key is not known")
    (header,) = problem.headers
    assert header == (b"www-authenticate", b'Bearer realm="segmenter", error="invalid_token"')
    assert wrong.decode("latin-1") not in f"{problem} {problem.remedy}"


def test_a_key_of_ours_counts_beside_the_basic_authorization_of_a_proxy(
    access: Access, key: str
) -> None:
    headers = [(b"authorization", b"Basic dTpw"), (b"x-api-key", key.encode())]
    assert access.caller(headers, ELSEWHERE, Scope.READ) == "checkout"
    assert presented_key([*reversed(headers)]) == key


@pytest.mark.parametrize("scope", [Scope.WRITE, Scope.ERASE])
def test_a_key_without_the_scope_is_403_and_the_scope_is_named(
    access: Access, key: str, scope: Scope
) -> None:
    with pytest.raises(Problem, match=f"the key checkout lacks the scope {scope}") as raised:
        access.caller([(b"x-api-key", key.encode())], ELSEWHERE, scope)
    assert raised.value.status == 403
    assert f"--scopes {scope}" in str(raised.value.remedy)


def test_no_scope_includes_another(path: Path) -> None:
    key = create(path, "eraser", ["erase"])
    access = Access(KeyRing(path), limits())
    headers = [(b"x-api-key", key.encode())]
    assert access.caller(headers, HERE, Scope.ERASE) == "eraser"
    with pytest.raises(Problem, match="lacks the scope read"):
        access.caller(headers, HERE, Scope.READ)


def test_a_key_may_ask_so_often_wherever_it_comes_from(path: Path, key: str) -> None:
    access = Access(KeyRing(path), limits(10))
    headers = [(b"x-api-key", key.encode())]
    assert access.caller(headers, HERE, Scope.READ, cost=20) == "checkout"
    problem = refused(access, *headers)
    assert (problem.status, problem.headers) == (429, ((b"retry-after", b"1"),))
    assert problem.remedy == "come back in 1 s, or raise SEGMENTER_API_RATE_PER_S"


def test_failed_attempts_are_limited_by_address_and_lock_no_key_out(path: Path, key: str) -> None:
    access = Access(KeyRing(path), limits(), limits(1))
    wrong = (b"x-api-key", b"sk_wrong")
    told = [refused(access, wrong).status for _ in range(4)]
    assert told == [401, 401, 429, 429]
    assert refused(access, wrong, address=HERE).status == 401
    assert access.caller([(b"x-api-key", key.encode())], ELSEWHERE, Scope.READ) == "checkout"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("::ffff:192.0.2.7", "192.0.2.8", False),
        ("", "", True),
    ],
)
def test_failed_attempts_from_one_ipv6_network_count_as_one_address(
    path: Path, key: str, one: str, other: str, same: bool
) -> None:
    access = Access(KeyRing(path), limits(), limits(1))
    assert [refused(access, address=one).status for _ in range(3)] == [401, 401, 429]
    assert refused(access, address=other).status == (429 if same else 401)


def test_once_all_keys_are_revoked_nobody_gets_in(path: Path, key: str) -> None:
    revoke(path, "checkout")
    access = Access(KeyRing(path), limits())
    assert refused(access, (b"x-api-key", key.encode())).status == 401
    assert refused(access, address=HERE).status == 401


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.8.8", "localhost", "LOCALHOST", "::1", "[::1]"]
)
def test_on_the_loopback_interface_no_keys_are_needed(host: str) -> None:
    require_safe_binding(host, KeyRing(None))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "[::]", "", "192.0.2.1", "segmenter.example"])
def test_elsewhere_the_api_refuses_to_listen_without_keys(path: Path, host: str) -> None:
    path.touch()
    for ring in (KeyRing(None), KeyRing(path)):
        with pytest.raises(Refused, match=r"set SEGMENTER_API_KEYS_FILE .*keys create NAME --sc"):
            require_safe_binding(host, ring)


def test_elsewhere_it_listens_with_keys(path: Path, key: str) -> None:
    require_safe_binding("0.0.0.0", KeyRing(path))


def test_the_examples_are_true() -> None:
    told = doctest.testmod(module)
    assert (told.failed, told.attempted) == (0, 3)
