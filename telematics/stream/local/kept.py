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
class Kept:
    """A kept broker: where clients reach it, where its data are, and its processes."""

    nodes: int
    bootstrap: str
    folder: str
    keeper_pid: int
    java_pids: dict[int, int]

    @property
    def ready(self) -> bool:
        """Whether it runs, and is not still starting."""
        return bool(self.java_pids)

    @property
    def down(self) -> list[int]:
        """The nodes whose process ended; the others go on."""
        return [number for number in range(1, self.nodes + 1) if number not in self.java_pids]


def running(folder: Path) -> Kept | None:
    """The broker kept in `folder`, also while it starts; None when none runs.

    Asked of the keeper's lock, which the system lets go however the keeper ends; a pid in a file could by now be
    somebody else's.
    """
    with _lock(folder) as lock:
        if lock is None or _free(lock):
            return None
        try:
            state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None  # it is just coming, or going
    return Kept(**{**state, "java_pids": {int(number): pid for number, pid in state["java_pids"].items()}})


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
