"""What a command writes to the place its `--out` names."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from telematics.cli.output import raw
from telematics.errors import UserError

Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="File to write, instead of standard output.")]


def write_out(content: str | bytes, out: Path | None) -> None:
    """To a file that is there whole or not at all, to a device or pipe, or to standard output. Raises UserError."""
    data = content.encode() if isinstance(content, str) else content
    if out is None:
        raw(data)
        return
    try:
        there = _found(out)
        if there is None or stat.S_ISREG(there.st_mode):
            _replaced(Path(os.path.realpath(out)), data, there)
        elif stat.S_ISDIR(there.st_mode):
            raise UserError(f"--out: {out} is a directory; give the name of a file")
        else:
            out.write_bytes(data)
    except OSError as error:
        raise UserError(f"{out}: cannot be written: {error.strerror}") from None


def _found(out: Path) -> os.stat_result | None:
    """What is there, at the end of its links; None where nothing is."""
    try:
        return out.stat()
    except FileNotFoundError:
        return None


def _replaced(file: Path, data: bytes, there: os.stat_result | None) -> None:
    """By one that is written beside it first, with the owner and the mode of what was there."""
    beside = file.with_name(f".{file.name}.new")
    try:
        beside.write_bytes(data)
        if there is not None:
            _given(beside, there)
        beside.replace(file)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def _given(file: Path, like: os.stat_result) -> None:
    made = file.stat()
    if (made.st_uid, made.st_gid) != (like.st_uid, like.st_gid):
        # Only root gives files away; who may write here may replace the file by one of their own.
        with suppress(PermissionError):
            os.chown(file, like.st_uid, like.st_gid)
    # After the owner, for a change of that may take rights away.
    file.chmod(stat.S_IMODE(like.st_mode))
