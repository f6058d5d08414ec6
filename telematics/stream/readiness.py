"""What `/readyz` says: everything that must hold before alerts can be relied on, each in words."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from telematics.http import Check
from telematics.settings import Settings
from telematics.stream.assignment import Assignment, Held, P, State
from telematics.stream.connection import Link
from telematics.stream.fences import FenceFeed
from telematics.stream.trips import TripFeed


def readiness(
    settings: Settings,
    link: Link,
    assignment: Assignment[P] | None,
    trips: TripFeed | None = None,
    sets: FenceFeed | None = None,
) -> Mapping[str, Check]:
    """Name → check: the broker, trips and fence sets where they are needed, the group, each partition in our hands."""
    checks = {
        "broker": Check(not link.why, link.why or f"{settings.kafka.bootstrap} answers"),
    }
    if trips is not None:
        read = trips.read_to_end.is_set()
        checks["trips"] = Check(read, "read" if read else "not read to the end yet")
    if sets is not None:
        newest = f"set {sets.sets[-1].number} is the newest" if sets.sets else ""
        checks["fences"] = Check(not sets.waits_for, sets.waits_for or newest)
    elif trips is not None:
        checks["fences"] = Check(ok=True, detail="those of the file given with --fences; published sets are ignored")
    checks["group"] = _group(settings.kafka.group, assignment)
    now_s = time.monotonic()
    for number, partition in sorted(assignment.held.items() if assignment else ()):
        checks[f"partition {number}"] = _partition(partition, settings.lag_limit_s, now_s)
    return checks


def _group(name: str, assignment: Assignment[P] | None) -> Check:
    if assignment is None or not assignment.joined:
        return Check(ok=False, detail=f"{name}: joining")
    return Check(ok=True, detail=f"{name}: {len(assignment.held)} partitions are ours")


def _partition(partition: Held, limit_s: float, now_s: float) -> Check:
    if partition.state is State.REBUILDING:
        return Check(ok=False, detail=f"rebuilding: {partition.progress or 'waiting'}")
    records, behind_s = partition.lag.behind(partition.durable_offset, now_s)
    if records == 0:
        return Check(ok=True, detail=f"at offset {partition.durable_offset}")
    waits = "since before we came" if behind_s == math.inf else f"for {behind_s:.0f} s"
    return Check(
        behind_s <= limit_s, f"{records} records behind, the oldest waiting {waits}; the limit is {limit_s:g} s"
    )
