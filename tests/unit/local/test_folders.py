"""Where the local broker keeps its things, and how a place that will not do is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from telematics.stream.local.errors import LocalBrokerError
from telematics.stream.local.folders import local_dir, usable
from tests.support.local import read_only_folder


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TELEMATICS_LOCAL_DIR": "/srv/kafka", "XDG_DATA_HOME": "/data"}, "/srv/kafka"),
        ({"TELEMATICS_LOCAL_DIR": "~/kafka"}, "/home/ana/kafka"),
        ({"XDG_DATA_HOME": "/data"}, "/data/telematics/local"),
        ({}, "/home/ana/.local/share/telematics/local"),
    ],
)
def test_the_user_s_folder(environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """TELEMATICS_LOCAL_DIR comes first, then the XDG data home, then its default."""
    for name in ("TELEMATICS_LOCAL_DIR", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/ana")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert local_dir() == Path(expected)


def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    """A folder that cannot be written to is refused by name, with the setting that chooses another."""
    folder = read_only_folder(tmp_path)
    with pytest.raises(LocalBrokerError, match=rf"{folder}: it .*(not be written|read-only).*TELEMATICS_LOCAL_DIR"):
        usable(folder)


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    """A path through a file is refused as such."""
    (tmp_path / "file").touch()
    with pytest.raises(LocalBrokerError, match="part of the path is a file"):
        usable(tmp_path / "file" / "telematics")


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    """Too little free space is refused with both figures."""
    with pytest.raises(LocalBrokerError, match=r"MB free and the local Kafka needs 1000000000000 MB"):
        usable(tmp_path, needed_bytes=10**18)


def test_a_good_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    """A missing folder is created, and nothing of the probe stays in it."""
    folder = usable(tmp_path / "a" / "b")
    assert list(folder.iterdir()) == []
