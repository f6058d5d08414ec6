"""Where `--out` writes to, and what stays as it was."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from telematics.cli.outfile import write_out
from tests.unit.cli.conftest import Run


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_what_a_link_points_to_is_written(tmp_path: Path) -> None:
    """Also where there is nothing yet; the link stays one."""
    file, link = tmp_path / "real", tmp_path / "link"
    link.symlink_to("real")
    for content in ("first", "second"):
        write_out(content, link)
        assert file.read_text() == content
    assert link.is_symlink()
    assert _names(tmp_path) == ["link", "real"]


def test_a_file_keeps_its_mode_and_owner(tmp_path: Path) -> None:
    """Those who could read it can, and nobody else; what was not there is made as any other file is."""
    file, new, other = tmp_path / "file", tmp_path / "new", tmp_path / "other"
    file.touch()
    # Root alone can give files away.
    owner = 65_534 if os.geteuid() == 0 else os.geteuid()
    os.chown(file, owner, -1)
    file.chmod(0o640)
    write_out("x", file)
    assert (stat.S_IMODE(file.stat().st_mode), file.stat().st_uid, file.read_text()) == (0o640, owner, "x")
    write_out("x", new)
    other.touch()
    assert new.stat().st_mode == other.stat().st_mode


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    """And is a pipe still, as a device is a device."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    try:
        write_out("x", pipe)
        assert os.read(reader, 10) == b"x"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("name", ["directory", "directory/..", "directory/.", ".", "..", ""])
def test_a_directory_is_refused(
    run: Run, fence_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Exit code 2, and nothing is left in it or beside it."""
    directory = tmp_path / "here" / "directory"
    directory.mkdir(parents=True)
    monkeypatch.chdir(directory.parent)
    ran = run("fences", "import", fence_file, "--out", name)
    assert ran.code == 2
    assert "is a directory; give the name of a file" in ran.err
    assert (_names(directory), _names(directory.parent)) == ([], ["directory"])


def test_nothing_is_left_of_what_could_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the beginning of it."""
    file = tmp_path / "file"
    file.write_text("as it was")

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(Exception, match="file: cannot be written: No space left on device"):
        write_out("x", file)
    assert (_names(tmp_path), file.read_text()) == (["file"], "as it was")


@pytest.mark.parametrize("arguments", [["export", "--to", "csv"], ["match", "--points", "points.csv"]])
def test_standard_output_that_takes_nothing_is_told(fence_file: Path, tmp_path: Path, arguments: list[str]) -> None:
    """In one line, as of a file; not with a traceback, and not once more when Python ends."""
    (tmp_path / "points.csv").write_text("lon,lat\n-99,19\n")
    command = [sys.executable, "-c", "from telematics.cli import main; main()", "fences", *arguments]
    with fence_file.open("rb") as unwritable:
        ran = subprocess.run(
            [*command, "--fences", fence_file],
            stdout=unwritable,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
    assert (ran.returncode, ran.stderr) == (
        2,
        "error: standard output: cannot be written: Bad file descriptor\n",
    )
