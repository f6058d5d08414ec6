"""The broker that `telematics broker run` keeps in a folder, seen from another process."""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from telematics.stream.local.keeper import LOCK, STATE


@dataclass(frozen=True, slots=True)
class Running:
    """A kept broker that runs: where clients reach it, where its data are, and its processes."""

    bootstrap: str
    folder: str
    keeper_pid: int
    java_pid: int


def running(folder: Path) -> Running | None:
    """The broker kept in `folder`, or None when none runs or it is still starting.

    Asked of the keeper's lock, which the system lets go however the keeper ends; a pid in a file could by now be
    somebody else's.
    """
    with _lock(folder) as lock:
        if lock is None or _free(lock):
            return None
        try:
            return Running(**json.loads((folder / STATE).read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError):
            return None


def stop(folder: Path) -> bool:
    """End the broker kept in `folder` and wait until it has. False when none runs."""
    found = running(folder)
    if found is None:
        return False
    os.kill(found.keeper_pid, signal.SIGTERM)
    with _lock(folder) as lock:
        if lock is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the keeper lets go when it has tidied up
    return True


@contextmanager
def _lock(folder: Path) -> Iterator[IO[str] | None]:
    try:
        handle = (folder / LOCK).open("r+")
    except OSError:
        yield None
        return
    with handle:
        yield handle


def _free(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
