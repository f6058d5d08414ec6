"""geofence_dwell: too long in a fence (permanencia)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from geofences.model import Detect
from geofences.transitions import State
from telematics.core.rules.base import RuleParams, Subject, Trigger
from telematics.model import Severity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geofences.model import Fence
    from telematics.core.facts import Facts, Scope
    from telematics.core.plain import PlainFixes


ASK_AGAIN_MS = 60_000
_NEVER = float("inf")


class GeofenceDwellParams(RuleParams):
    """Nothing to set but `enabled`; each fence says how long is too long (`dwell_s`)."""


class GeofenceDwell:
    """The truck has been inside a fence that detects `dwell` for `dwell_s`; said when due, even if it is silent by then.

    It ends when the truck has left (see geofence_exit), or the fence fell asleep, changed or went.
    """

    id: ClassVar[str] = "geofence_dwell"
    remembers: ClassVar[Any] = int
    subject: ClassVar[Subject] = Subject.FENCE
    triggers: ClassVar[int] = Trigger.VISITS | Trigger.MEMORY
    watches: ClassVar[int] = 1
    Params: ClassVar[type[RuleParams]] = GeofenceDwellParams

    # Memory per fence, until the dwell is raised or the truck has left: when the visit began.

    def __init__(self, params: GeofenceDwellParams) -> None:
        self.params = params

    def is_wanted_by(self, fence: Fence) -> bool:
        return Detect.DWELL in fence.detect and fence.dwell_s is not None

    def on_facts(self, facts: Facts) -> None:
        for change in facts.visits:
            fence = facts.scope.fences.fences[change.fence]
            if not self.is_wanted_by(fence):
                continue
            if change.entered and fence.id in facts.state.visits:
                facts.remember(self, fence.id, change.since)
                facts.arm(self, fence.id, change.since_at + (fence.dwell_s or 0.0) * 1000)
            elif not change.entered:
                facts.forget(self, fence.id)
                facts.disarm(self, fence.id)
                facts.clear(self, fence.id, event_time=change.ts, reason=change.reason, fence=change.fence)
        # A burst of stored fixes may show the dwell before the arrival clock does.
        if facts.triggers & Trigger.FIX:
            for fence_id in [subject for rule, subject in facts.state.memory if rule == self.id]:
                visit, drawn = facts.state.visits.get(fence_id), facts.scope.fence(fence_id)
                if visit is None or visit.state != State.INSIDE or drawn is None or drawn.dwell_s is None:
                    continue
                if facts.ts - visit.since >= drawn.dwell_s * 1000:
                    facts.disarm(self, fence_id)
                    self._raise(facts, fence_id, confirmed_by="fix")

    def watch(self, facts: Facts) -> tuple[float, ...] | None:
        """From when on by the device's clock a fix may show the dwell."""
        state, scope = facts.state, facts.scope
        shown = _NEVER
        for rule, fence_id in state.memory if self.id in state.remembering else ():
            if rule == self.id and fence_id in state.visits:
                dwell_s = scope.fences.fences[scope.number_of[fence_id]].dwell_s or 0.0
                shown = min(shown, state.visits[fence_id].since + dwell_s * 1000)
        return (shown,)

    def indifferent(self, scope: Scope, fixes: PlainFixes, watched: NDArray[np.float64]) -> NDArray[np.bool_]:
        """No dwell is long enough yet."""
        return np.asarray(fixes.ts < watched[:, 0], dtype=bool)

    def on_timer(self, facts: Facts, subject: str) -> None:
        visit = facts.state.visits.get(subject)
        if visit is None:
            return
        if visit.state == State.LEAVING:
            # Perhaps it has left already: the next fixes tell, so ask again when they are in.
            facts.arm(self, subject, facts.at + ASK_AGAIN_MS)
        else:
            self._raise(facts, subject, confirmed_by="clock")

    def _raise(self, facts: Facts, fence_id: str, confirmed_by: str) -> None:
        facts.forget(self, fence_id)
        visit = facts.state.visits[fence_id]
        number = facts.scope.number_of[fence_id]
        fence = facts.scope.fences.fences[number]
        dwell_ms = (fence.dwell_s or 0.0) * 1000
        facts.raise_(
            self,
            fence_id,
            severity=Severity(fence.severity),
            start=visit.since,
            event_time=visit.since + dwell_ms,
            known=visit.known,
            facts={"inside_since": visit.since, "confirmed_by": confirmed_by},
            thresholds={"dwell_s": fence.dwell_s},
            fence=number,
        )
