"""Lines of a file that may be compressed, damaged, binary or in another encoding."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import cast

from telematics.errors import UserError
from telematics.replay.rejects import Rejects
from telematics.wire.reasons import RejectReason, reject

# Longer than any ping may be, with room for the base64 and the names of a dump's line.
MAX_LINE_BYTES = 1_500_000
_GZIP = b"\x1f\x8b"
_HEAD_BYTES = 65_536
_BOM = b"\xef\xbb\xbf"
_OTHER_ENCODINGS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile)


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end, and its number from 1."""

    number: int
    raw: bytes


def first_line(path: Path) -> Line | None:
    """The first line that is not blank; None for a file without one. Raises UserError for what is no text of ours."""
    with _open(path) as file:
        try:
            head = file.read1(_HEAD_BYTES)
        except _DAMAGED as error:
            raise UserError(f"{path}: the gzip file is damaged from its beginning ({error}); send it again") from error
    for mark, encoding in _OTHER_ENCODINGS:
        if head.startswith(mark):
            raise UserError(f"{path}: is {encoding}; save it as UTF-8")
    if b"\x00" in head and not _is_text(head.removeprefix(_BOM).split(b"\n", 1)[0]):
        raise UserError(f"{path}: is binary; expected CSV, NDJSON or a dump, plain or in gzip")
    for number, raw in enumerate(head.removeprefix(_BOM).splitlines(), start=1):
        if raw.strip():
            return Line(number, raw)
    return None


def read_lines(path: Path, rejects: Rejects, progress: Callable[[int], None] | None = None) -> Iterator[Line]:
    """Every line that is not blank. Lines too long, and where a gzip stream breaks off, go to `rejects`.

    `progress` is told, now and then, how many bytes of the file (as it lies on disk) have been read.
    """
    number = 0
    with path.open("rb") as disk, _decompressed(disk) as file:
        while True:
            number += 1
            try:
                raw = file.readline(MAX_LINE_BYTES + 1)
                if len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
                    _skip_line(file)
                    detail = f"a line of more than {MAX_LINE_BYTES} bytes"
                    rejects.add(str(path), number, reject(RejectReason.TOO_LARGE, detail), raw)
                    continue
            except _DAMAGED as error:
                detail = f"the gzip stream breaks off here ({error}); what follows cannot be read: send the file again"
                rejects.add(str(path), number, reject(RejectReason.CUT_OFF, detail), None)
                return
            if progress is not None and (number % 1_000 == 0 or not raw):
                progress(disk.tell())
            if not raw:
                return
            if number == 1:
                raw = raw.removeprefix(_BOM)
            raw = raw.rstrip(b"\r\n")
            if raw.strip():
                yield Line(number, raw)


def _is_text(line: bytes) -> bool:
    """Zeros alone do not tell: a writer that lost its power leaves them in the middle of a text."""
    try:
        return not any(mark < " " for mark in line.decode().strip())
    except UnicodeDecodeError:
        return False


@contextmanager
def _open(path: Path) -> Iterator[BufferedIOBase]:
    try:
        disk = path.open("rb")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    with disk, _decompressed(disk) as file:
        yield file


@contextmanager
def _decompressed(disk: BufferedIOBase) -> Iterator[BufferedIOBase]:
    """The stream itself, or what it holds when it is gzip. Its content decides, not the file's name."""
    magic = disk.read(len(_GZIP))
    disk.seek(0)
    if magic != _GZIP:
        yield disk
        return
    with gzip.open(disk) as file:
        yield cast("BufferedIOBase", file)


def _skip_line(file: BufferedIOBase) -> None:
    while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass
