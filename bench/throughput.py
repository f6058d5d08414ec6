"""Pings a second, from samples of how many were done by when."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple


class Sample(NamedTuple):
    """How many pings were done at an instant of the wall clock and of this process's CPU clock, seconds."""

    pings: int
    wall_s: float
    cpu_s: float


class Rate(NamedTuple):
    """Pings a second of the wall clock, and of the CPU clock."""

    pings_per_s: float
    pings_per_cpu_s: float


def rate(samples: Sequence[Sample], first: int, last: int) -> Rate:
    """The rate from the sample that first reached `first` pings to the one that first reached `last`.

    Raises ValueError when the samples, which must rise, hold no such stretch.
    """
    start = bisect_left(samples, first, key=lambda sample: sample.pings)
    end = bisect_left(samples, last, key=lambda sample: sample.pings)
    if end == len(samples) or start >= end:
        reached = samples[-1].pings if samples else 0
        raise ValueError(f"{len(samples)} samples up to {reached} pings show no stretch from {first} to {last}")
    began, ended = samples[start], samples[end]
    pings = ended.pings - began.pings
    return Rate(pings / (ended.wall_s - began.wall_s), pings / (ended.cpu_s - began.cpu_s))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that at least `share` of them (0 to 1) do not exceed. Raises ValueError for none."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 1_000_000) // 1_000_000) - 1)]
