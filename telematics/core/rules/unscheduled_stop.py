"""unscheduled_stop: a stop that is not in the plan (parada no programada)."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from telematics.core.rules import standing
from telematics.core.rules.base import RuleParams, Subject, Trigger, Verdict
from telematics.model import Severity

if TYPE_CHECKING:
    from telematics.core.facts import Facts


class UnscheduledStopParams(RuleParams):
    """When a stand outside the plan counts."""

    federal_road_s: float = Field(360, gt=0, description="standing this long on a federal road (any corridor)")
    elsewhere_s: float = Field(900, gt=0, description="standing this long anywhere else")
    stricter_from_risk: int = Field(4, ge=1, le=5, description="from this corridor risk on, risk_stop judges instead")


class UnscheduledStop(standing.StopRule):
    """A truck stands outside any place and any planned stop: 6 min on a federal road, 15 min elsewhere.

    A federal road is the inside of any high-risk corridor. Where a stricter rule judges the stop (a no-stop zone, a
    corridor of risk 4 or 5) this one is silent.
    """

    id: ClassVar[str] = "unscheduled_stop"
    remembers: ClassVar[Any] = tuple[float, float]
    subject: ClassVar[Subject] = Subject.NONE
    triggers: ClassVar[int] = Trigger.STANDING | Trigger.MEMORY
    Params: ClassVar[type[RuleParams]] = UnscheduledStopParams

    def __init__(self, params: UnscheduledStopParams) -> None:
        self.params = params

    def on_facts(self, facts: Facts) -> None:
        state, params = facts.state, self.params
        if (self.id, "") in state.episodes and standing.is_over(facts, self):
            standing.end(facts, self)
        anchor = state.anchor
        if not facts.stopped_s or anchor is None:
            return
        on_federal_road = state.corridor is not None
        needed_s = standing.needed_s(facts, params.federal_road_s if on_federal_road else params.elsewhere_s)
        if facts.stopped_s < needed_s:
            facts.note(self, "", Verdict.WAITING, stopped_s=facts.stopped_s, needed_s=needed_s)
            return
        held_by = self._stricter_rule(facts) or standing.excuse(facts)
        if held_by is not None:
            facts.note(self, "", Verdict.HELD, by=held_by, stopped_s=facts.stopped_s)
            return
        if facts.episode(self) is None:
            standing.begin(facts, self)
        facts.raise_(
            self,
            severity=Severity.WARNING,
            start=anchor.ts,
            event_time=anchor.ts + needed_s * 1000,
            known=anchor.known,
            facts={
                "stopped_s": facts.stopped_s,
                "federal_road": on_federal_road,
                "trip": None if state.trip is None or state.trip.trip is None else state.trip.trip.id,
                "interval_s": state.device.interval_s,
            },
            thresholds={"stopped_s": needed_s},
            fence=state.corridor,
        )

    def acts_after_s(self, facts: Facts) -> float:
        anchor, episode = facts.state.anchor, facts.episode(self)
        if episode is not None:
            return 0.0 if anchor is not None and anchor.ts > episode.start else inf
        if self._stricter_rule(facts) is not None or standing.is_excused(facts):
            return inf
        on_federal_road = facts.state.corridor is not None
        return self.params.federal_road_s if on_federal_road else self.params.elsewhere_s

    def _stricter_rule(self, facts: Facts) -> str | None:
        state = facts.state
        if state.risk >= self.params.stricter_from_risk:
            return "risk_stop judges here"
        if ("risk_stop", "") in state.episodes:
            return "risk_stop has told of it"  # a fix may drift out of the corridor
        return "no_stop_zone judges here" if standing.no_stop_zones(facts) else None

    def on_timer(self, facts: Facts, subject: str) -> None:
        """Sets no deadline."""
