"""What is to be replayed, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from telematics.model import Batch
from telematics.replay.arrival import Order
from telematics.replay.files import Options
from telematics.replay.sorting import CHUNK

# Inputs per step: enough that the cost of a step does not show, few enough that progress does.
WINDOW = 2_000

Progress = Callable[[Path, int], None]
"""Told how many bytes of which file have been read."""
Inputs = dict[int, Batch]
"""A batch for each partition that has inputs."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which files, read how. `until_ms` is an arrival, `tail_ms` how long time goes on after the last row."""

    files: tuple[Path, ...]
    options: Options = field(default_factory=Options)
    order: Order = Order.TS
    until_ms: int | None = None
    tail_ms: int = 0
    chunk: int = CHUNK


def progress_of(progress: Progress | None, path: Path) -> Callable[[int], None] | None:
    """The same report for one file."""
    return None if progress is None else lambda done: progress(path, done)
