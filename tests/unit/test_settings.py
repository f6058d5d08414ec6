"""Settings: names are checked, mistakes explained, secrets read from files, documentation complete."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from telematics.settings import LogFormat, Settings, SettingsError, all_settings, load_settings


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("TELEMATICS_"):
            monkeypatch.delenv(name)


def test_defaults_are_usable_without_any_variable() -> None:
    """With nothing set the monitor talks to a Kafka on this machine and serves health on loopback only."""
    settings = load_settings()
    assert settings.kafka.bootstrap == "127.0.0.1:9092"
    assert settings.http.host == "127.0.0.1"
    assert settings.topics.pings == "telematics.pings"
    assert settings.rebuild_window_s == 6 * 3600


def test_a_variable_sets_a_nested_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nested names are joined by two underscores; words of a closed set are read in any case."""
    monkeypatch.setenv("TELEMATICS_KAFKA__BOOTSTRAP", "one:9092,two:9092")
    monkeypatch.setenv("TELEMATICS_LOG__FORMAT", "JSON")
    settings = load_settings()
    assert settings.kafka.bootstrap == "one:9092,two:9092"
    assert settings.log.format is LogFormat.JSON


def test_the_command_line_wins_and_leaves_its_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value given by a command replaces that one variable and no other of its section."""
    monkeypatch.setenv("TELEMATICS_KAFKA__BOOTSTRAP", "one:9092")
    monkeypatch.setenv("TELEMATICS_KAFKA__GROUP", "ours")
    settings = load_settings(kafka={"bootstrap": "two:9092"})
    assert (settings.kafka.bootstrap, settings.kafka.group) == ("two:9092", "ours")


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("TELEMATICS_KAFKA__BOOTSTRAPS", "did you mean TELEMATICS_KAFKA__BOOTSTRAP?"),
        ("TELEMATICS_HTTP_PORT", "did you mean TELEMATICS_HTTP__PORT?"),
        ("TELEMATICS_KAFKA__SASL_PASSWORD_FIEL", "did you mean TELEMATICS_KAFKA__SASL_PASSWORD_FILE?"),
        ("TELEMATICS_KAFKA__GROUP_FILE", "did you mean"),
        ("TELEMATICS_KAFKA", "did you mean"),
        ("TELEMATICS_ZZZZZZZZZZZZ", "docs/settings.md"),
    ],
)
def test_an_unknown_name_is_refused_with_a_suggestion(
    monkeypatch: pytest.MonkeyPatch, name: str, suggestion: str
) -> None:
    """A misspelt variable is an error that names the variable and the nearest real one."""
    monkeypatch.setenv(name, "1")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert name in str(caught.value)
    assert suggestion in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "TELEMATICS_TEST_BOOTSTRAP",
        "TELEMATICS_LOCAL_JAVA",
        "TELEMATICS_PORT",
        "TELEMATICS_PORT_9108_TCP_ADDR",
        "TELEMATICS_SERVICE_HOST",
        "TELEMATICS_SERVICE_PORT_HTTP",
    ],
)
def test_names_of_tests_broker_and_kubernetes_are_left_alone(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Variables of the tests, of the local broker and those Kubernetes injects for a service are not ours."""
    monkeypatch.setenv(name, "tcp://10.0.0.1:9108")
    assert load_settings() == Settings()


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("TELEMATICS_KAFKA__BOOTSTRAP", "kafka", "host:port"),
        ("TELEMATICS_HTTP__PORT", "70000", "65535"),
        ("TELEMATICS_HTTP__PORT", "http", "integer"),
        ("TELEMATICS_LOG__LEVEL", "loud", "'debug'"),
        ("TELEMATICS_REBUILD_WINDOW_S", "-1", "greater than 0"),
        ("TELEMATICS_TOPICS__PREFIX", "a b", "pattern"),
    ],
)
def test_a_wrong_value_names_the_variable_the_value_and_what_would_be_right(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, right: str
) -> None:
    """A value that cannot be used is quoted beside its variable, the permitted form and the default."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    text = str(caught.value)
    assert text.startswith(f"{name}: {value!r}")
    assert right in text
    assert "the default is" in text


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SECURITY_PROTOCOL", "SASL_SSL", "SASL_USERNAME and SASL_PASSWORD are both needed with SASL_SSL"),
        ("SSL_CERTFILE", "/own.pem", "SSL_CERTFILE and SSL_KEYFILE go together"),
    ],
)
def test_half_a_sign_in_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    """What the broker would answer by closing the line is told before anything connects."""
    monkeypatch.setenv(f"TELEMATICS_KAFKA__{name}", value)
    with pytest.raises(SettingsError, match=r"^TELEMATICS_KAFKA__\*: ") as caught:
        load_settings()
    assert said in str(caught.value)


def test_every_mistake_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two wrong values give two lines, so that nobody has to start the program once per mistake."""
    monkeypatch.setenv("TELEMATICS_HTTP__PORT", "x")
    monkeypatch.setenv("TELEMATICS_MAX_BATCH", "0")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert len(str(caught.value).splitlines()) == 2


def test_a_secret_is_read_from_a_file_and_never_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`*_FILE` names a file with the secret; its last newline is no part of it and no text shows it."""
    (tmp_path / "password").write_text("hunter 2\n", encoding="utf-8")
    monkeypatch.setenv("TELEMATICS_KAFKA__SASL_PASSWORD_FILE", str(tmp_path / "password"))
    settings = load_settings(kafka={"group": "ours"})
    assert settings.kafka.sasl_password is not None
    assert settings.kafka.sasl_password.get_secret_value() == "hunter 2"
    assert settings.kafka.group == "ours"
    assert "hunter" not in repr(settings)


def test_a_secret_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A missing secret file is reported with variable and path."""
    monkeypatch.setenv("TELEMATICS_KAFKA__SASL_PASSWORD_FILE", str(tmp_path / "gone"))
    with pytest.raises(SettingsError, match=r"SASL_PASSWORD_FILE: cannot read .*gone: No such file"):
        load_settings()


def test_a_secret_given_twice_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With both the variable and its `_FILE` set nobody can tell which one is meant."""
    monkeypatch.setenv("TELEMATICS_KAFKA__SASL_PASSWORD_FILE", str(tmp_path))
    monkeypatch.setenv("TELEMATICS_KAFKA__SASL_PASSWORD", "x")
    with pytest.raises(SettingsError, match="keep one of the two"):
        load_settings()


def test_every_setting_has_help() -> None:
    """A setting without help text cannot be documented."""
    assert [setting.variable for setting in all_settings() if not setting.help] == []
