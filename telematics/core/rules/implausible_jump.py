"""implausible_jump: a movement no truck makes (posición inverosímil)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from geofences.geodesy import distance_m
from telematics.core.rules.base import RuleParams, Subject, Trigger
from telematics.model import Severity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from telematics.core.facts import Facts, Scope
    from telematics.core.plain import NotedFix, PlainFixes
    from telematics.core.state import FixPoint, VehicleState

JUMP, ODOMETER = "position", "odometer"
_NO_BASE = (float("nan"),) * 5


class ImplausibleJumpParams(RuleParams):
    """When positions contradict themselves or the odometer. What a jump is, `quality` says."""

    consistent_fixes: int = Field(3, ge=1, description="so many believed fixes in a row end a jump")
    compare_over_m: float = Field(5000, gt=0, description="odometer and positions are compared over this distance")
    difference: float = Field(0.2, gt=0, lt=1, description="odometer and positions may differ by this share")


class ImplausibleJump:
    """A step faster than 150 km/h over at least 1 km: the fix is quarantined and recorded; three good fixes end it.

    Also, when the odometer disagrees with the positions by more than 20 % over 5 km: a warning. Positions moved and the
    odometer did not (the tracker rides on another vehicle), or the odometer moved and the positions did not (they are
    forged). It ends when 5 km agree again.
    """

    id: ClassVar[str] = "implausible_jump"
    remembers: ClassVar[Any] = {JUMP: int, ODOMETER: tuple[float, float, float, int, bool]}
    subject: ClassVar[Subject] = Subject.SOURCE
    triggers: ClassVar[int] = Trigger.JUMP | Trigger.FIX
    watches: ClassVar[int] = 5
    Params: ClassVar[type[RuleParams]] = ImplausibleJumpParams

    # Memory: JUMP: good fixes since the last jump; ODOMETER: [odometer_km, lon, lat, ts, known], where a comparison began.
    # It begins anew at every round kilometre of the odometer, so that a rebuilt engine soon compares as the old one did;
    # `known` is False for one that began with a truncated rebuild.

    def __init__(self, params: ImplausibleJumpParams) -> None:
        self.params = params
        self._round_km = 2 * params.compare_over_m / 1000.0

    def on_facts(self, facts: Facts) -> None:
        jumped, believed = facts.triggers & Trigger.JUMP, facts.triggers & Trigger.FIX
        if jumped and not believed:
            self._on_jump(facts)
            return
        good = facts.recall(self, JUMP)
        if good is not None:
            # Both triggers at once: the vehicle was believed to be elsewhere, on as many fixes that agree.
            good = self.params.consistent_fixes if jumped else good + 1
            facts.remember(self, JUMP, good)
            if good >= self.params.consistent_fixes:
                facts.clear(self, JUMP, event_time=facts.ts, reason="consistent fixes")
                facts.forget(self, JUMP)
        ping, fix = facts.ping, facts.state.fix
        if ping is None or fix is None or ping.odometer_km is None:
            return
        base = facts.recall(self, ODOMETER)
        if base is None or ping.odometer_km < base[0]:
            known = base is not None or facts.ts > facts.state.first_ts
            facts.remember(self, ODOMETER, [ping.odometer_km, fix.lon, fix.lat, facts.ts, known])
        else:
            self._compare(facts, fix, ping.odometer_km, base)

    def watch(self, facts: Facts) -> tuple[float, ...] | None:
        """Where the comparison with the odometer began; no jump may wait for its end."""
        state = facts.state
        if (self.id, JUMP) in state.memory:
            return None
        base_km, lon, lat, since, _ = state.memory.get((self.id, ODOMETER), _NO_BASE)
        return base_km, lon, lat, since, (self.id, ODOMETER) in state.episodes

    def indifferent(self, scope: Scope, fixes: PlainFixes, watched: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Odometer and position near where the comparison began, or certain to agree.

        Certain from degrees, of which none is longer than 111.7 km.
        """
        base_km, lon, lat, since, disagreed = watched.T
        at_most_m = 111_700.0 * np.hypot(fixes.lon - lon, fixes.lat - lat)
        driven_m = (fixes.odometer_km - base_km) * 1000.0
        near = np.maximum(at_most_m, driven_m) < self.params.compare_over_m
        stood = fixes.stands & (fixes.anchor_ts <= since)
        agrees = (driven_m >= (1 - self.params.difference) * at_most_m) & ~stood & (disagreed == 0)
        return np.asarray(np.isnan(fixes.odometer_km) | ((driven_m >= 0) & (near | agrees)), dtype=bool)

    def notes(self, fixes: PlainFixes, watched: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Another round kilometre of the odometer: the comparison begins anew."""
        rounds, before = fixes.odometer_km // self._round_km, watched[:, 0] // self._round_km
        return np.asarray((rounds != before) & ~np.isnan(rounds), dtype=bool)

    def note(self, state: VehicleState, fix: NotedFix) -> tuple[float, ...]:
        base = state.memory[self.id, ODOMETER]
        driven_m = (fix.odometer_km - base[0]) * 1000.0
        straight_m = distance_m(base[1], base[2], fix.lon, fix.lat)
        known = base[4] or self._agrees(driven_m, straight_m, stood=fix.stands_since <= base[3])
        state.memory[self.id, ODOMETER] = [fix.odometer_km, fix.lon, fix.lat, fix.ts, known]
        return fix.odometer_km, fix.lon, fix.lat, fix.ts, (self.id, ODOMETER) in state.episodes

    def _agrees(self, driven_m: float, straight_m: float, *, stood: bool) -> bool:
        return not stood and driven_m >= (1 - self.params.difference) * straight_m

    def _on_jump(self, facts: Facts) -> None:
        state, ping = facts.state, facts.ping
        fix = state.fix
        facts.remember(self, JUMP, 0)
        if fix is None or ping is None:
            return
        step_m = distance_m(fix.lon, fix.lat, ping.lon, ping.lat)
        step_s = max(0.001, (facts.ts - fix.ts) / 1000.0)
        quality = facts.scope.quality
        facts.raise_(
            self,
            JUMP,
            severity=Severity.RECORD,
            start=facts.ts,
            event_time=facts.ts,
            facts={"step_m": step_m, "step_s": step_s, "speed_kmh": step_m / step_s * 3.6},
            thresholds={"jump_kmh": quality.jump_kmh, "jump_m": quality.jump_m},
        )

    def _compare(self, facts: Facts, fix: FixPoint, odometer_km: float, base: list[float]) -> None:
        driven_m = (odometer_km - base[0]) * 1000.0
        # The straight line is the least the truck has driven; the stay within the stop radius the most it has not.
        straight_m = distance_m(base[1], base[2], fix.lon, fix.lat)
        begin_anew = rounded = odometer_km // self._round_km != base[0] // self._round_km
        # A fix outside the stay may be drift, or the first of the way on: the next one tells whether the stay is over.
        stood = _within_stay(facts.state, base[3])
        agrees = self._agrees(driven_m, straight_m, stood=stood and facts.stopped_s > 0)
        if max(straight_m, driven_m) >= self.params.compare_over_m:
            if not agrees:
                begin_anew = True
                facts.raise_(
                    self,
                    ODOMETER,
                    severity=Severity.WARNING,
                    start=int(base[3]),
                    event_time=facts.ts,
                    known=bool(base[4]),
                    facts={"straight_m": straight_m, "driven_m": driven_m},
                    thresholds={
                        "compare_over_m": self.params.compare_over_m,
                        "difference_ratio": self.params.difference,
                    },
                )
            elif facts.episode(self, ODOMETER) is not None and not stood:
                begin_anew = True
                facts.clear(self, ODOMETER, event_time=facts.ts, reason="odometer and positions agree")
        if begin_anew:
            # What disagreed before a round kilometre was passed may have begun before a rebuild's window.
            known = base[4] or (rounded and agrees)
            facts.remember(self, ODOMETER, [odometer_km, fix.lon, fix.lat, facts.ts, known])

    def on_timer(self, facts: Facts, subject: str) -> None:
        """Sets no deadline."""


def _within_stay(state: VehicleState, since: float) -> bool:
    """Whether a comparison that began then began within the stay that the vehicle is, or last was, in."""
    return state.anchor is not None and state.anchor.ts <= since
