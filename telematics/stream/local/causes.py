"""Why a JVM of the local Kafka ended, as far as its disk, its exit code and its log tell."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

# Kafka maps its index files, 10 MB each, into memory with nothing behind them: on a disk with less than that left
# it ends in ways of which its log, on the same disk, often says nothing.
_FULL_BYTES = 10_000_000

# What a log holds, and what that means to the person whose machine it is.
_IN_THE_LOG = [
    ("No space left on device", "the disk of {folder} is full; free some space and start it again"),
    ("Disk quota exceeded", "your disk quota for {folder} is used up; free some space and start it again"),
    ("Read-only file system", "{folder} is on a read-only file system; make it writable and start it again"),
    ("AccessDeniedException", "{folder} holds files that may not be read or written; give them to your user"),
    ("Permission denied", "{folder} holds files that may not be read or written; give them to your user"),
    ("Address already in use", "another program took one of its ports just now; start it again"),
    ("OutOfMemoryError", "its memory did not suffice; use a Kafka of your own for as much as this"),
    ("insufficient memory for the Java Runtime", "this machine has too little memory left; end other programs"),
]


def cause(folder: Path, exit_code: int | None, log: str) -> str | None:
    """What ended a JVM with its data in `folder`, and what would be right; None when only the log itself can tell."""
    free = shutil.disk_usage(folder).free
    if free < _FULL_BYTES:
        return (
            f"the disk of {folder} is full, {free / 1e6:.0f} MB are left; free some space and start it again."
            " What was confirmed is kept"
        )
    if exit_code == -signal.SIGKILL:
        return (
            "it was killed (signal 9), by somebody or by the system for want of memory; start it again."
            " What was confirmed is kept"
        )
    return next((says.format(folder=folder) for found, says in _IN_THE_LOG if found in log), None)
