"""power_cut: the tracker was unplugged or tampered with (corte de energía)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

import numpy as np
from pydantic import Field

from geofences.model import FenceKind
from telematics.core.rules.base import RuleParams, Subject, Trigger, Verdict
from telematics.model import Device, DeviceEvent, Severity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from telematics.core.facts import Facts, Scope
    from telematics.core.plain import PlainFixes

WORKSHOPS = frozenset({FenceKind.WORKSHOP})
DEPOTS = frozenset({FenceKind.DEPOT})


class PowerCutParams(RuleParams):
    """When a tracker without power counts."""

    cut_s: float = Field(10, ge=0, description="without power this long, on the arrival clock")
    clear_s: float = Field(600, gt=0, description="powered again for this long ends it")
    cut_below_v: float = Field(5, ge=0, description="a supply below this is cut (12 and 24 V vehicles)")
    powered_from_v: float = Field(9, ge=0, description="a supply from this on is back")


class _Memory(TypedDict):
    ts: int
    at: int
    restored_at: int | None
    sign: str


class PowerCut:
    """A device loses its supply for 10 s, or reports tampering: high; a warning while parked at a depot.

    Driving on does not end it: only 10 min of restored power do. In a workshop nothing is said; a cut that lasts when
    the truck leaves the workshop is said then.
    """

    id: ClassVar[str] = "power_cut"
    remembers: ClassVar[Any] = _Memory
    subject: ClassVar[Subject] = Subject.DEVICE
    triggers: ClassVar[int] = Trigger.EVENTS | Trigger.POWER | Trigger.MEMORY
    watches: ClassVar[int] = 0
    Params: ClassVar[type[RuleParams]] = PowerCutParams

    # Memory per device: {"ts": since, "at": arrival, "restored_at": arrival | None, "sign": word}

    def __init__(self, params: PowerCutParams) -> None:
        self.params = params

    def on_facts(self, facts: Facts) -> None:
        ping = facts.ping
        if ping is None:
            return
        sign = self._sign(facts)
        subject = ping.device.value
        memory: dict[str, Any] | None = facts.recall(self, subject)
        if sign is None:
            if memory is not None and facts.triggers & Trigger.FIX and facts.episode(self, subject) is None:
                self._raise_if_due(facts, subject, memory)
            return
        if sign == "restored":
            if memory is not None and memory["restored_at"] is None and facts.ts >= memory["ts"]:
                self._restore(facts, subject, memory)
            return
        if memory is None:
            memory = {"ts": facts.ts, "at": facts.at, "restored_at": None, "sign": sign}
        elif memory["restored_at"] is not None:
            if facts.late:
                return
            memory = {**memory, "restored_at": None, "sign": sign}
        elif sign == memory["sign"]:
            return
        facts.remember(self, subject, memory)
        facts.arm(self, subject, memory["at"] + self.params.cut_s * 1000)
        if sign == DeviceEvent.TAMPER.value:
            # A cover that was opened is not a supply that is gone: it counts at once and heals by itself.
            self._raise(facts, subject, memory)
            if memory["sign"] == sign:
                self._restore(facts, subject, memory)
        elif facts.late:
            restored_ts = facts.followed_by(DeviceEvent.POWER_RESTORED)
            if restored_ts is not None:
                if restored_ts - memory["ts"] >= self.params.cut_s * 1000:
                    self._raise(facts, subject, memory, lasted_s=(restored_ts - memory["ts"]) / 1000.0)
                self._restore(facts, subject, memory)

    def watch(self, facts: Facts) -> tuple[float, ...] | None:
        return None if self.id in facts.state.remembering else ()

    def indifferent(self, scope: Scope, fixes: PlainFixes, watched: NDArray[np.float64]) -> NDArray[np.bool_]:
        """The supply is there, or not told."""
        return np.asarray(np.isnan(fixes.power_v) | (fixes.power_v >= self.params.cut_below_v), dtype=bool)

    def on_timer(self, facts: Facts, subject: str) -> None:
        memory = facts.recall(self, subject)
        if memory is None:
            return
        if memory["restored_at"] is None:
            self._raise_if_due(facts, subject, memory)
            return
        powered_ms = facts.at - memory["restored_at"]
        if powered_ms >= self.params.clear_s * 1000:
            facts.clear(self, subject, event_time=facts.ts, reason="powered again")
            facts.forget(self, subject)

    def _sign(self, facts: Facts) -> str | None:
        for event in (DeviceEvent.POWER_CUT, DeviceEvent.TAMPER):
            if event in facts.events:
                return event.value
        if DeviceEvent.POWER_RESTORED in facts.events:
            return "restored"
        # Units on trailer and cargo live on batteries of a few volts: only their events tell a cut.
        ping = facts.ping
        if ping is None or ping.power_v is None or facts.late or ping.device is not Device.TRACTOR:
            return None
        power_v = ping.power_v
        if power_v < self.params.cut_below_v:
            return "power_v"
        return "restored" if power_v >= self.params.powered_from_v else None

    def _restore(self, facts: Facts, subject: str, memory: dict[str, Any]) -> None:
        facts.remember(self, subject, {**memory, "restored_at": facts.at})
        if facts.episode(self, subject) is None:
            facts.forget(self, subject)
            facts.disarm(self, subject)
        else:
            facts.arm(self, subject, facts.at + self.params.clear_s * 1000)

    def _raise_if_due(self, facts: Facts, subject: str, memory: dict[str, Any]) -> None:
        if memory["restored_at"] is None and facts.at - memory["at"] >= self.params.cut_s * 1000:
            self._raise(facts, subject, memory)

    def _raise(self, facts: Facts, subject: str, memory: dict[str, Any], lasted_s: float | None = None) -> None:
        state = facts.state
        if facts.place_of(WORKSHOPS) is not None:
            facts.note(self, subject, Verdict.HELD, by=facts.place_name())
            return
        fix = state.fix
        parked = fix is None or fix.speed_kmh <= facts.scope.motion.moving_kmh
        depot = facts.place_of(DEPOTS)
        cut_s = (facts.at - memory["at"]) / 1000.0 if lasted_s is None else lasted_s
        due_s = cut_s if lasted_s is None else self.params.cut_s
        facts.raise_(
            self,
            subject,
            severity=Severity.WARNING if depot is not None and parked else Severity.HIGH,
            start=memory["ts"],
            event_time=memory["ts"] + due_s * 1000,
            known=memory["sign"] != "power_v" or memory["ts"] > state.first_ts,
            facts={"sign": memory["sign"], "cut_s": cut_s, "parked": parked},
            thresholds={"cut_s": self.params.cut_s, "cut_below_v": self.params.cut_below_v},
            fence=depot if depot is not None else state.corridor,
        )
