"""risk_stop: stopped in a high-risk corridor (parada en zona de riesgo)."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from telematics.core.rules import standing
from telematics.core.rules.base import RuleParams, Subject, Trigger, Verdict
from telematics.model import Severity

if TYPE_CHECKING:
    from telematics.core.facts import Facts


class RiskStopParams(RuleParams):
    """When a stand in a risky corridor counts."""

    risk: int = Field(4, ge=1, le=5, description="corridors of this risk and above")
    stopped_s: float = Field(180, gt=0, description="standing this long (or two reporting intervals): warning")
    high_s: float = Field(600, gt=0, description="standing this long: high")


class RiskStop(standing.StopRule):
    """A truck stands where trucks are robbed: in a corridor of risk 4 or 5, off any place, for 3 min; high after 10.

    Standing is staying within 100 m, back-dated to its first fix; it is over 200 m away. A depot, customer, workshop,
    toll, border, inspection, port or authorised stop explains it, and so does a stop that the trip plans here and now.
    """

    id: ClassVar[str] = "risk_stop"
    remembers: ClassVar[Any] = tuple[float, float]
    subject: ClassVar[Subject] = Subject.NONE
    triggers: ClassVar[int] = Trigger.STANDING | Trigger.MEMORY
    Params: ClassVar[type[RuleParams]] = RiskStopParams

    def __init__(self, params: RiskStopParams) -> None:
        self.params = params

    def on_facts(self, facts: Facts) -> None:
        state, params = facts.state, self.params
        if (self.id, "") in state.episodes and standing.is_over(facts, self):
            standing.end(facts, self)
        anchor, corridor = state.anchor, state.corridor
        if not facts.stopped_s or anchor is None or corridor is None or state.risk < params.risk:
            return
        warning_s = standing.needed_s(facts, params.stopped_s)
        high_s = max(params.high_s, warning_s)
        if facts.stopped_s < warning_s:
            facts.note(self, "", Verdict.WAITING, stopped_s=facts.stopped_s, needed_s=warning_s)
            return
        excuse = standing.excuse(facts)
        if excuse is not None:
            facts.note(self, "", Verdict.HELD, by=excuse, stopped_s=facts.stopped_s)
            return
        is_high = facts.stopped_s >= high_s
        if facts.episode(self) is None:
            standing.begin(facts, self)
        facts.raise_(
            self,
            severity=Severity.HIGH if is_high else Severity.WARNING,
            start=anchor.ts,
            event_time=anchor.ts + (high_s if is_high else warning_s) * 1000,
            known=anchor.known,
            facts={"stopped_s": facts.stopped_s, "risk": state.risk, "interval_s": state.device.interval_s},
            thresholds={"stopped_s": warning_s, "high_s": high_s, "risk": params.risk},
            fence=corridor,
        )

    def acts_after_s(self, facts: Facts) -> float:
        state, params = facts.state, self.params
        anchor, episode = state.anchor, facts.episode(self)
        if episode is not None and anchor is not None and anchor.ts > episode.start:
            return 0.0
        if state.corridor is None or state.risk < params.risk or standing.is_excused(facts):
            return inf
        if episode is None:
            return params.stopped_s
        return inf if episode.severity >= Severity.HIGH else params.high_s

    def on_timer(self, facts: Facts, subject: str) -> None:
        """Sets no deadline."""
