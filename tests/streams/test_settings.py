"""Where the parts are: command line > environment > .env > `[connection]` of segmenter.toml."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from streams.settings import Settings, SettingsError, load_policy, load_settings

SECRET = "hunter2"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and an environment that says nothing of ours."""
    for name in [each for each in os.environ if each.upper().startswith("SEGMENTER_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(config: Path | None = None, **given: object) -> Settings:
    return load_settings(config, dict(os.environ), **given)


def write(path: Path, connection: str) -> None:
    path.write_text(f"[connection]\n{connection}\n", "utf-8")


def test_without_a_file_the_defaults_are_those_of_a_developers_machine() -> None:
    settings = load()
    assert settings.bootstrap_servers == "127.0.0.1:9092"
    assert settings.redis_url.get_secret_value() == "redis://127.0.0.1:6379/0"
    assert (settings.namespace, settings.group, settings.partitions) == ("main", "segmenter", 4)


def test_each_source_wins_over_those_below_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = ("namespace", "group", "bootstrap_servers", "partitions")
    write(
        folder / "segmenter.toml",
        'namespace = "toml"\ngroup = "toml"\nbootstrap_servers = "toml:1"\npartitions = 1',
    )
    assert [getattr(load(), key) for key in below] == ["toml", "toml", "toml:1", 1]
    dotenv = "SEGMENTER_GROUP=dotenv\nSEGMENTER_BOOTSTRAP_SERVERS=dotenv:2\nSEGMENTER_PARTITIONS=2"
    (folder / ".env").write_text(dotenv, "utf-8")
    assert [getattr(load(), key) for key in below] == ["toml", "dotenv", "dotenv:2", 2]
    monkeypatch.setenv("SEGMENTER_BOOTSTRAP_SERVERS", "environment:3")
    monkeypatch.setenv("SEGMENTER_PARTITIONS", "3")
    assert [getattr(load(), key) for key in below] == ["toml", "dotenv", "environment:3", 3]
    assert [getattr(load(partitions=4), key) for key in below] == [
        "toml",
        "dotenv",
        "environment:3",
        4,
    ]


def test_what_the_command_line_does_not_say_is_not_given(folder: Path) -> None:
    write(folder / "segmenter.toml", "partitions = 7")
    assert load(partitions=None).partitions == 7


def test_the_file_asked_for_is_read_instead_of_the_one_that_lies_here(folder: Path) -> None:
    write(folder / "segmenter.toml", 'namespace = "here"')
    write(folder / "other.toml", 'namespace = "other"')
    assert load(folder / "other.toml").namespace == "other"


def test_an_unknown_key_of_the_file_is_refused_by_file_and_key(folder: Path) -> None:
    write(folder / "segmenter.toml", 'redis_ulr = "redis://cache:6379/0"')
    with pytest.raises(
        SettingsError,
        match=r"^segmenter\.toml: connection\.redis_ulr: unknown key; known are .*redis_url",
    ):
        load()


def test_an_unknown_name_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGMENTER_REDIS_ULR", "redis://cache:6379/0")
    with pytest.raises(
        SettingsError,
        match=r"^environment: SEGMENTER_REDIS_ULR: unknown setting; known are .*_REDIS_URL",
    ):
        load()


@pytest.mark.parametrize("name", ["SEGMENTER_REDIS_ULR", "segmenter_redis_ulr", "SEGMENTER_CONFIG"])
def test_an_unknown_name_in_dotenv_is_refused(folder: Path, name: str) -> None:
    (folder / ".env").write_text(f"{name}=redis://cache:6379/0\n", "utf-8")
    with pytest.raises(SettingsError, match=rf"^\.env: {name}: unknown setting; known are"):
        load()


def test_the_names_of_other_programs_are_none_of_our_business(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".env").write_text("POSTGRES_PASSWORD=x\nSEGMENTER_NAMESPACE=ours\n", "utf-8")
    monkeypatch.setenv("REDIS_URL", "redis://theirs:6379/0")
    monkeypatch.setenv("SEGMENTER_CONFIG", "elsewhere.toml")
    assert load().namespace == "ours"


@pytest.mark.parametrize(
    ("connection", "said"),
    [
        (
            "partitions = 0",
            r"segmenter\.toml: connection\.partitions: .*greater than or equal to 1",
        ),
        ('partitions = "many"', r"segmenter\.toml: connection\.partitions: .*\(found 'many'\)"),
        ('namespace = "No Good"', r"segmenter\.toml: connection\.namespace: .*\(found 'No Good'\)"),
        ("session_timeout_s = 1", r"segmenter\.toml: connection\.session_timeout_s: .*equal to 2"),
        ('bootstrap_servers = ""', r"connection\.bootstrap_servers: write host:port, comma-sep"),
        ('bootstrap_servers = "kafka:x"', r"connection\.bootstrap_servers: write host:port"),
        ('bootstrap_servers = "a:1, b:2"', r"connection\.bootstrap_servers: write host:port"),
        ('redis_url = "localhost:6379"', r"connection\.redis_url: write redis://host:port/0"),
        ('redis_url = "redis://h:port/0"', r"connection\.redis_url: write redis://host:port/0"),
        ("redis_url = 6379", r"connection\.redis_url: "),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_file_key_and_remedy(
    folder: Path, connection: str, said: str
) -> None:
    write(folder / "segmenter.toml", connection)
    with pytest.raises(SettingsError, match=said):
        load()


def test_a_bad_value_in_the_environment_is_refused_by_its_name_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SEGMENTER_PARTITIONS", "many")
    with pytest.raises(SettingsError, match=r"^environment or \.env: SEGMENTER_PARTITIONS: "):
        load()


def test_a_bad_value_on_the_command_line_is_refused_by_its_name_there() -> None:
    with pytest.raises(SettingsError, match=r"^command line: partitions: "):
        load(partitions=-1)


@pytest.mark.parametrize("url", [f"postgres://me:{SECRET}@h/0", f"redis://me:{SECRET}@h:x/0"])
def test_a_bad_address_with_a_password_is_refused_without_telling_it(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("SEGMENTER_REDIS_URL", url)
    with pytest.raises(SettingsError, match="SEGMENTER_REDIS_URL") as refused:
        load()
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("servers", ["kafka", "kafka:9092", "a:1,b:2", "[::1]:9092", "10.0.0.1:1"])
def test_addresses_that_kafkas_clients_understand_are_taken(servers: str) -> None:
    assert load(bootstrap_servers=servers).bootstrap_servers == servers


@pytest.mark.parametrize(
    "url", ["rediss://:p@cache.example:6380/1", "unix:///run/redis.sock", "redis://[::1]:6379/0"]
)
def test_addresses_that_redis_clients_understand_are_taken(url: str) -> None:
    assert load(redis_url=url).redis_url.get_secret_value() == url


def test_a_password_is_not_in_what_settings_print_of_themselves() -> None:
    settings = load(redis_url=f"redis://me:{SECRET}@cache:6379/0")
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings.model_dump(mode="json"))


def test_a_file_that_was_asked_for_must_be_there(folder: Path) -> None:
    for read in (load, load_policy):
        with pytest.raises(SettingsError, match=r"missing\.toml: can't be read.*check --config"):
            read(folder / "missing.toml")


def test_connection_must_be_a_table(folder: Path) -> None:
    (folder / "segmenter.toml").write_text('connection = "kafka"\n', "utf-8")
    with pytest.raises(SettingsError, match="connection: must be a table"):
        load()


def test_without_a_file_the_policy_is_the_general_preset() -> None:
    assert load_policy(None).preset == "general"


def test_the_policy_and_the_connection_stand_in_one_file(folder: Path) -> None:
    text = 'preset = "grocery"\n[connection]\nnamespace = "shop"\n'
    (folder / "segmenter.toml").write_text(text, "utf-8")
    assert load_policy(None).preset == "grocery"
    assert load().namespace == "shop"
