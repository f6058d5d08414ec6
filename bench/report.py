"""From what was measured to figures, floors and a table. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from bench.throughput import Rate

BARE = "bare"
FEW, MANY = "10000 vehicles", "100000 vehicles"
WITHOUT = "without transactions"
"""The names of four of the measurements of a round; the others are numbers of fences. FEW and MANY are over the same
stretch of what the fleet does."""
_P99_GOALS_MS = {"2000": 50.0, "10000": 100.0}

Round = Mapping[str, Rate]
"""What was measured one after the other, by name."""


@dataclass(frozen=True, slots=True)
class Floor:
    """Something promised, and what came of it."""

    what: str
    measured: float
    at_least: float

    @property
    def ok(self) -> bool:
        """Whether the promise was kept."""
        return self.measured >= self.at_least


def pings_per_s(rounds: Sequence[Round], name: str) -> float:
    """The median of the rounds."""
    return median(each[name].pings_per_s for each in rounds)


def relative(rounds: Sequence[Round], name: str, to: str) -> float:
    """How fast one is as a part of another: the median of each round's own part.

    What else the machine does changes from minute to minute; two neighbours of one round share it.
    """
    return median(each[name].pings_per_s / each[to].pings_per_s for each in rounds)


def floors(rounds: Sequence[Round], geofences: Mapping[str, Any]) -> list[Floor]:
    """The floors that these rounds, and what `bench.geofences` found, can be held against."""
    promised = (
        ("1,000 fences, of the bare loop", "1000", BARE, 0.15),
        ("10,000 sparse fences, of 100", "10000", "100", 0.70),
        ("100,000 vehicles, of 10,000", MANY, FEW, 0.80),
    )
    found = [
        Floor(what, relative(rounds, name, to), least)
        for what, name, to, least in promised
        if all(name in each and to in each for each in rounds)
    ]
    return [*found, *_geofence_floors(geofences)] if geofences else found


def _geofence_floors(found: Mapping[str, Any]) -> list[Floor]:
    """With a margin of two and more: what is held against each other shares a run, and not always a minute."""
    sparse, dense = found["sparse"], found["dense"]
    return [
        Floor("a point at 1,000 sparse fences, of an STRtree", sparse["1000"]["of_strtree"], 2.0),
        Floor("a point at 10,000 dense fences, of an STRtree", dense["10000"]["of_strtree"], 1.5),
        Floor("10,000 sparse fences, of 1,000, alone", sparse["1000"]["match_ns"] / sparse["10000"]["match_ns"], 0.3),
        Floor("beside a fence of 10,000 vertices, of without it", found["large"]["ratio"], 0.5),
    ]


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure that stands alone, in its unit, and what is aimed at; None: nothing yet."""

    what: str
    figure: float
    unit: str
    goal: float | None = None
    is_least: bool = False
    """The goal is the least that it should be, not the most."""

    @property
    def ok(self) -> bool | None:
        """Whether it is as it should be."""
        if self.goal is None:
            return None
        return self.figure >= self.goal if self.is_least else self.figure < self.goal


def facts(document: Mapping[str, Any]) -> list[Fact]:
    """What a document tells beside its table."""
    found = [
        Fact(f"p99 append to readable, {int(rate):,}/s, {int(count):,} fences", latency["p99_ms"], "ms", goal)
        for rate, goal in _P99_GOALS_MS.items()
        for count, one in document["monitor"].items()
        for latency in [one.get("latency", {}).get(rate)]
        if latency is not None
    ]
    if "transactions" in document:
        ratio = document["transactions"]["ratio"]
        found.append(Fact("throughput with transactions, of that without", ratio, "", 0.85, is_least=True))
    if "recovery" in document:
        recovery = document["recovery"]
        vehicles = f"{recovery['vehicles']:,} vehicles"
        # What the goal was set for; fewer are only a rough look.
        goal = 15.0 if recovery["vehicles"] == 100_000 else None
        found += [
            Fact(f"recovery of {vehicles}, from assignment", recovery["from_assignment_s"], "s", goal),
            Fact(f"recovery of {vehicles}, from start of the process", recovery["start_s"], "s"),
            Fact("a snapshot, from engine to bytes", recovery["snapshot_us"], "µs"),
        ]
    for event, pause in document.get("rebalance", {}).items():
        found += [
            Fact(f"{event}: pause of partitions that stay", pause["stayed_ms"], "ms"),
            Fact(f"{event}: pause of partitions that move", pause["moved_ms"], "ms"),
        ]
    return [*found, *_geofence_facts(document["geofences"])] if "geofences" in document else found


def _geofence_facts(found: Mapping[str, Any]) -> list[Fact]:
    return [
        Fact("a point at 1,000 sparse fences", found["sparse"]["1000"]["match_ns"] / 1_000.0, "µs", 1.0),
        Fact("a point in or near a fence of 10,000 vertices", found["large"]["match_there_ns"] / 1_000.0, "µs"),
        Fact("the same, judged with its accuracy", found["large"]["judge_there_ns"] / 1_000.0, "µs"),
    ]


def figures(rounds: Sequence[Round], extra: Mapping[str, Mapping[str, Any]], once: Mapping[str, Any]) -> dict[str, Any]:
    """The document of `build/bench.json`. `extra`: latency and bytes, by number of fences; `once`: what has no rounds."""
    counts = sorted(rounds[0].keys() - {BARE, FEW, MANY, WITHOUT}, key=int)
    document: dict[str, Any] = {
        "bare_loop_pings_per_s": round(pings_per_s(rounds, BARE)),
        "monitor": {
            count: {
                **_rates(rounds, count),
                "ratio": round(relative(rounds, count, BARE), 3),
                **extra.get(count, {}),
            }
            for count in counts
        },
    }
    if MANY in rounds[0]:
        ratio = round(relative(rounds, MANY, FEW), 3)
        document["vehicles"] = {
            "10000": _rates(rounds, FEW),
            "100000": {**_rates(rounds, MANY), "ratio": ratio},
        }
    if WITHOUT in rounds[0]:
        ratio = round(relative(rounds, "1000", WITHOUT), 3)
        document["transactions"] = {
            "with": _rates(rounds, "1000"),
            "without": _rates(rounds, WITHOUT),
            "ratio": ratio,
        }
    document |= once
    document["goals"] = [{**asdict(fact), "ok": fact.ok} for fact in facts(document)]
    document["floors"] = [{**asdict(floor), "ok": floor.ok} for floor in floors(rounds, document.get("geofences", {}))]
    document["rounds"] = [
        {name: {part: round(value) for part, value in rate._asdict().items()} for name, rate in each.items()}
        for each in rounds
    ]
    return document


def _rates(rounds: Sequence[Round], name: str) -> dict[str, int]:
    per_cpu_s = median(each[name].pings_per_cpu_s for each in rounds)
    return {"pings_per_s": round(pings_per_s(rounds, name)), "pings_per_cpu_s": round(per_cpu_s)}


def rows(document: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The table of a document, heading first."""
    rates = sorted({int(rate) for one in document["monitor"].values() for rate in one.get("latency", {})})
    heading = ("", "pings/s", "of bare", "pings/CPU s", *(f"p50/p99 ms at {rate:,}/s" for rate in rates))
    table = [(*heading, "bytes a vehicle"), ("bare loop", f"{document['bare_loop_pings_per_s']:,}")]
    for count, one in document["monitor"].items():
        latency = (one.get("latency", {}).get(str(rate), {}) for rate in rates)
        table.append(
            (
                f"{int(count):,} fences",
                f"{one['pings_per_s']:,}",
                f"{one['ratio']:.3f}",
                f"{one['pings_per_cpu_s']:,}",
                *(f"{found['p50_ms']:g} / {found['p99_ms']:g}" if found else "" for found in latency),
                f"{one['bytes_per_vehicle']:,} JSON, {one['python_bytes_per_vehicle']:,} Python"
                if "bytes_per_vehicle" in one
                else "",
            )
        )
    if "transactions" in document:
        plain = document["transactions"]["without"]
        table.append(("without transactions", f"{plain['pings_per_s']:,}", "", f"{plain['pings_per_cpu_s']:,}"))
    if "vehicles" in document:
        for vehicles, one in document["vehicles"].items():
            what = f"{int(vehicles):,} vehicles, 1,000 fences"
            table.append((what, f"{one['pings_per_s']:,}", "", f"{one['pings_per_cpu_s']:,}"))
    return table


def geofence_rows(document: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The table of fences alone, heading first; none where they were not measured."""
    found = document.get("geofences")
    if not found:
        return []
    table: list[tuple[str, ...]] = [("ns a point", "hits a point", "match", "of an STRtree", "judge", "with distances")]
    table += [
        (
            f"{int(count):,} {kind} fences",
            f"{one['hits_per_point']:.2f}",
            f"{one['match_ns']:,}",
            f"{one['of_strtree']:.1f}",
            f"{one['judge_ns']:,}",
            f"{one['distances_ns']:,}",
        )
        for kind in ("sparse", "dense")
        for count, one in found[kind].items()
    ]
    large = found["large"]
    table += [
        ("1,000 sparse, these points", "", f"{large['without_ns']:,}", "", f"{large['judge_without_ns']:,}", ""),
        ("and a fence of 10,000 vertices", "", f"{large['with_ns']:,}", "", f"{large['judge_with_ns']:,}", ""),
        ("in or near that fence", "", f"{large['match_there_ns']:,}", "", f"{large['judge_there_ns']:,}", ""),
    ]
    return table
