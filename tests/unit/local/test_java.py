"""Which Java runs the local Kafka, and what is said when none does."""

from __future__ import annotations

from pathlib import Path

import pytest

from telematics.stream.local.errors import LocalBrokerError
from telematics.stream.local.java import find_java


def fake_java(folder: Path, version: str) -> Path:
    """A `java` command in `folder`/bin that only tells its version, on standard error as the real one does."""
    command = folder / "bin" / "java"
    command.parent.mkdir(parents=True)
    command.write_text(f"#!/bin/sh\necho '{version}' >&2\n", encoding="utf-8")
    command.chmod(0o755)
    return command


@pytest.fixture
def only_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose only system Java will be the one put into this folder."""
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv("TELEMATICS_LOCAL_JAVA", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("version", "major", "origin"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17, "system"),
        ('openjdk version "25" 2025-09-16', 25, "system"),
        ('java version "21.0.4" 2024-07-16 LTS', 21, "system"),
        ('openjdk version "11.0.2" 2019-01-15', None, "bundled"),
        ('openjdk version "1.8.0_412"', None, "bundled"),
        ("The operation could not be completed.", None, "bundled"),
    ],
)
def test_the_system_s_java_is_used_if_it_is_new_enough(
    only_java: Path, version: str, major: int | None, origin: str
) -> None:
    """Java 17 or newer of the system comes first; anything else leaves it to the wheel's."""
    fake_java(only_java, version)
    java = find_java()
    assert java.origin == origin
    assert major is None or java.major == major
    assert java.command.exists()


def test_bundled_means_the_wheel_s(only_java: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TELEMATICS_LOCAL_JAVA=bundled takes the wheel's Java although the system has one."""
    fake_java(only_java, 'openjdk version "21.0.1"')
    monkeypatch.setenv("TELEMATICS_LOCAL_JAVA", "bundled")
    assert find_java().origin == "bundled"


def test_a_path_may_name_the_command_or_its_home(tmp_path: Path) -> None:
    """TELEMATICS_LOCAL_JAVA may be the path of a java command or of its home."""
    command = fake_java(tmp_path, 'openjdk version "21.0.1"')
    assert find_java(str(command)).command == command
    assert find_java(str(tmp_path)).command == command


@pytest.mark.parametrize(
    ("choice", "version", "says"),
    [
        ("system", 'openjdk version "11.0.2"', r"TELEMATICS_LOCAL_JAVA=bundled"),
        ("{home}", 'openjdk version "11.0.2"', r"is Java 11; Kafka 4 needs 17 or newer"),
        ("{home}", "not a Java at all", r"is no Java that runs; give bundled, system or the path"),
        ("{home}/nowhere", "", r"is no Java that runs"),
    ],
)
def test_a_java_that_does_not_do_is_refused(only_java: Path, choice: str, version: str, says: str) -> None:
    """A choice that cannot run Kafka is refused with what would do, never replaced in silence."""
    fake_java(only_java, version)
    with pytest.raises(LocalBrokerError, match=says):
        find_java(choice.format(home=only_java))
