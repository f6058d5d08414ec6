"""`make bench`: how fast, how soon and how large, on a real broker, in one run; and fences alone. build/bench.json has it.

In each round the bare loop and the monitors follow each other over the same pings, so that they share what else the
machine does; a figure is the median of the rounds. Exit code 1 when a floor is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench.child import measure
from bench.load import PARTITIONS, Load, write_fences, write_load
from bench.monitor import bench_settings
from bench.report import BARE, FEW, MANY, WITHOUT, Fact, Round, facts, figures, floors, geofence_rows, rows
from bench.throughput import Rate
from telematics.stream import topics
from telematics.stream.local.broker import LocalBroker

OUT = Path("build/bench.json")
BOOTSTRAP_VARIABLE = "TELEMATICS_TEST_BOOTSTRAP"
CONVOY = 10
FENCES = 1_000
# A hundred thousand vehicles are measured over this many pings of each, and ten thousand over the same once more.
CONVOY_TURNS = 6


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured."""

    turns: int
    """Pings of each vehicle, on average, once all were heard."""
    rounds: int
    fences: tuple[int, ...]
    many: bool
    latency_fences: tuple[int, ...]
    latency_s: float
    recovered: int
    """Vehicles that a monitor has to know again."""
    rebalance: bool
    geofence_rounds: int
    rates: tuple[int, ...] = (2_000, 10_000)

    @property
    def steps(self) -> int:
        """Measurements in all, for the progress bar."""
        loads = 2 if self.many else 1
        latencies = len(self.latency_fences) * len(self.rates)
        rounds = self.rounds * (1 + len(self.fences) + 1 + 2 * self.many)
        return loads + rounds + len(self.fences) + latencies + 2 + self.rebalance


FULL = Extent(
    28,
    3,
    (100, 1_000, 10_000),
    many=True,
    latency_fences=(100, 1_000, 10_000),
    latency_s=6.0,
    recovered=100_000,
    rebalance=True,
    geofence_rounds=7,
)
QUICK = Extent(
    4,
    1,
    (100, 1_000, 10_000),
    many=False,
    latency_fences=(1_000,),
    latency_s=4.0,
    recovered=10_000,
    rebalance=False,
    geofence_rounds=3,
)


class Bench:
    """One run against one broker."""

    def __init__(self, bootstrap: str, folder: Path, extent: Extent, progress: Progress) -> None:
        self._bootstrap = bootstrap
        self._folder = folder
        self._extent = extent
        self._progress = progress
        self._task = progress.add_task("bench", total=extent.steps)
        self._prefixes: list[str] = []
        self.took_s: dict[str, float] = {}
        """How long each step took: where the bench's own time goes."""

    def run(self) -> tuple[list[Round], dict[str, dict[str, Any]], dict[str, Any]]:
        """The rounds; latency and bytes, by number of fences; what is measured once, by its name."""
        extent = self._extent
        try:
            for count in extent.fences:
                write_fences(self._fences(count), count)
            load = self._load("load", 1, extent.turns)
            many = self._load("many", CONVOY, CONVOY_TURNS) if extent.many else None
            rounds = [self._round(number, load, many) for number in range(extent.rounds)]
            extra: dict[str, dict[str, Any]] = {str(count): self._memory(load, count) for count in extent.fences}
            for count in extent.latency_fences:
                extra[str(count)]["latency"] = {str(rate): self._latency(load, count, rate) for rate in extent.rates}
            once = {"geofences": self._geofences(), "recovery": self._recovery()}
            if extent.rebalance:
                once["rebalance"] = self._rebalance(load)
            return rounds, extra, once
        finally:
            for prefix in self._prefixes:
                asyncio.run(topics.delete(bench_settings(self._bootstrap, prefix, "none")))

    @contextmanager
    def _step(self, what: str) -> Iterator[None]:
        self._progress.update(self._task, description=what)
        began = time.monotonic()
        yield
        self.took_s[what] = round(time.monotonic() - began, 1)
        self._progress.advance(self._task)

    def _fences(self, count: int) -> Path:
        return self._folder / f"fences-{count}.geojson"

    def _topics(self, name: str, profile: topics.Profile) -> str:
        prefix = f"bench-{os.getpid()}.{name}.{profile}."
        asyncio.run(topics.create(bench_settings(self._bootstrap, prefix, "none"), profile, PARTITIONS))
        self._prefixes.append(prefix)
        return prefix

    def _load(self, name: str, convoy: int, turns: int) -> Load:
        with self._step(f"simulating {10_000 * convoy:,} vehicles"):
            prefix = self._topics(name, topics.Profile.SIM)
            return asyncio.run(write_load(self._bootstrap, prefix, turns, convoy))

    def _round(self, number: int, load: Load, many: Load | None) -> Round:
        """What is held against each other is measured right after each other."""
        of = f"round {number + 1} of {self._extent.rounds}"
        found: dict[str, Rate] = {}
        with self._step(f"{of}: bare loop"):
            topic = f"{load.prefix}pings"
            asked = {"bootstrap": self._bootstrap, "topic": topic, "partitions": PARTITIONS, "pings": load.pings}
            found[BARE] = Rate(**measure("bench.bare", **asked))
        for count in sorted(self._extent.fences, key=lambda count: count != FENCES):
            with self._step(f"{of}: {count:,} fences"):
                found[str(count)] = self._monitor(load, f"{number}-{count}", count)
            if count == FENCES:
                with self._step(f"{of}: {WITHOUT}"):
                    found[WITHOUT] = self._monitor(load, f"{number}-without", transactions=False)
        if many is not None:
            with self._step(f"{of}: {load.vehicles:,} vehicles"):
                last = load.early + load.vehicles * CONVOY_TURNS
                found[FEW] = self._monitor(load, f"{number}-few", last=last)
            with self._step(f"{of}: {many.vehicles:,} vehicles"):
                found[MANY] = self._monitor(many, f"{number}-many")
        return found

    def _monitor(
        self, load: Load, group: str, fences: int = FENCES, *, transactions: bool = True, last: int | None = None
    ) -> Rate:
        found = measure(
            "bench.monitor",
            bootstrap=self._bootstrap,
            prefix=load.prefix,
            group=f"{load.prefix}{group}",
            fences=str(self._fences(fences)),
            steady_from=load.steady_from,
            last=last or load.pings,
            transactions=transactions,
        )
        return Rate(**found)

    def _memory(self, load: Load, fences: int) -> dict[str, Any]:
        with self._step(f"bytes a vehicle, {fences:,} fences"):
            path = str(self._fences(fences))
            return measure("bench.memory", bootstrap=self._bootstrap, prefix=load.prefix, fences=path)

    def _latency(self, load: Load, fences: int, rate: int) -> dict[str, Any]:
        with self._step(f"latency at {rate:,}/s, {fences:,} fences"):
            prefix = self._topics(f"latency-{fences}-{rate}", topics.Profile.LIVE)
            return measure(
                "bench.latency",
                bootstrap=self._bootstrap,
                prefix=prefix,
                load=load.prefix,
                fences=str(self._fences(fences)),
                rate=rate,
                seconds=self._extent.latency_s,
            )

    def _geofences(self) -> dict[str, Any]:
        with self._step("fences alone"):
            return measure("bench.geofences", rounds=self._extent.geofence_rounds)

    def _recovery(self) -> dict[str, Any]:
        with self._step(f"recovery of {self._extent.recovered:,} vehicles"):
            return measure(
                "bench.recovery",
                bootstrap=self._bootstrap,
                prefix=self._topics("recovery", topics.Profile.SIM),
                fences=str(self._fences(FENCES)),
                vehicles=self._extent.recovered,
            )

    def _rebalance(self, load: Load) -> dict[str, Any]:
        rate = self._extent.rates[0]
        with self._step(f"members come and go at {rate:,}/s"):
            return measure(
                "bench.rebalance",
                bootstrap=self._bootstrap,
                prefix=self._topics("rebalance", topics.Profile.LIVE),
                load=load.prefix,
                fences=str(self._fences(FENCES)),
                rate=rate,
            )


def main() -> int:
    """Measure, write, print; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="How fast, how soon and how large.")
    parser.add_argument("--quick", action="store_true", help="a rough look in about two minutes")
    extent = QUICK if parser.parse_args().quick else FULL
    # As Ctrl-C: the child that measures, the broker and the folder go with us.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(highlight=False)
    started, load_before = time.monotonic(), os.getloadavg()[0]
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with (
        Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress,
        tempfile.TemporaryDirectory(prefix="telematics-bench-") as folder,
        _broker() as bootstrap,
    ):
        bench = Bench(bootstrap, Path(folder), extent, progress)
        rounds, extra, once = bench.run()
    document = figures(rounds, extra, once)
    document["run"] = {
        "quick": extent is QUICK,
        "pings_per_vehicle": extent.turns,
        "seconds": round(time.monotonic() - started),
        "cores": os.cpu_count(),
        "load_average_before": round(load_before, 1),
        "python": platform.python_version(),
        "took_s": bench.took_s,
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    _print(console, document)
    for fact in facts(document):
        console.print(_told(fact))
    kept = floors(rounds, once["geofences"])
    for floor in kept:
        verdict = "PASS" if floor.ok else "FAIL"
        console.print(f"{verdict}  {floor.what}: {floor.measured:.3f}, at least {floor.at_least:.2f}")
    return 0 if all(floor.ok for floor in kept) else 1


def _print(console: Console, document: dict[str, Any]) -> None:
    for heading, *body in (rows(document), geofence_rows(document)):
        table = Table(*heading, box=None, title_justify="left")
        for row in body:
            table.add_row(*row)
        console.print(table)
    ran = document["run"]
    console.print(f"{OUT}; {ran['seconds']} s on {ran['cores']} cores, load before {ran['load_average_before']}")


def _told(fact: Fact) -> str:
    told = f"{fact.what}: {fact.figure:g} {fact.unit}".rstrip()
    if fact.goal is None:
        return told
    goal = f"{'at least' if fact.is_least else 'below'} {fact.goal:g} {fact.unit}".rstrip()
    return f"{told}; goal {goal}, {'met' if fact.ok else 'missed'}"


@contextmanager
def _broker() -> Iterator[str]:
    given = os.environ.get(BOOTSTRAP_VARIABLE)
    if given:
        yield given
        return
    with LocalBroker.temporary(sustained=True) as broker:
        yield broker.bootstrap


if __name__ == "__main__":
    sys.exit(main())
