"""cab_door: the cab was opened (puerta de cabina)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from telematics.core.rules import doors
from telematics.core.rules.base import RuleParams, Subject, Trigger, Verdict
from telematics.model import Device, Severity

if TYPE_CHECKING:
    from telematics.core.facts import Facts


class CabDoorParams(RuleParams):
    """When an open cab is worse than a driver stretching his legs."""

    rolling_kmh: float = Field(5, ge=0, description="open at more than this speed: high")


class CabDoor:
    """The tractor's door opens while the truck stands off any place: warning; open while it rolls: high.

    It ends when the door is closed. At a place (depot, customer, toll …) a standing truck's door says nothing.
    """

    id: ClassVar[str] = "cab_door"
    remembers: ClassVar[Any] = tuple[int, int]
    subject: ClassVar[Subject] = Subject.DEVICE
    triggers: ClassVar[int] = Trigger.EVENTS | Trigger.MEMORY
    Params: ClassVar[type[RuleParams]] = CabDoorParams

    def __init__(self, params: CabDoorParams) -> None:
        self.params = params

    def on_facts(self, facts: Facts) -> None:
        ping, state = facts.ping, facts.state
        if ping is None or ping.device is not Device.TRACTOR:
            return
        subject = Device.TRACTOR.value
        opened, just_now = doors.follow(facts, self, subject)
        if opened is None or not (just_now or facts.triggers & Trigger.FIX):
            return
        speed_kmh = ping.speed_kmh if ping.speed_kmh is not None else (state.fix.speed_kmh if state.fix else 0.0)
        rolling = speed_kmh > self.params.rolling_kmh
        if not rolling and facts.places:
            facts.note(self, subject, Verdict.HELD, by=facts.place_name())
        else:
            self._raise(facts, subject, opened, speed_kmh, rolling=rolling)
        if just_now:
            doors.shut_if_long_closed(facts, self, subject)

    def _raise(self, facts: Facts, subject: str, opened: list[int], speed_kmh: float, *, rolling: bool) -> None:
        facts.raise_(
            self,
            subject,
            severity=Severity.HIGH if rolling else Severity.WARNING,
            start=opened[0],
            event_time=facts.ts,
            facts={"speed_kmh": speed_kmh, "open_s": (facts.ts - opened[0]) / 1000.0},
            thresholds={"rolling_kmh": self.params.rolling_kmh},
            fence=facts.state.corridor,
        )

    def on_timer(self, facts: Facts, subject: str) -> None:
        """Sets no deadline."""
