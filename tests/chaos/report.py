"""What came of a run: the figures of `build/chaos.json`, and whether they will do. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.chaos.faults import Deed, Extent, Point
from tests.chaos.judge import Verdict


@dataclass(frozen=True, slots=True)
class Judged:
    """One kind of output against what it was held against: how much was expected, and the verdict."""

    expected: int
    verdict: Verdict

    def document(self) -> dict[str, int]:
        """As it stands in the file."""
        return {"expected": self.expected, **self.verdict.counts()}


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was counted. `undisturbed` is of a monitor that nobody disturbed, where there was one."""

    seed: int
    extent: Extent
    inputs: int
    done: Mapping[Deed, int]
    points: Mapping[tuple[Point, Deed], int]
    broker_restarts: int
    alerts: Judged
    dead_letters: Judged
    undisturbed: Judged | None
    problems: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """The figures."""
        points: Counter[Point] = Counter()
        for (point, _), times in self.points.items():
            points[point] += times
        return {
            "ok": self.ok,
            "seed": self.seed,
            "kills": self.done.get(Deed.KILL, 0),
            "pauses": self.done.get(Deed.PAUSE, 0),
            "cuts": self.done.get(Deed.CUT, 0),
            "clock_steps": self.done.get(Deed.CLOCK, 0),
            "leaves": self.done.get(Deed.LEAVE, 0),
            "joins": self.done.get(Deed.JOIN, 0),
            "published_sets": self.done.get(Deed.PUBLISH, 0),
            "broker_restarts": self.broker_restarts,
            "fault_points": {point.value: points[point] for point in Point},
            "inputs": self.inputs,
            "alerts_expected": self.alerts.expected,
            **self.alerts.verdict.counts(),
            "dead_letters": self.dead_letters.document(),
            "undisturbed_monitor": None if self.undisturbed is None else self.undisturbed.document(),
            "problems": [*self.problems, *self.shortfalls()],
        }

    def shortfalls(self) -> list[str]:
        """What was to be done and was not; a run that disturbs less proves less."""
        done = {**self.done, Deed.BROKER: self.broker_restarts}
        few = [
            f"{deed}: {done.get(deed, 0)} of {self.extent.asked(deed)}"
            for deed in Deed
            if done.get(deed, 0) < self.extent.asked(deed)
        ]
        hit = {point for (point, _), times in self.points.items() if times}
        return [*few, *(f"no commit failed at {point}" for point in Point if point not in hit)]

    @property
    def ok(self) -> bool:
        """Whether nothing is to be complained of, neither in the product nor in the run."""
        judged = (self.alerts, self.dead_letters, self.undisturbed)
        fair = all(one is None or (one.verdict and one.expected > 0) for one in judged)
        return fair and not self.problems and not self.shortfalls()

    def rows(self) -> list[tuple[str, str]]:
        """The figures as a short table."""
        document = self.document()
        points = ", ".join(f"{point} {times}" for point, times in document["fault_points"].items())
        verdicts = [
            (what, ", ".join(f"{name} {number:,}" for name, number in judged.document().items()))
            for what, judged in (
                ("alerts", self.alerts),
                ("dead letters", self.dead_letters),
                ("undisturbed monitor", self.undisturbed),
            )
            if judged is not None
        ]
        disturbed = ("kills", "pauses", "cuts", "clock_steps", "leaves", "joins", "published_sets", "broker_restarts")
        return [
            ("seed", str(self.seed)),
            *((name.replace("_", " "), str(document[name])) for name in disturbed),
            ("inside commits", points),
            ("inputs", f"{self.inputs:,}"),
            *verdicts,
            *(("PROBLEM", text) for text in document["problems"]),
        ]
