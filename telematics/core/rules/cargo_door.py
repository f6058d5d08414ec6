"""cargo_door: the cargo space was opened (puerta de caja)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from geofences.model import FenceKind
from telematics.core.rules import doors
from telematics.core.rules.base import RuleParams, Subject, Trigger, Verdict
from telematics.model import Device, DeviceEvent, Severity

if TYPE_CHECKING:
    from telematics.core.facts import Facts

INSPECTIONS = frozenset({FenceKind.INSPECTION})


class CargoDoorParams(RuleParams):
    """When an open cargo door counts."""

    open_s: float = Field(10, ge=0, description="open this long, on the arrival clock")


class CargoDoor:
    """The door of trailer or cargo stays open for 10 s off any place: high. At a registered inspection it is a hint.

    It ends when the door is closed. A door left open on leaving a depot counts from there on.
    """

    id: ClassVar[str] = "cargo_door"
    remembers: ClassVar[Any] = tuple[int, int]
    subject: ClassVar[Subject] = Subject.DEVICE
    triggers: ClassVar[int] = Trigger.EVENTS | Trigger.MEMORY
    Params: ClassVar[type[RuleParams]] = CargoDoorParams

    def __init__(self, params: CargoDoorParams) -> None:
        self.params = params

    def on_facts(self, facts: Facts) -> None:
        ping = facts.ping
        if ping is None:
            return
        open_ms = self.params.open_s * 1000
        if ping.device is not Device.TRACTOR:
            subject = ping.device.value
            opened, just_now = doors.follow(facts, self, subject)
            if opened is not None and just_now:
                facts.arm(self, subject, facts.at + open_ms)
                closed_ts = facts.followed_by(DeviceEvent.DOOR_CLOSED)
                if closed_ts is not None:
                    if closed_ts - facts.ts >= open_ms:
                        self._raise(facts, subject, opened, lasted_s=(closed_ts - opened[0]) / 1000.0)
                    doors.shut_if_long_closed(facts, self, subject)
        if facts.triggers & Trigger.FIX:
            for device in (Device.TRAILER, Device.CARGO):
                opened = facts.recall(self, device.value)
                if opened is not None and facts.at - opened[1] >= open_ms:
                    self._raise(facts, device.value, opened)

    def on_timer(self, facts: Facts, subject: str) -> None:
        opened = facts.recall(self, subject)
        if opened is not None:
            self._raise(facts, subject, opened)

    def _raise(self, facts: Facts, subject: str, opened: list[int], lasted_s: float | None = None) -> None:
        state = facts.state
        inspection = facts.place_of(INSPECTIONS)
        inspected = inspection is not None
        if facts.places and not inspected:
            facts.note(self, subject, Verdict.HELD, by=facts.place_name())
            return
        open_s = (facts.at - opened[1]) / 1000.0 if lasted_s is None else lasted_s
        due_s = open_s if lasted_s is None else self.params.open_s
        facts.raise_(
            self,
            subject,
            severity=Severity.HINT if inspected else Severity.HIGH,
            start=opened[0],
            event_time=opened[0] + due_s * 1000,
            facts={"open_s": open_s, "inspection": inspected},
            thresholds={"open_s": self.params.open_s},
            fence=inspection if inspected else state.corridor,
        )
