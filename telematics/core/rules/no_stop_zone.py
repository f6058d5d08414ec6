"""no_stop_zone: stopped in a no-stop zone (parada prohibida)."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from geofences.model import FenceKind
from geofences.transitions import ENDINGS
from telematics.core.rules import standing
from telematics.core.rules.base import RuleParams, Subject, Trigger, Verdict
from telematics.model import Severity

if TYPE_CHECKING:
    from geofences.model import Fence
    from telematics.core.facts import Facts


class NoStopZoneParams(RuleParams):
    """When a stand in a no-stop zone counts."""

    stopped_s: float = Field(60, gt=0, description="standing this long inside the zone (or two reporting intervals)")


class NoStopZone(standing.StopRule):
    """A truck stands in a fence of kind `no_stop`: within 100 m for 60 s, measured from fix to fix.

    The stand is back-dated to its first fix inside the zone. It is over 200 m away from there. Places do not excuse it:
    a no-stop zone is drawn where nothing excuses standing. Of a zone with a schedule only standing in its hours counts.
    """

    id: ClassVar[str] = "no_stop_zone"
    remembers: ClassVar[Any] = tuple[float, float]
    subject: ClassVar[Subject] = Subject.FENCE
    triggers: ClassVar[int] = Trigger.STANDING | Trigger.MEMORY | Trigger.VISITS
    Params: ClassVar[type[RuleParams]] = NoStopZoneParams

    def __init__(self, params: NoStopZoneParams) -> None:
        self.params = params

    def is_wanted_by(self, fence: Fence) -> bool:
        return fence.kind is FenceKind.NO_STOP

    def on_facts(self, facts: Facts) -> None:
        state, scope = facts.state, facts.scope
        for fence_id in [subject for rule, subject in state.episodes if rule == self.id]:
            if standing.is_over(facts, self, fence_id):
                standing.end(facts, self, fence_id, fence=scope.number_of.get(fence_id))
        for change in facts.visits:
            if change.by in ENDINGS:
                subject = scope.fences.fences[change.fence].id
                standing.end(facts, self, subject, event_time=change.ts, reason=change.reason, fence=change.fence)
        anchor = state.anchor
        if not facts.stopped_s or anchor is None:
            return
        for fence_id, number, visit in standing.no_stop_zones(facts):
            start = max(anchor.ts, visit.since)
            stopped_s = (facts.ts - start) / 1000.0
            needed_s = standing.needed_s(facts, self.params.stopped_s)
            if stopped_s < needed_s:
                facts.note(self, fence_id, Verdict.WAITING, stopped_s=stopped_s, needed_s=needed_s)
                continue
            if facts.episode(self, fence_id) is None:
                standing.begin(facts, self, fence_id)
            facts.raise_(
                self,
                fence_id,
                severity=Severity.HIGH,
                start=start,
                event_time=start + needed_s * 1000,
                known=(anchor if anchor.ts >= visit.since else visit).known,
                facts={"stopped_s": stopped_s, "interval_s": state.device.interval_s},
                thresholds={"stopped_s": needed_s, "stop_radius_m": scope.motion.stop_radius_m},
                fence=number,
            )

    def acts_after_s(self, facts: Facts) -> float:
        state, first_s = facts.state, inf
        anchor = state.anchor
        if self.id in state.remembering and anchor is not None:
            for (rule, _), episode in state.episodes.items():
                if rule == self.id and anchor.ts > episode.start:
                    return 0.0
        for fence_id, _, _ in standing.no_stop_zones(facts):
            if (self.id, fence_id) not in state.episodes:
                first_s = self.params.stopped_s
        return first_s

    def on_timer(self, facts: Facts, subject: str) -> None:
        """Sets no deadline."""
