"""Drive a plan into files or Kafka, count what went out, and show how far it is."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from simulators.emit.kafka import Kafka
from simulators.emit.pace import Pace
from simulators.fleet import FleetPlan, records
from simulators.merge import Kind, Record
from telematics.instants import format_rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from simulators.emit.files import Files

SHOWN_EVERY = 2_000


@dataclass(slots=True)
class Summary:
    """What a run sent, and how long it took."""

    plan: FleetPlan
    counts: Counter[Kind] = field(default_factory=Counter)
    until_ms: int = 0
    _began_s: float = field(default_factory=monotonic)

    def add(self, record: Record) -> None:
        """Count one record."""
        self.counts[record.kind] += 1
        self.until_ms = record.arrival

    def document(self) -> dict[str, Any]:
        """Return the summary as the command prints it."""
        seconds = monotonic() - self._began_s
        return {
            "vehicles": self.plan.vehicles,
            "seed": self.plan.seed,
            "pings": self.counts[Kind.PING],
            "ticks": self.counts[Kind.TICK],
            "trips": self.counts[Kind.TRIP],
            "truths": self.counts[Kind.TRUTH],
            "partitions": self.plan.partitions,
            "from": format_rfc3339(self.plan.start_ms),
            "until": format_rfc3339(self.until_ms or self.plan.start_ms),
            "seconds": round(seconds, 3),
            "pings_per_s": round(self.counts[Kind.PING] / max(seconds, 1e-9)),
        }


def run_to_files(plan: FleetPlan, files: Files) -> Summary:
    """Write a plan that ends to files, as fast as it goes."""
    summary = Summary(plan)
    with files, _progress(plan) as shown:
        for record in records(plan):
            files.write(record)
            summary.add(record)
            shown(record)
    return summary


async def run_to_kafka(plan: FleetPlan, bootstrap: str, prefix: str, speed: float, files: Files) -> Summary:
    """Send a plan to Kafka at `speed` times real time; trips and truth also go to files that want them.

    The number of partitions is the topic's, whatever the plan says. Ctrl-C or SIGTERM ends it in order.
    """
    with files:
        async with Kafka(bootstrap, prefix) as kafka:
            plan = replace(plan, partitions=await kafka.partitions())
            summary = Summary(plan)
            with _progress(plan) as shown, _ends_when_asked():
                pace = Pace(plan.start_ms, speed)
                for record in records(plan):
                    await pace.until(record.arrival)
                    await kafka.write(record)
                    files.write(record)
                    summary.add(record)
                    shown(record)
            await kafka.flush()
    return summary


@contextmanager
def _ends_when_asked() -> Iterator[None]:
    """End the block, and no more than the block, at Ctrl-C (asyncio cancels the task) or SIGTERM."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None  # noqa: S101  # a coroutine runs in a task
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        with suppress(asyncio.CancelledError):
            yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


@contextmanager
def _progress(plan: FleetPlan) -> Iterator[Callable[[Record], None]]:
    """Show simulated time on a terminal; be quiet in a pipe."""
    if not sys.stderr.isatty():
        yield lambda _record: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("simulating", total=plan.duration_ms)
        pings = 0

        def shown(record: Record) -> None:
            nonlocal pings
            pings += record.kind is Kind.PING
            if pings % SHOWN_EVERY == 0:
                at = format_rfc3339(record.arrival)[:19]
                progress.update(task, completed=record.arrival - plan.start_ms, description=f"{at} {pings:,} pings")

        yield shown
