"""Bytes of a fence file, within reason."""

from __future__ import annotations

from pathlib import Path

from geofences.errors import FenceError

MOST_BYTES = 100_000_000
"""A file of 10,000 fences with 400 corners each has about this."""


def read_bytes(source: str | Path | bytes, name: str) -> bytes:
    """The content of a file, or of bytes. Raises FenceError with the reason, also for what is too large."""
    if isinstance(source, bytes):
        return source
    try:
        with Path(source).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise FenceError(f"cannot be read: {getattr(error, 'strerror', None) or error}", name) from error
    if len(data) > MOST_BYTES:
        raise FenceError(f"has more than {MOST_BYTES:,} bytes; no fence file needs so many", name)
    return data


def decoded(data: bytes, name: str) -> str:
    """UTF-8, with or without the byte order mark that Windows puts before it. Raises FenceError with the place."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FenceError(f"byte {error.start} is not UTF-8; save the file with UTF-8 encoding", name) from error
