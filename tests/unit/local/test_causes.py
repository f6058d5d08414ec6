"""What a JVM's disk, exit code and log say to the person whose machine it is."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from telematics.stream.local.causes import cause


@pytest.mark.parametrize(
    ("log", "says"),
    [
        ("java.io.IOException: No space left on device", r"the disk of {folder} is full; free some space"),
        ("java.io.IOException: Disk quota exceeded", r"your disk quota for {folder} is used up; free some space"),
        ("java.nio.file.FileSystemException: x: Read-only file system", r"{folder} is on a read-only file system"),
        ("java.nio.file.AccessDeniedException: /x/data/.lock", r"{folder} holds files that may not be .* written"),
        ("java.io.FileNotFoundException: x (Permission denied)", r"{folder} holds files that may not be .* written"),
        ("java.net.BindException: Address already in use", r"another program took one of its ports .*start it again"),
        ("java.lang.OutOfMemoryError: Java heap space", r"its memory did not suffice"),
        ("There is insufficient memory for the Java Runtime Environment", r"too little memory left; end other"),
    ],
)
def test_a_log_that_names_the_cause(log: str, says: str, tmp_path: Path) -> None:
    """What Kafka and Java write of a known fault is told with the place and what would be right."""
    text = cause(tmp_path, 1, f"04:25:35,245 ERROR Shutting down\n{log}\n\tat somewhere\n")
    assert text is not None
    assert_matches(text, says, tmp_path)


def test_an_unknown_fault_is_left_to_the_log(tmp_path: Path) -> None:
    """Where nothing is known, nothing is claimed."""
    assert cause(tmp_path, 1, "ERROR something new") is None


def test_a_full_disk_is_seen_without_a_word_in_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log on the full disk cannot tell of it: the disk itself is asked, and comes before anything else."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=4096))
    assert_matches(str(cause(tmp_path, -9, "")), r"the disk of {folder} is full, 0 MB are left; free", tmp_path)


def test_a_kill_is_called_one(tmp_path: Path) -> None:
    """A JVM ended by signal 9 says nothing itself; who may have done it is said for it."""
    assert_matches(str(cause(tmp_path, -9, "")), r"killed \(signal 9\), by somebody or by the system", tmp_path)


def assert_matches(text: str, pattern: str, folder: Path) -> None:
    """The text is one line that has the pattern."""
    assert re.search(pattern.format(folder=folder), text)
    assert "\n" not in text
