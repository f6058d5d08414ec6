"""signal_lost: silent while moving (pérdida de señal)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from telematics.core.rules.base import RuleParams, Subject, Trigger, Verdict
from telematics.model import Severity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from telematics.core.facts import Facts, Scope
    from telematics.core.plain import PlainFixes
    from telematics.core.state import VehicleState


_KEY = ("signal_lost", "")
_UNARMED = float("nan")


class SignalLostParams(RuleParams):
    """How long a silence lasts before it means something, on the arrival clock."""

    intervals: float = Field(2, gt=0, description="hint after this many reporting intervals …")
    slack_s: float = Field(60, ge=0, description="… and this long on top")
    warning_s: float = Field(300, gt=0, description="warning after this long, never before the hint")
    high_s: float = Field(600, gt=0, description="high after this long, never before twice the hint")
    risky_factor: float = Field(0.5, gt=0, le=1, description="all of these times this, in risky corridors")
    risk: int = Field(4, ge=1, le=5, description="corridors of this risk and above are risky")
    crossings: float = Field(1.5, ge=0, description="in a known dead zone, counting starts after its usual time x this")
    parked_s: float = Field(600, ge=0, description="with the ignition off this long before, silence means nothing")


class SignalLost:
    """A truck falls silent that was moving or had its ignition on: hint, warning after 5 min, high after 10.

    All times are halved in corridors of risk 4 and 5. In a known dead zone (or its approach) counting starts only
    after 1.5 times its usual crossing time: a dead zone delays the rule, it never switches it off. The first live fix
    ends it.
    """

    id: ClassVar[str] = "signal_lost"
    remembers: ClassVar[Any] = None
    subject: ClassVar[Subject] = Subject.NONE
    triggers: ClassVar[int] = Trigger.HEARD
    watches: ClassVar[int] = 3
    Params: ClassVar[type[RuleParams]] = SignalLostParams

    def __init__(self, params: SignalLostParams) -> None:
        self.params = params

    def on_facts(self, facts: Facts) -> None:
        state = facts.state
        live_fix = facts.triggers & Trigger.FIX and facts.ping is not None and not facts.ping.buffered
        if state.episodes and live_fix:
            facts.clear(self, event_time=facts.ts, reason="live fix")
        fix = state.fix
        # Whether a silence from now on would mean anything: the truck moved or its ignition was on.
        if fix is None or (state.ignition is not True and fix.speed_kmh <= facts.scope.motion.moving_kmh):
            facts.note(self, "", Verdict.QUIET, because="stands with the ignition off or unknown")
            facts.disarm(self)
        elif state.ignition is False and facts.ts - state.ignition_ts >= self.params.parked_s * 1000:
            facts.note(self, "", Verdict.HELD, by="ignition off")
            facts.disarm(self)
        else:
            facts.scope.timers.arm(state, _KEY, self.due(facts.scope, state))

    def watch(self, facts: Facts) -> tuple[float, ...] | None:
        state = facts.state
        if _KEY in state.episodes:
            return None
        return state.deadlines.get(_KEY, _UNARMED), self._factor(state), self._head_start_ms(facts.scope, state)

    def indifferent(self, scope: Scope, fixes: PlainFixes, watched: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Armed for a silence that did not come, and early enough for the next; or not armed, with no reason to be."""
        due = watched[:, 0]
        moves = fixes.speed_kmh > scope.motion.moving_kmh
        former = self._due_after(fixes.before_at, fixes.before_interval_s, watched)
        following = self.due_after(fixes, watched)
        armed = (fixes.ignition == 1) | (np.isnan(fixes.ignition) & moves)
        armed &= (former > fixes.at) & (np.maximum(due, former) <= following)
        return np.asarray(armed | (np.isnan(due) & (fixes.ignition != 1) & ~moves), dtype=bool)

    def due_after(self, fixes: PlainFixes, watched: NDArray[np.float64]) -> NDArray[np.float64]:
        """`due`, once the vehicles have been heard with these fixes; NaN where it is not armed."""
        return np.where(np.isnan(watched[:, 0]), _UNARMED, self._due_after(fixes.at, fixes.interval_s, watched))

    def _due_after(
        self, heard_at: NDArray[np.float64], interval_s: NDArray[np.float64], watched: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        _, factor, head_start_ms = watched.T
        return np.asarray(heard_at + np.rint(self._hint_s(factor, interval_s) * 1000) + head_start_ms)

    def due(self, scope: Scope, state: VehicleState) -> int:
        """When the silence since the last ping is told for the first time."""
        due = state.device.heard_at + self._hint_ms(state)
        return due if state.dead_zone is None else due + self._head_start_ms(scope, state)

    def on_timer(self, facts: Facts, subject: str) -> None:
        scope, state = facts.scope, facts.state
        silent_ms = facts.at - state.device.heard_at
        counted_ms = silent_ms - self._head_start_ms(scope, state)
        stages = self._stages_ms(state)
        reached = [(severity, after) for severity, after in stages if counted_ms >= after]
        if reached:
            severity, after_ms = reached[-1]
            self._raise(facts, severity, after_ms, silent_ms)
        for _, after in stages:
            if after > counted_ms:
                facts.arm(self, "", facts.at + after - counted_ms)
                break

    def _raise(self, facts: Facts, severity: Severity, after_ms: int, silent_ms: int) -> None:
        state, device = facts.state, facts.state.device
        zone = state.dead_zone
        fix = state.fix
        evidence: dict[str, Any] = {
            "silent_s": silent_ms / 1000.0,
            "interval_s": device.interval_s,
            "risk": state.risk,
            "ignition": state.ignition,
            "last_speed_kmh": None if fix is None else fix.speed_kmh,
            "dead_zone": None if zone is None else facts.scope.fences.fences[zone].id,
        }
        facts.raise_(
            self,
            severity=severity,
            start=device.last_ts,
            event_time=device.last_ts + after_ms + self._head_start_ms(facts.scope, state),
            facts=evidence,
            thresholds={
                "silent_s": after_ms / 1000.0,
                "head_start_s": self._head_start_ms(facts.scope, state) / 1000.0,
            },
            fence=zone if zone is not None else state.corridor,
            args={"silent_s": silent_ms / 1000.0},
        )

    def _factor(self, state: VehicleState) -> float:
        return self.params.risky_factor if state.risk >= self.params.risk else 1.0

    def _hint_ms(self, state: VehicleState) -> int:
        hint_ms: int = round(self._hint_s(self._factor(state), state.device.interval_s) * 1000)
        return hint_ms

    def _hint_s(self, factor: Any, interval_s: Any) -> Any:
        """Numbers or columns of them."""
        return factor * (self.params.intervals * interval_s + self.params.slack_s)

    def _stages_ms(self, state: VehicleState) -> tuple[tuple[Severity, int], ...]:
        params = self.params
        k = self._factor(state)
        hint = self._hint_ms(state)
        # A device that reports rarely must not be called lost before its next report is due.
        return (
            (Severity.HINT, hint),
            (Severity.WARNING, max(round(k * params.warning_s * 1000), hint)),
            (Severity.HIGH, max(round(k * params.high_s * 1000), 2 * hint)),
        )

    def _head_start_ms(self, scope: Scope, state: VehicleState) -> int:
        if state.dead_zone is None:
            return 0
        usual_s = scope.fences.fences[state.dead_zone].usual_crossing_s or 0.0
        return round(self.params.crossings * usual_s * 1000)
